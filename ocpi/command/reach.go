package command

import (
	"context"
	"errors"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// post sends a command and keeps what the partner answers. It returns when ctx ends; the sending does not end with it.
func (s *Sender) post(ctx context.Context, id string, call func(context.Context) (v230.CommandResponse, error)) {
	done := make(chan struct{})
	s.work.Go(func() {
		defer close(done)
		// What has ended as TIMEOUT must not be sent any more.
		sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.limits.result)
		defer cancel()
		defer context.AfterFunc(s.life, cancel)()
		response, err := s.reach(sending, call)
		step := s.answer(response, err)
		if _, err := s.happen(context.WithoutCancel(ctx), id, step, s.limits); err != nil {
			s.logger.ErrorContext(ctx, "cannot store the answer to a command", "command", id, "answer", step.Result, "error", err)
		}
	})
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// The pause before a second try to reach a partner, and the longest. It doubles with each try.
const (
	firstPause   = 250 * time.Millisecond
	longestPause = 2 * time.Second
)

// reach makes a call, and makes it again while no connection to the partner can be made.
func (s *Sender) reach(ctx context.Context, call func(context.Context) (v230.CommandResponse, error)) (v230.CommandResponse, error) {
	until := time.Now().Add(s.sendWithin)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		response, err := call(ctx)
		again := spread(pause)
		if !unreached(err) || time.Now().Add(again).After(until) {
			return response, err
		}
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return response, err
		}
	}
}

// unreached reports whether a call has certainly not arrived, for a reason that may pass.
func unreached(err error) bool {
	var e *ocpiclient.Error
	return errors.As(err, &e) && e.HTTP == 0 && e.Kind == ocpiclient.TryLater && !e.Unclear()
}

// answer is the step that the answer to a command is, or the lack of one.
func (s *Sender) answer(response v230.CommandResponse, err error) Step {
	step := Step{At: s.now()}
	var e *ocpiclient.Error
	switch {
	case err == nil:
		step.What, step.Result, step.Message, step.Timeout = Answered, string(response.Result), text(response.Message), response.Timeout
		return step
	case errors.As(err, &e) && e.Unclear():
		step.What = Lost
	case errors.As(err, &e) && e.Status == ocpi.StatusUnknownLocation:
		step.What, step.Result = Failed, string(UnknownLocation)
	case errors.As(err, &e) && e.HTTP != 0:
		step.What, step.Result = Failed, string(Refused)
	default:
		step.What, step.Result = Failed, string(NotSent)
	}
	step.Message = err.Error()
	if e != nil {
		step.Message, step.HTTP, step.Status = e.Message, e.HTTP, e.Status
	}
	return step
}
