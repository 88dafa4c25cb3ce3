package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// The pause before a second try to reach a partner, and the longest. It doubles with each try.
const (
	firstPause   = 250 * time.Millisecond
	longestPause = 2 * time.Second
)

// dispatch makes one try to send a command that is Sending, in the background, and keeps what comes of it.
func (s *Sender) dispatch(ctx context.Context, client *ocpiclient.Client, c Command) {
	s.work.Go(func() {
		// What has ended as TIMEOUT must not be sent any more.
		sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Due.Sub(s.now()))
		defer cancel()
		defer context.AfterFunc(s.life, cancel)()
		response, err := call(sending, client, &c)
		step := s.answer(&c, response, err)
		if _, err := s.happen(context.WithoutCancel(ctx), c.ID, step, s.limits); err != nil {
			s.logger.ErrorContext(ctx, "cannot store the answer to a command", "command", c.ID, "answer", step.Result, "error", err)
		}
	})
}

// call sends a command as it is stored.
func call(ctx context.Context, client *ocpiclient.Client, c *Command) (v230.CommandResponse, error) {
	commands := client.CPO().Commands
	ctx = c.routed(ctx)
	switch c.Type {
	case v230.CommandTypeStartSession:
		return callWith(ctx, c, commands.StartSession)
	case v230.CommandTypeStopSession:
		return callWith(ctx, c, commands.StopSession)
	case v230.CommandTypeReserveNow:
		return callWith(ctx, c, commands.ReserveNow)
	case v230.CommandTypeCancelReservation:
		return callWith(ctx, c, commands.CancelReservation)
	case v230.CommandTypeUnlockConnector:
		return callWith(ctx, c, commands.UnlockConnector)
	case GetProfile, SetProfile, ClearProfile:
		return callProfile(ctx, client, c)
	default:
		return v230.CommandResponse{}, fmt.Errorf("%s is not sent", c.Type)
	}
}

func callWith[T any](ctx context.Context, c *Command, send func(context.Context, T) (v230.CommandResponse, error)) (v230.CommandResponse, error) {
	request, err := As[T](*c)
	if err != nil {
		return v230.CommandResponse{}, err
	}
	return send(ctx, request)
}

// answer is the step that the answer to a command is, or the lack of one.
func (s *Sender) answer(c *Command, response v230.CommandResponse, err error) Step {
	step := Step{At: s.now()}
	if err == nil {
		step.What, step.Result, step.Message, step.Timeout = Answered, said(string(response.Result)), text(response.Message), response.Timeout
		return step
	}
	step.Message = err.Error()
	var e *ocpiclient.Error
	if errors.As(err, &e) {
		step.Message, step.HTTP, step.Status = e.Message, e.HTTP, e.Status
	}
	pause := spread(min(firstPause<<min(c.Tries, 10), longestPause))
	switch {
	case e != nil && e.Unclear():
		step.What = Lost
	case e != nil && e.Status == ocpi.StatusUnknownLocation:
		step.What, step.Result = Failed, string(UnknownLocation)
	case e != nil && e.HTTP != 0:
		step.What, step.Result = Failed, string(Refused)
	case e != nil && e.Kind == ocpiclient.TryLater && step.At.Add(pause).Before(s.sendUntil(c)):
		step.What, step.retry = Unreached, pause
	default:
		step.What, step.Result = Failed, string(NotSent)
	}
	return step
}

// said is what a partner has said: the diagrams of 2.1.1 have another word for ACCEPTED than its tables (requirement CMD-16).
func said(result string) string {
	if result == "SUCCESSFUL" {
		return string(accepted)
	}
	return result
}

// sendUntil is until when it is tried to reach the partner.
func (s *Sender) sendUntil(c *Command) time.Time { return c.Created.Add(s.sendWithin) }

// again sends a command that has not reached the partner before, or ends it where the time for that is over.
func (s *Sender) again(ctx context.Context, c Command) {
	client, err := s.client(ctx, c.Partner)
	now := s.now()
	c, failed := s.change(ctx, c.ID, func(c *Command) error {
		switch {
		case c.State != Waiting || c.Due.After(now):
			return errTaken
		case err != nil:
			c.apply(Step{At: now, What: Failed, Result: string(NotSent), Message: err.Error()}, s.limits)
		case now.After(s.sendUntil(c)):
			c.apply(Step{At: now, What: Failed, Result: string(NotSent), Message: c.Steps[len(c.Steps)-1].Message}, s.limits)
		default:
			c.resend(s.limits)
		}
		return nil
	})
	switch {
	case failed == nil && c.State == Sending:
		s.dispatch(ctx, client, c)
	case failed != nil && !errors.Is(failed, errTaken) && ctx.Err() == nil:
		s.logger.ErrorContext(ctx, "cannot send a command again", "command", c.ID, "error", failed)
	}
}
