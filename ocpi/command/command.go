package command

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// What is told to who asks for the impossible.
var (
	// ErrUnknown says that there is no such command.
	ErrUnknown = errors.New("there is no such command")
	// ErrExists is returned by a Store when a command is added whose ID is taken.
	ErrExists = errors.New("the command is already there")
	// ErrAnswered says that a command has its answer already, or the one that stands where none comes in time.
	ErrAnswered = errors.New("the command was answered already")
	// ErrEnded says that a command has ended already.
	ErrEnded = errors.New("the command has ended already")
	// ErrInvalid says that an answer or a result is none that the specification lists.
	ErrInvalid = errors.New("this is no answer to a command")
	// ErrVersion says that the version agreed with a partner has no such command.
	ErrVersion = errors.New("the partner's version has no such command")
)

// A Command is a command that was sent to a partner or received from one, with all that has come of it.
type Command struct {
	// ID is its name, which nobody can guess. For a command that we sent it is the last segment of the response_url.
	ID string `json:"id"`
	// Received tells that a partner sent it to us; otherwise we sent it.
	Received bool `json:"received"`
	// Partner is our name for the partner.
	Partner string `json:"partner"`
	// Party is the partner's party that has sent a command, where it says so or can be no other, or that a command of ours is
	// for, where that is known. The result of a received command goes to it (requirement DT-21).
	Party ocpi.Party `json:"party,omitzero"`
	// Own is our party that a received command was for, where it says so. Its result comes from that.
	Own  ocpi.Party       `json:"own,omitzero"`
	Type v230.CommandType `json:"type"`
	// Request is the command in the model's terms (package v230); As reads it. It is empty for a result that belongs to
	// no command.
	Request jsontext.Value `json:"request,omitempty"`
	// Reservation names the reservation of a received RESERVE_NOW or CANCEL_RESERVATION among those of all partners. Its
	// reservation_id is the partner's own, another's can be the same: charge points must not be told it (requirement DM-07).
	Reservation string `json:"reservation,omitempty"`
	// ResponseURL is where the result goes.
	ResponseURL string `json:"response_url,omitempty"`
	State       State  `json:"state"`
	// Created is when it was made, Changed when something happened to it last.
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"`
	// Tries is how often a command of ours was tried to be sent again; nothing had arrived before.
	Tries int `json:"tries,omitzero"`
	// Due is when something is to be done about it; zero for never.
	Due time.Time `json:"due,omitzero"`
	// Answer is the CPO's own answer; nil while there is none.
	Answer *Answer `json:"answer,omitempty"`
	// End is how it ended; nil while it has not. There is one, and it does not change.
	End *End `json:"end,omitempty"`
	// Delivery is how far the result of a received command has come on its way to the partner; nil where none is sent.
	Delivery *Delivery `json:"delivery,omitempty"`
	// Canceled is that the CPO has given up a reservation after its result, and that result is void; nil where it has not
	// (requirement DM-04).
	Canceled *Cancellation `json:"canceled,omitempty"`
	// Active is the profile that is active since a SetProfile of ours; nil where the CPO has told none.
	Active *ActiveProfile `json:"active,omitempty"`
	// Session is the session that belongs to it; nil where none has been seen.
	Session *Session `json:"session,omitempty"`
	// Match is what is the same in a command and in the session that belongs to it; empty where none can.
	Match string `json:"match,omitempty"`
	// Steps are what has happened, in order. There are at most a hundred, and what changed the State is always among them;
	// Dropped counts the others.
	Steps   []Step `json:"steps"`
	Dropped int    `json:"dropped,omitzero"`
}

// A State is how far a command has come.
type State string

// The states of commands.
const (
	// Sending: we are sending it, or were when the program was interrupted.
	Sending State = "sending"
	// Waiting: no connection to the partner could be made. It is tried again at Due.
	Waiting State = "waiting"
	// Unclear: it was sent, and it is not known what the partner made of it. A result may come all the same.
	Unclear State = "unclear"
	// Asked: a partner waits for our answer.
	Asked State = "asked"
	// Accepted: the CPO has accepted it, and the charge point's result is to come.
	Accepted State = "accepted"
	// Delivering: it has ended, and the result, or the end of its reservation, is on its way to the partner.
	Delivering State = "delivering"
	// Ended: nothing is to be done about it any more.
	Ended State = "ended"
	// Stray: it is no command but results from a partner for one that there is not.
	Stray State = "stray"
)

// An Answer is the CPO's own answer to a command.
type Answer struct {
	// Result is one of v230.CommandResponseType, or UnknownLocation, or what else the partner has said.
	Result v230.CommandResponseType `json:"result"`
	// Message is for people.
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at"`
	// Default tells that it is the one that stands because none came in time.
	Default bool `json:"default,omitzero"`
}

// An Outcome is what came of a command: a v230.CommandResultType, a v230.CommandResponseType other than ACCEPTED, or one of
// those here.
type Outcome string

