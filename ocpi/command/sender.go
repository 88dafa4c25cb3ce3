package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// SenderConfig says how commands are sent. Client and BaseURL are required.
type SenderConfig struct {
	// Store keeps the commands. Default a new Memory.
	Store Store
	// Client returns what calls a partner.
	Client Clients
	// Party returns which of a partner's parties a command is for: the one with the location or the session that it is about.
	// It is the zero Party where that is not known, and the command is then for the partner's first CPO. Nil where partners
	// have one each.
	Party func(ctx context.Context, c Command) ocpi.Party
	// BaseURL is that of the ocpiserver that takes the results.
	BaseURL string
	// Timeout is how long a command may take, counted anew when it is accepted. A partner whose version can say how long
	// it takes gets that long instead, up to an hour. Default 2 minutes.
	Timeout time.Duration
	// SendWithin is how long it is tried to reach a partner to which no connection can be made, as while it restarts. A
	// command that may have arrived is never sent again. Default 15 seconds, but no longer than Timeout; negative for one
	// try.
	SendWithin time.Duration
	// Logger gets what is odd. Default slog.Default().
	Logger *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

const (
	defaultTimeout    = 2 * time.Minute
	defaultSendWithin = 15 * time.Second
)

func (c SenderConfig) withDefaults() SenderConfig {
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.SendWithin == 0 {
		c.SendWithin = defaultSendWithin
	}
	c.SendWithin = min(c.SendWithin, c.Timeout)
	return c
}

// A Sender sends commands to CPOs and follows them. It is an ocpiserver.CommandResults. Any number of goroutines may use it.
type Sender struct {
	*desk
	baseURL    string
	sendWithin time.Duration
	party      func(ctx context.Context, c Command) ocpi.Party
	// life ends with Close, and with it what is being sent.
	life context.Context
	stop context.CancelFunc
	work sync.WaitGroup
	// strays counts the results for no command, of each partner.
	strays map[string]straying
}

// NewSender makes a Sender.
func NewSender(config SenderConfig) *Sender {
	config = config.withDefaults()
	s := &Sender{
		desk:    newDesk(config.Store, false, config.Client, config.Logger, config.Now),
		baseURL: strings.TrimRight(config.BaseURL, "/"), sendWithin: config.SendWithin, party: config.Party, strays: map[string]straying{},
	}
	s.limits.result = config.Timeout
	s.life, s.stop = context.WithCancel(context.Background())
	return s
}

// Close ends what is being sent. Those commands stay open, and it is not known whether they got through. Those that were waiting
// for a partner go on with the next Sender of the Store.
func (s *Sender) Close() {
	s.stop()
	s.work.Wait()
}

// Run ends commands that get no result in time, and sends those again that have not reached their partner, also those from before
// a restart, until ctx ends.
func (s *Sender) Run(ctx context.Context) {
	s.run(ctx, func() int { return 0 }, func(ctx context.Context, c Command) {
		if c.State == Waiting {
			s.again(ctx, c)
			return
		}
		s.expire(ctx, c, s.limits)
	})
}

// answerAfterResult is how long the CPO's answer is waited for where its result was faster.
const answerAfterResult = 500 * time.Millisecond

// Await returns a command when it has ended, or as it is when ctx ends, with the error of ctx.
func (s *Sender) Await(ctx context.Context, id string) (Command, error) {
	c, err := s.await(ctx, id, func(c *Command) bool { return c.End != nil })
	if err != nil || !c.answerToCome() {
		return c, err
	}
	soon, cancel := context.WithTimeout(ctx, answerAfterResult)
	defer cancel()
	if later, err := s.await(soon, id, func(c *Command) bool { return !c.answerToCome() }); err == nil {
		return later, nil
	}
	return c, nil
}

// StartSession asks a CPO for a session. What it fills in is the response_url and, where there is none, the
// authorization_reference.
//
// Like the other commands, it returns when the CPO has answered or cannot be reached, and when ctx ends, with the command as
// it then is; the command goes on either way. An error means that there is no command: the request is not valid, which is an
// *ocpi.Error with its findings, or there is no way to call this partner.
func (s *Sender) StartSession(ctx context.Context, partner string, request v230.StartSession) (Command, error) {
	return send(ctx, s, partner, order[v230.StartSession]{
		kind: v230.CommandTypeStartSession, match: MatchAt(request.LocationID),
		prepare: func(r *v230.StartSession, url, id string) {
			r.ResponseURL = url
			if r.AuthorizationReference == nil {
				r.AuthorizationReference = new(ocpi.CiString(id))
			}
		},
		validate: (*v230.StartSession).Validate,
	}, request)
}

// StopSession asks a CPO for the end of a session.
func (s *Sender) StopSession(ctx context.Context, partner string, request v230.StopSession) (Command, error) {
	return send(ctx, s, partner, order[v230.StopSession]{
		kind: v230.CommandTypeStopSession, prepare: func(r *v230.StopSession, url, _ string) { r.ResponseURL = url },
		validate: (*v230.StopSession).Validate,
	}, request)
}

// ReserveNow asks a CPO to keep a charge point free.
func (s *Sender) ReserveNow(ctx context.Context, partner string, request v230.ReserveNow) (Command, error) {
	return send(ctx, s, partner, order[v230.ReserveNow]{
		kind: v230.CommandTypeReserveNow, match: MatchAt(request.LocationID),
		prepare: func(r *v230.ReserveNow, url, id string) {
			r.ResponseURL = url
			if r.AuthorizationReference == nil {
				r.AuthorizationReference = new(ocpi.CiString(id))
			}
		},
		validate: (*v230.ReserveNow).Validate,
	}, request)
}

// CancelReservation asks a CPO to give up a reservation of ours, which 2.1.1 cannot: that is ErrVersion (requirement DM-01).
func (s *Sender) CancelReservation(ctx context.Context, partner string, request v230.CancelReservation) (Command, error) {
	return send(ctx, s, partner, order[v230.CancelReservation]{
		kind: v230.CommandTypeCancelReservation, since: ocpi.V221,
		prepare:  func(r *v230.CancelReservation, url, _ string) { r.ResponseURL = url },
		validate: (*v230.CancelReservation).Validate,
	}, request)
}

// UnlockConnector asks a CPO to let go of a plug. It is for help desks only (requirement CMD-14).
func (s *Sender) UnlockConnector(ctx context.Context, partner string, request v230.UnlockConnector) (Command, error) {
	return send(ctx, s, partner, order[v230.UnlockConnector]{
		kind: v230.CommandTypeUnlockConnector, prepare: func(r *v230.UnlockConnector, url, _ string) { r.ResponseURL = url },
		validate: (*v230.UnlockConnector).Validate,
	}, request)
}

// An order is what differs between kinds of commands.
type order[T any] struct {
	kind v230.CommandType
	// since is the first version that has it; empty for all.
	since    ocpi.Version
	match    string
	prepare  func(request *T, responseURL, id string)
	validate func(*T) []ocpi.Finding
}

// send stores a command and then sends it: a result may come before the answer does.
func send[T any](ctx context.Context, s *Sender, partner string, o order[T], request T) (Command, error) {
	client, err := s.client(ctx, partner)
	if err != nil {
		return Command{}, fmt.Errorf("send %s: %w", o.kind, err)
	}
	if client.Version().Compare(o.since) < 0 {
		return Command{}, fmt.Errorf("send %s to %s: %w", o.kind, partner, ErrVersion)
	}
	id := newID()
	url := fmt.Sprintf("%s/emsp/%s/commands/%s/%s", s.baseURL, client.Version(), o.kind, id)
	o.prepare(&request, url, id)
	if findings := o.validate(&request); len(findings) > 0 {
		return Command{}, &ocpi.Error{Code: ocpi.StatusInvalidParameters, Message: fmt.Sprintf("the %s is not valid", o.kind), Findings: findings}
	}
	raw, err := json.Marshal(&request)
	if err != nil {
		return Command{}, fmt.Errorf("write %s: %w", o.kind, err)
	}
	now := s.now()
	return s.launch(ctx, client, Command{
		ID: id, Partner: partner, Type: o.kind, Request: raw, ResponseURL: url, State: Sending, Created: now, Changed: now,
		Due: now.Add(s.limits.result), Match: o.match,
	})
}

// launch stores a command, sends it, and returns when it has its answer or ctx ends.
func (s *Sender) launch(ctx context.Context, client *ocpiclient.Client, c Command) (Command, error) {
	if s.party != nil {
		c.Party = s.party(ctx, c)
	}
	if err := s.store.Add(ctx, c); err != nil {
		return Command{}, fmt.Errorf("store %s: %w", c.Type, err)
	}
	s.dispatch(ctx, client, c)
	c, err := s.await(ctx, c.ID, func(c *Command) bool { return c.State != Sending && c.State != Waiting && !c.answerToCome() })
	if err != nil && ctx.Err() != nil { // the caller goes, the command goes on
		err = nil
	}
	return c, err
}

// text is a message for people, in the first language it is written in.
func text(message []v230.DisplayText) string {
	if len(message) == 0 {
		return ""
	}
	return message[0].Text
}

// errForeign says that a partner sent a result for a command of another.
var errForeign = errors.New("it is another partner's command")

// CommandResult implements ocpiserver.CommandResults. A result that comes late, twice or for no command is kept and no error
// (requirement CMD-08); one for another partner's command is kept and refused.
func (s *Sender) CommandResult(ctx context.Context, from *ocpi.Partner, kind v230.CommandType, uid string, result v230.CommandResult) error {
	return s.take(ctx, from, kind, uid, Step{Result: said(string(result.Result)), Message: text(result.Message)})
}

// take takes a result that a partner has sent to a URL of ours. One about a charging profile is for a request of its kind alone.
func (s *Sender) take(ctx context.Context, from *ocpi.Partner, kind v230.CommandType, uid string, step Step) error {
	step.At, step.What = s.now(), Resulted
	_, err := s.change(ctx, uid, func(c *Command) error {
		if c.Partner != from.ID {
			return errForeign
		}
		if (IsProfile(kind) || IsProfile(c.Type)) && c.Type != kind {
			return ErrUnknown
		}
		c.apply(step, s.limits)
		return nil
	})
	switch {
	case errors.Is(err, ErrUnknown):
		return s.stray(ctx, from, kind, uid, step)
	case errors.Is(err, errForeign):
		s.logger.WarnContext(ctx, "a partner sent a result for another partner's command", "partner", from.ID, "command", uid)
		if err := s.stray(ctx, from, kind, uid, step); err != nil {
			return err
		}
		return ocpi.NotFound("there is no command %s", uid)
	default:
		return err
	}
}

// A straying is how many results for no command a partner has sent lately.
type straying struct {
	since time.Time
	count int
}

// What is kept of results for no command, so that a partner cannot fill the store with them.
const (
	straysKept = 100
	straysIn   = time.Hour
	maxUID     = 200 // in bytes
)

// stray keeps a result for no command, in one record for each uid that the partner makes up.
func (s *Sender) stray(ctx context.Context, from *ocpi.Partner, kind v230.CommandType, uid string, step Step) error {
	if !s.mayStray(from.ID, step.At) {
		s.logger.WarnContext(ctx, "a partner sends many results for commands that there are not", "partner", from.ID)
		return nil
	}
	if !kind.Known() && !IsProfile(kind) { // the path can be anything
		kind = ""
	}
	hash := sha256.Sum256([]byte(from.ID + "\x00" + uid))
	id := "stray-" + hex.EncodeToString(hash[:16])
	step.Message = strings.TrimSpace("response_url ends with " + strings.ToValidUTF8(uid[:min(len(uid), maxUID)], "\ufffd") + ". " + step.Message)
	c := Command{ID: id, Partner: from.ID, Type: kind, State: Stray, Created: step.At, Changed: step.At}
	c.apply(step, s.limits)
	err := s.store.Add(ctx, c)
	if errors.Is(err, ErrExists) {
		_, err = s.happen(ctx, id, step, s.limits)
	}
	return err
}

func (s *Sender) mayStray(partner string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.strays[partner]
	if now.Sub(seen.since) > straysIn {
		seen = straying{since: now}
	}
	seen.count++
	s.strays[partner] = seen
	return seen.count <= straysKept
}
