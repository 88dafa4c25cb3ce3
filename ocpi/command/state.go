package command

import (
	"time"

	"github.com/roamwire/roamwire/ocpi/v230"
)

// The state machine of a command: what becomes of it by each thing that happens. It does nothing else and asks nobody, so
// that a store can call it in a transaction, and more than once.
//
//	sent:      sending <-> waiting
//	           sending -> unclear -> accepted -> ended
//	received:  asked -> accepted -> delivering -> ended
//
// A command may end from every state before. What comes after the end is written down and changes nothing, but for one: a CPO
// may give up a reservation that it had made. We tell the partner that as we tell it results:
//
//	received:  ended -> delivering -> ended

// limits are how long is waited, and what stands where nothing comes.
type limits struct {
	// result is how long the result may take after the command was accepted.
	result time.Duration
	// byDefault is the answer where our own side gives none.
	byDefault v230.CommandResponseType
	// lease is how long one attempt to deliver a result may take, deliver how long is tried.
	lease, deliver time.Duration
}

// The longest time to wait for a result that a partner can ask for, and what is added to it for the way.
const (
	longestTimeout = time.Hour
	onTheWay       = 10 * time.Second
)

// apply lets a step happen.
func (c *Command) apply(s Step, l limits) {
	before := c.State
	noted := true
	switch s.What {
	case Answered:
		c.answered(&s, l)
	case Resulted:
		c.resulted(&s)
	case Failed:
		c.failed(&s)
	case Lost:
		c.lost(&s)
	case Unreached:
		c.unreached(&s)
	case Deadline:
		noted = c.deadline(&s, l)
	case Sent:
		noted = c.sent(&s, l)
	case Delivered:
		c.delivered(&s)
	case Undelivered:
		c.undelivered(&s, l)
	case ProfileChanged:
		c.profileChanged(&s)
	case Matched:
		c.matched(&s)
	}
	if noted {
		c.note(s, c.State != before)
	}
}

// maxSteps bounds what is kept of one command: a partner may send its result a million times.
const maxSteps = 100

func (c *Command) note(s Step, changed bool) {
	c.Changed = s.At
	if len(c.Steps) >= maxSteps && !changed {
		c.Dropped++
		return
	}
	c.Steps = append(c.Steps, s)
}

func (c *Command) end(s *Step, outcome Outcome, state State) {
	c.End = &End{Outcome: outcome, By: s.What, Message: s.Message, At: s.At, Profile: s.profile}
	c.State, c.Due = state, time.Time{}
	if state == Delivering {
		c.Delivery, c.Due = &Delivery{}, s.At
	}
}

// resultEnd is where a command goes by its result: those we received have to be told.
func (c *Command) resultEnd() State {
	if c.Received {
		return Delivering
	}
	return Ended
}

// answered takes the CPO's own answer. A result may be faster than it.
func (c *Command) answered(s *Step, l limits) {
	result := v230.CommandResponseType(s.Result)
	if c.Answer != nil || c.End != nil && c.Received || c.State == Stray {
		s.Late, s.Again = true, c.Answer != nil && c.Answer.Result == result
		return
	}
	c.Answer = &Answer{Result: result, Message: s.Message, At: s.At}
	switch {
	case c.End != nil:
		s.Late = true
	case result == v230.CommandResponseTypeAccepted:
		c.State, c.Due = Accepted, s.At.Add(c.patience(s, l))
	default:
		c.end(s, Outcome(result), Ended)
	}
}

// patience is how long to wait for the result: as long as the partner says, or else as long as we do.
func (c *Command) patience(s *Step, l limits) time.Duration {
	if c.Received || s.Timeout <= 0 {
		return l.result
	}
	return min(time.Duration(min(s.Timeout, int(longestTimeout/time.Second)))*time.Second+onTheWay, longestTimeout)
}

// resulted takes the result. Where our own side has given no answer before it, it has accepted.
func (c *Command) resulted(s *Step) {
	switch {
	case c.cancels(s):
		c.cancel(s)
	case c.End != nil:
		s.Late = true
		s.Again = c.End.By == Resulted && string(c.End.Outcome) == s.Result || c.Canceled != nil && s.Result == string(canceled)
	case c.State == Stray:
	default:
		if c.Received && c.Answer == nil {
			c.Answer = &Answer{Result: v230.CommandResponseTypeAccepted, At: s.At}
		}
		c.end(s, Outcome(s.Result), c.resultEnd())
	}
}

// failed ends a command that did not get through.
func (c *Command) failed(s *Step) {
	if c.State != Sending && c.State != Waiting {
		s.Late = true
		return
	}
	c.end(s, Outcome(s.Result), Ended)
}

// lost keeps a command open of which it is not known whether it got through.
func (c *Command) lost(s *Step) {
	if c.State != Sending {
		s.Late = true
		return
	}
	c.State = Unclear
}

// unreached lets a command wait that has certainly not arrived.
func (c *Command) unreached(s *Step) {
	if c.State != Sending {
		s.Late = true
		return
	}
	c.State, c.Due = Waiting, s.At.Add(s.retry)
}

// resend claims a command that waits for one more try. Where the program dies in the middle of that, it is not known whether the
// command got through.
func (c *Command) resend(l limits) {
	c.State, c.Due = Sending, c.Created.Add(l.result)
	c.Tries++
}

// deadline ends what has waited long enough. It does nothing where there is more time by now.
func (c *Command) deadline(s *Step, l limits) (noted bool) {
	if c.Due.IsZero() || s.At.Before(c.Due) {
		return false
	}
	switch c.State {
	case Asked:
		c.answered(&Step{At: s.At, What: s.What, Result: string(l.byDefault)}, l)
		c.Answer.Default = true
		s.Result = string(l.byDefault)
	case Sending, Unclear, Accepted:
		c.end(s, timeout, c.resultEnd())
		s.Result = string(timeout)
	default:
		return false
	}
	return true
}

// sent claims a result for one attempt to deliver it. Nobody else tries until the lease is over.
func (c *Command) sent(s *Step, l limits) (noted bool) {
	if c.State == Delivering {
		c.outgoing().Attempts++
		c.Due = s.At.Add(l.lease)
		c.Changed = s.At
	}
	return false
}

// renew gives the attempt that is under way more time.
func (c *Command) renew(now time.Time, lease time.Duration) {
	if c.State == Delivering {
		c.Due = now.Add(lease)
	}
}

func (c *Command) delivered(s *Step) {
	if c.State != Delivering || !c.isTelling(s) {
		s.Late = true
		return
	}
	d := c.outgoing()
	d.At, d.Error = s.At, ""
	c.told(s.At)
}

// told goes on with what else the partner is to be told.
func (c *Command) told(at time.Time) {
	c.State, c.Due = Ended, time.Time{}
	if c.outgoing() != nil {
		c.State, c.Due = Delivering, at
	}
}

// undelivered tries again later, or not at all where that is of no use.
func (c *Command) undelivered(s *Step, l limits) {
	if c.State != Delivering || !c.isTelling(s) {
		s.Late = true
		return
	}
	d, since := c.outgoing(), c.End.At
	if d != c.Delivery {
		since = c.Canceled.At
	}
	d.Error = s.Message
	s.Final = s.Final || !s.At.Add(s.retry).Before(since.Add(l.deliver))
	if s.Final {
		d.GivenUp = s.At
		c.told(s.At)
		return
	}
	c.Due = s.At.Add(s.retry)
}

// matched notes the session that belongs to a command; the first one stays.
func (c *Command) matched(s *Step) {
	if c.Session != nil || s.session == nil {
		s.Late = true
		return
	}
	c.Session = s.session
}
