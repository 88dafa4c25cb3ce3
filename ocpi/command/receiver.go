package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// ReceiverConfig says how commands are taken. Client is required.
type ReceiverConfig struct {
	// Store keeps the commands. Default a new Memory.
	Store Store
	// Client returns what calls a partner.
	Client Clients
	// Check looks at a command before anybody is asked; nil for nobody. An Answer with a Result is the answer, and an
	// *ocpi.Error what the partner is told, such as one with ocpi.StatusUnknownLocation (requirement CMD-10).
	Check func(ctx context.Context, from *ocpi.Partner, c Command) (Answer, error)
	// Routing tells which of a partner's parties a message is from and which of ours it is for, as ocpiserver.RoutingOf does; nil where partners have one
	// each.
	Routing func(ctx context.Context) ocpi.Routing
	// Requested is told of a command that wants an answer, in a goroutine of its own; nil for nobody. It, or whoever it
	// tells, calls Answer, and Result if the answer was ACCEPTED.
	Requested func(ctx context.Context, c Command)
	// AnswerWithin is how long the partner is kept waiting for the answer. Default 3 seconds; negative for not at all.
	AnswerWithin time.Duration
	// Default is the answer that stands where none comes in that time, for each kind of command. Default REJECTED.
	Default map[v230.CommandType]v230.CommandResponseType
	// ResultWithin is how long the result may take after the command was accepted, before it is TIMEOUT. Default 1 minute.
	ResultWithin time.Duration
	// DeliverWithin is how long it is tried to deliver a result. Default 1 hour.
	DeliverWithin time.Duration
	// Backoff is the pause before the second attempt; it doubles up to a minute. Default a quarter of a second: somebody
	// stands at the charge point.
	Backoff time.Duration
	// Logger gets what is odd. Default slog.Default().
	Logger *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

const (
	defaultAnswerWithin  = 3 * time.Second
	defaultResultWithin  = time.Minute
	defaultDeliverWithin = time.Hour
	defaultBackoff       = 250 * time.Millisecond
	longestBackoff       = time.Minute
)

func (c ReceiverConfig) withDefaults() ReceiverConfig {
	if c.AnswerWithin == 0 {
		c.AnswerWithin = defaultAnswerWithin
	}
	c.AnswerWithin = max(0, c.AnswerWithin)
	if c.ResultWithin <= 0 {
		c.ResultWithin = defaultResultWithin
	}
	if c.DeliverWithin <= 0 {
		c.DeliverWithin = defaultDeliverWithin
	}
	if c.Backoff <= 0 {
		c.Backoff = defaultBackoff
	}
	c.Default = maps.Clone(c.Default)
	return c
}

// A Receiver takes commands of eMSPs and sends them their results. It is an ocpiserver.Commands. Any number of goroutines may
// use it.
type Receiver struct {
	*desk
	config ReceiverConfig

	// busy are the commands that are being answered or whose results are being delivered, and gates keep one partner's from holding up another's.
	delivering sync.Mutex
	busy       map[string]bool
	gates      map[string]chan struct{}
	work       sync.WaitGroup
}

// NewReceiver makes a Receiver.
func NewReceiver(config ReceiverConfig) *Receiver {
	config = config.withDefaults()
	return &Receiver{
		desk: newDesk(config.Store, true, config.Client, config.Logger, config.Now), config: config,
		busy: map[string]bool{}, gates: map[string]chan struct{}{},
	}
}

// StartSession implements ocpiserver.Commands.
func (r *Receiver) StartSession(ctx context.Context, from *ocpi.Partner, request v230.StartSession) (v230.CommandResponse, error) {
	return take(ctx, r, from, v230.CommandTypeStartSession, request.ResponseURL, MatchAt(request.LocationID), &request)
}

// StopSession implements ocpiserver.Commands.
func (r *Receiver) StopSession(ctx context.Context, from *ocpi.Partner, request v230.StopSession) (v230.CommandResponse, error) {
	return take(ctx, r, from, v230.CommandTypeStopSession, request.ResponseURL, "", &request)
}

// ReserveNow implements ocpiserver.Commands.
func (r *Receiver) ReserveNow(ctx context.Context, from *ocpi.Partner, request v230.ReserveNow) (v230.CommandResponse, error) {
	return take(ctx, r, from, v230.CommandTypeReserveNow, request.ResponseURL, MatchAt(request.LocationID), &request)
}

// UnlockConnector implements ocpiserver.Commands.
func (r *Receiver) UnlockConnector(ctx context.Context, from *ocpi.Partner, request v230.UnlockConnector) (v230.CommandResponse, error) {
	return take(ctx, r, from, v230.CommandTypeUnlockConnector, request.ResponseURL, "", &request)
}

// CancelReservation implements ocpiserver.Commands.
func (r *Receiver) CancelReservation(ctx context.Context, from *ocpi.Partner, request v230.CancelReservation) (v230.CommandResponse, error) {
	return take(ctx, r, from, v230.CommandTypeCancelReservation, request.ResponseURL, "", &request)
}

// take stores a command and answers it.
func take[T any](ctx context.Context, r *Receiver, from *ocpi.Partner, kind v230.CommandType, responseURL, match string, request *T) (v230.CommandResponse, error) {
	raw, err := json.Marshal(request)
	if err != nil {
		return v230.CommandResponse{}, fmt.Errorf("write %s: %w", kind, err)
	}
	now := r.now()
	c := Command{
		ID: newID(), Received: true, Partner: from.ID, Type: kind, Request: convert.StripLeftovers(raw), ResponseURL: responseURL,
		State: Asked, Created: now, Changed: now, Due: now.Add(r.config.AnswerWithin), Match: match,
		Party: r.partyOf(ctx, from), Own: r.routing(ctx).To,
	}
	c.Reservation = reservation(&c, request)
	answer, refusal := r.check(ctx, from, &c)
	var refused *ocpi.Error
	switch {
	case errors.As(refusal, &refused):
		step := Step{At: now, What: Answered, Result: string(Refused), Message: refused.StatusMessage(), HTTP: refused.HTTP, Status: refused.Code}
		if refused.Code == ocpi.StatusUnknownLocation {
			step.Result = string(UnknownLocation)
		}
		c.apply(step, r.limitsOf(kind))
	case refusal != nil:
		return v230.CommandResponse{}, refusal
	case answer.Result != "":
		c.apply(Step{At: now, What: Answered, Result: string(answer.Result), Message: answer.Message}, r.limitsOf(kind))
	}
	if c.Answer != nil {
		if err := r.store.Add(ctx, c); err != nil {
			return v230.CommandResponse{}, fmt.Errorf("store %s: %w", kind, err)
		}
		return r.response(&c), refusal
	}
	return r.ask(ctx, c)
}

// partyOf is the partner's party that a message is from: the one that it says, or its only one with drivers.
func (r *Receiver) partyOf(ctx context.Context, from *ocpi.Partner) ocpi.Party {
	if party := r.routing(ctx).From; party != (ocpi.Party{}) {
		return party
	}
	if parties := from.Parties(ocpi.RoleEMSP); len(parties) == 1 {
		return parties[0]
	}
	return ocpi.Party{}
}

// routing is whom a message says that it is for and from.
func (r *Receiver) routing(ctx context.Context) ocpi.Routing {
	if r.config.Routing == nil {
		return ocpi.Routing{}
	}
	return r.config.Routing(ctx)
}

// check answers a command without asking anybody, where that is possible.
func (r *Receiver) check(ctx context.Context, from *ocpi.Partner, c *Command) (Answer, error) {
	if r.config.Check != nil {
		if answer, err := r.config.Check(ctx, from, *c); err != nil || answer.Result != "" {
			return answer, err
		}
	}
	client, err := r.client(ctx, from.ID)
	if err != nil {
		r.logger.WarnContext(ctx, "a command is rejected, because its result could not be sent", "partner", from.ID, "error", err)
		return Answer{Result: v230.CommandResponseTypeRejected, Message: "There is no way to send you the result."}, nil
	}
	// Who cannot be told the result must not start anything (requirement CMD-17).
	if err := client.EMSP().CheckResponseURL(c.ResponseURL); err != nil {
		return Answer{}, &ocpi.Error{
			Code: ocpi.StatusInvalidParameters, Message: "the result cannot be sent there", Err: err,
			Findings: []ocpi.Finding{{Pointer: "/response_url", Code: ocpi.FindingMismatch, Message: "is not on a host of yours that may be called"}},
		}
	}
	return Answer{}, nil
}

// answerTakes is how long an answer may take from here to the partner, before a result may follow.
const answerTakes = 100 * time.Millisecond

// ask has the program answer, and answers for it where it takes too long. A partner that does not wait for so long has a
// command whose outcome it does not know; it still gets the result if there is one.
func (r *Receiver) ask(ctx context.Context, c Command) (v230.CommandResponse, error) {
	// A result does not go out before the answer: not every eMSP knows the command by then.
	r.begin(c.ID)
	defer func() {
		time.AfterFunc(answerTakes, func() { r.over(c.ID); nudge(r.wake) })
	}()
	if err := r.store.Add(ctx, c); err != nil {
		return v230.CommandResponse{}, fmt.Errorf("store %s: %w", c.Type, err)
	}
	if r.config.Requested != nil {
		go r.config.Requested(context.WithoutCancel(ctx), c.clone())
	}
	waiting, cancel := context.WithTimeout(ctx, r.config.AnswerWithin)
	defer cancel()
	_, err := r.await(waiting, c.ID, func(c *Command) bool { return c.State != Asked })
	if ctx.Err() != nil {
		return v230.CommandResponse{}, ctx.Err()
	}
	if err != nil && waiting.Err() == nil {
		return v230.CommandResponse{}, fmt.Errorf("answer %s: %w", c.Type, err)
	}
	// Where it was answered, this changes nothing.
	at := r.now()
	c, err = r.change(ctx, c.ID, func(c *Command) error {
		if c.State == Asked {
			if at.Before(c.Due) {
				at = c.Due
			}
			c.apply(Step{At: at, What: Deadline}, r.limitsOf(c.Type))
		}
		return nil
	})
	if err != nil {
		return v230.CommandResponse{}, fmt.Errorf("answer %s: %w", c.Type, err)
	}
	return r.response(&c), nil
}

// response is what the partner is told.
func (r *Receiver) response(c *Command) v230.CommandResponse {
	response := v230.CommandResponse{Result: c.Answer.Result, Message: message(c.Answer.Message)}
	if c.Answer.Result == v230.CommandResponseTypeAccepted {
		response.Timeout = int(r.config.ResultWithin / time.Second)
	}
	return response
}

// message is a text for people, as the model has it.
func message(text string) []v230.DisplayText {
	if text == "" {
		return nil
	}
	return []v230.DisplayText{{Language: "en", Text: text}}
}

func (r *Receiver) limitsOf(kind v230.CommandType) limits {
	l := limits{
		result: r.config.ResultWithin, byDefault: v230.CommandResponseTypeRejected, lease: deliveryLease, deliver: r.config.DeliverWithin,
	}
	if answer := r.config.Default[kind]; answer != "" {
		l.byDefault = answer
	}
	return l
}

// Answer gives our own answer to a command. It is ErrAnswered where the command has one; what was answered is then written
// down and told to nobody.
func (r *Receiver) Answer(ctx context.Context, id string, answer v230.CommandResponseType, message string) (Command, error) {
	if !answer.Known() {
		return Command{}, fmt.Errorf("%w: %q", ErrInvalid, answer)
	}
	return r.answer(ctx, id, false, string(answer), message)
}

// errKind says that a command has answers and results of another kind.
var errKind = fmt.Errorf("%w: it is of another kind", ErrInvalid)

// answer gives our own answer to a command, or to a request about a charging profile.
func (r *Receiver) answer(ctx context.Context, id string, profile bool, answer, message string) (Command, error) {
	return r.say(ctx, id, profile, Step{What: Answered, Result: answer, Message: message}, func(c *Command) error {
		if c.Answer != nil {
			return ErrAnswered
		}
		return nil
	})
}

// Result gives the charge point's result, which goes to the partner. A command that has no answer yet is thereby accepted. It
// is ErrEnded where there is a result, or where there can be none; what was said is then written down and told to nobody. Only
// CANCELED_RESERVATION may follow the result of a reservation, and goes to the partner too (requirement DM-04).
func (r *Receiver) Result(ctx context.Context, id string, result v230.CommandResultType, message string) (Command, error) {
	// 2.1.1 has this one too (requirement CMD-07).
	if !result.Known() && result != v230.CommandResultType(v230.CommandResponseTypeUnknownSession) {
		return Command{}, fmt.Errorf("%w: %q", ErrInvalid, result)
	}
	return r.result(ctx, id, false, Step{Result: string(result), Message: message})
}

// result gives the result of a command, or of a request about a charging profile.
func (r *Receiver) result(ctx context.Context, id string, profile bool, step Step) (Command, error) {
	step.What = Resulted
	return r.say(ctx, id, profile, step, func(c *Command) error {
		if c.End != nil && !c.cancels(&step) {
			return ErrEnded
		}
		return nil
	})
}

// say lets our own side say something, if it is not too late for that.
func (r *Receiver) say(ctx context.Context, id string, profile bool, step Step, late func(*Command) error) (Command, error) {
	step.At = r.now()
	var tooLate error
	c, err := r.change(ctx, id, func(c *Command) error {
		if IsProfile(c.Type) != profile {
			return errKind
		}
		tooLate = late(c)
		c.apply(step, r.limitsOf(c.Type))
		return nil
	})
	if err != nil {
		return Command{}, err
	}
	return c, tooLate
}