// Outcomes that are no results of the specification.
const (
	// UnknownLocation: the location, EVSE or connector is not the CPO's (requirement CMD-10).
	UnknownLocation Outcome = "UNKNOWN_LOCATION"
	// NotSent: the command has not reached the partner.
	NotSent Outcome = "NOT_SENT"
	// Refused: one side has refused the command with an error.
	Refused Outcome = "REFUSED"
)

// The outcomes that are looked for here.
const (
	accepted = Outcome(v230.CommandResultTypeAccepted)
	timeout  = Outcome(v230.CommandResultTypeTimeout)
	canceled = Outcome(v230.CommandResultTypeCanceledReservation)
)

// An End is how a command ended.
type End struct {
	Outcome Outcome `json:"outcome"`
	// By is what ended it: Answered, Resulted, Failed or Deadline.
	By      What      `json:"by"`
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at"`
	// Profile is the active profile in the result of GetProfile, a v230.ActiveChargingProfile; empty for none.
	Profile jsontext.Value `json:"profile,omitempty"`
}

// A Delivery is the way of a result to the partner.
type Delivery struct {
	// Attempts is how often it was sent.
	Attempts int `json:"attempts"`
	// At is when the partner took it; zero while it has not.
	At time.Time `json:"at,omitzero"`
	// GivenUp is when it was given up; zero where it was not.
	GivenUp time.Time `json:"given_up,omitzero"`
	// Error is why it did not arrive the last time.
	Error string `json:"error,omitempty"`
}

func (d *Delivery) open() bool { return d != nil && d.At.IsZero() && d.GivenUp.IsZero() }

// A Cancellation is the end of a reservation by the CPO.
type Cancellation struct {
	// Message is for people.
	Message string    `json:"message,omitempty"`
	At      time.Time `json:"at"`
	// Delivery is how far it has come on its way to the partner; nil where the partner has told us.
	Delivery *Delivery `json:"delivery,omitempty"`
}

// A Session is a session that belongs to a command.
type Session struct {
	Party ocpi.Party `json:"party"`
	ID    string     `json:"id"`
	At    time.Time  `json:"at"`
}

// A What is a kind of Step.
type What string

// What happens to commands.
const (
	// Answered: the CPO has given its answer.
	Answered What = "answered"
	// Resulted: the result has come, from the partner or from our own side.
	Resulted What = "result"
	// Failed: the command did not reach the partner, or the partner refused it with an error.
	Failed What = "failed"
	// Unreached: no connection to the partner could be made, and it is tried again.
	Unreached What = "unreached"
	// Lost: it was sent, and it is not known what the partner made of it.
	Lost What = "lost"
	// Deadline: what was waited for has not come in time.
	Deadline What = "deadline"
	// Sent: the result is being sent to the partner.
	Sent What = "sent"
	// Delivered: the partner has taken the result.
	Delivered What = "delivered"
	// Undelivered: the partner has not taken the result.
	Undelivered What = "undelivered"
	// ProfileChanged: the CPO has told which profile is active.
	ProfileChanged What = "profile"
	// Matched: a session that belongs to the command was seen.
	Matched What = "session"
)

// A Step is something that happened to a command.
type Step struct {
	At   time.Time `json:"at"`
	What What      `json:"what"`
	// Result is what was said.
	Result string `json:"result,omitempty"`
	// Message is for people.
	Message string `json:"message,omitempty"`
	// Timeout is how many seconds the partner wants us to wait for the result.
	Timeout int `json:"timeout,omitzero"`
	// HTTP and Status are those of the partner's answer, where that is an error.
	HTTP   int             `json:"http,omitzero"`
	Status ocpi.StatusCode `json:"status,omitzero"`
	// Late tells that it came when there was another answer or another end, and has changed nothing; Again that it said
	// the same once more.
	Late  bool `json:"late,omitzero"`
	Again bool `json:"again,omitzero"`
	// Final tells that trying again is of no use.
	Final bool `json:"final,omitzero"`

	session *Session
	profile jsontext.Value
	retry   time.Duration
}

// As reads the request of a command, such as As[v230.StartSession](c).
func As[T any](c Command) (T, error) {
	var request T
	if err := json.Unmarshal(c.Request, &request, jsontext.AllowDuplicateNames(true)); err != nil {
		return request, fmt.Errorf("read the request of command %s: %w", c.ID, err)
	}
	return request, nil
}

// Open tells that the command has not ended.
func (c *Command) Open() bool { return c.End == nil }

// answerToCome tells that a command of ours has its result, and the answer to it is still on its way.
func (c *Command) answerToCome() bool {
	lost := func(s Step) bool { return s.What == Lost || s.What == Failed }
	return c.Answer == nil && c.End != nil && c.End.By == Resulted && !slices.ContainsFunc(c.Steps, lost)
}

// clone is a copy that shares nothing that is ever written to.
func (c *Command) clone() Command {
	other := *c
	other.Steps = slices.Clone(c.Steps)
	other.Active = copied(c.Active)
	other.Answer, other.End, other.Delivery, other.Session = copied(c.Answer), copied(c.End), copied(c.Delivery), copied(c.Session)
	if other.Canceled = copied(c.Canceled); other.Canceled != nil {
		other.Canceled.Delivery = copied(c.Canceled.Delivery)
	}
	return other
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}
