package command

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/ocpi/v230"
)

var start = time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)

var testLimits = limits{
	result: time.Minute, byDefault: v230.CommandResponseTypeRejected, lease: 10 * time.Second, deliver: time.Hour,
}

// after is a step some seconds after the command was made.
func after(seconds int, what What, result string) Step {
	return Step{At: start.Add(time.Duration(seconds) * time.Second), What: what, Result: result, retry: time.Second}
}

func sentCommand() Command {
	return Command{ID: "c", State: Sending, Created: start, Due: start.Add(time.Minute)}
}

func askedCommand() Command {
	return Command{ID: "c", Received: true, State: Asked, Created: start, Due: start.Add(3 * time.Second)}
}

func TestWhatBecomesOfACommand(t *testing.T) {
	sent, received := sentCommand(), askedCommand()
	const nobody = ""
	for name, tt := range map[string]struct {
		command Command
		steps   []Step
		state   State
		outcome Outcome
		by      What
		// due is in seconds after the start; 0 for never.
		due int
		// late and again are how many steps were.
		late, again int
	}{
		"sent, no answer yet":        {sent, nil, Sending, nobody, "", 60, 0, 0},
		"the CPO accepts":            {sent, []Step{after(1, Answered, "ACCEPTED")}, Accepted, nobody, "", 61, 0, 0},
		"the CPO rejects":            {sent, []Step{after(1, Answered, "REJECTED")}, Ended, "REJECTED", Answered, 0, 0, 0},
		"the CPO does not know it":   {sent, []Step{after(1, Answered, "UNKNOWN_SESSION")}, Ended, "UNKNOWN_SESSION", Answered, 0, 0, 0},
		"it does not get there":      {sent, []Step{after(1, Failed, "NOT_SENT")}, Ended, "NOT_SENT", Failed, 0, 0, 0},
		"it cannot be reached yet":   {sent, []Step{after(1, Unreached, "")}, Waiting, nobody, "", 2, 0, 0},
		"it is never reached":        {sent, []Step{after(1, Unreached, ""), after(20, Failed, "NOT_SENT")}, Ended, "NOT_SENT", Failed, 0, 0, 0},
		"the answer is lost":         {sent, []Step{after(1, Lost, "")}, Unclear, nobody, "", 60, 0, 0},
		"lost, and a result":         {sent, []Step{after(1, Lost, ""), after(2, Resulted, "ACCEPTED")}, Ended, "ACCEPTED", Resulted, 0, 0, 0},
		"lost, and no result":        {sent, []Step{after(1, Lost, ""), after(60, Deadline, "")}, Ended, "TIMEOUT", Deadline, 0, 0, 0},
		"a result":                   {sent, []Step{after(1, Answered, "ACCEPTED"), after(9, Resulted, "FAILED")}, Ended, "FAILED", Resulted, 0, 0, 0},
		"a result before the answer": {sent, []Step{after(1, Resulted, "ACCEPTED"), after(2, Answered, "ACCEPTED")}, Ended, "ACCEPTED", Resulted, 0, 1, 0},
		"no result":                  {sent, []Step{after(1, Answered, "ACCEPTED"), after(61, Deadline, "")}, Ended, "TIMEOUT", Deadline, 0, 0, 0},
		"a deadline that has moved":  {sent, []Step{after(5, Answered, "ACCEPTED"), after(60, Deadline, "")}, Accepted, nobody, "", 65, 0, 0},
		"interrupted while sending":  {sent, []Step{after(99, Deadline, "")}, Ended, "TIMEOUT", Deadline, 0, 0, 0},
		"a late result": {sent, []Step{
			after(1, Answered, "ACCEPTED"), after(61, Deadline, ""), after(70, Resulted, "ACCEPTED"),
		}, Ended, "TIMEOUT", Deadline, 0, 1, 0},
		"a result twice": {sent, []Step{
			after(1, Answered, "ACCEPTED"), after(2, Resulted, "ACCEPTED"), after(3, Resulted, "ACCEPTED"),
		}, Ended, "ACCEPTED", Resulted, 0, 1, 1},
		"a result that says otherwise": {sent, []Step{
			after(1, Answered, "ACCEPTED"), after(2, Resulted, "ACCEPTED"), after(3, Resulted, "FAILED"),
		}, Ended, "ACCEPTED", Resulted, 0, 1, 0},
		"a result after a refusal": {sent, []Step{after(1, Answered, "REJECTED"), after(2, Resulted, "ACCEPTED")}, Ended, "REJECTED", Answered, 0, 1, 0},
		"an answer after the end":  {sent, []Step{after(60, Deadline, ""), after(61, Answered, "ACCEPTED")}, Ended, "TIMEOUT", Deadline, 0, 1, 0},

		"asked":                     {received, nil, Asked, nobody, "", 3, 0, 0},
		"our side accepts":          {received, []Step{after(1, Answered, "ACCEPTED")}, Accepted, nobody, "", 61, 0, 0},
		"our side rejects":          {received, []Step{after(1, Answered, "REJECTED")}, Ended, "REJECTED", Answered, 0, 0, 0},
		"our side says nothing":     {received, []Step{after(3, Deadline, "")}, Ended, "REJECTED", Deadline, 0, 0, 0},
		"our side says it too late": {received, []Step{after(3, Deadline, ""), after(4, Answered, "ACCEPTED")}, Ended, "REJECTED", Deadline, 0, 1, 0},
		"our side says it twice":    {received, []Step{after(1, Answered, "ACCEPTED"), after(2, Answered, "ACCEPTED")}, Accepted, nobody, "", 61, 1, 1},
		"a result at once":          {received, []Step{after(1, Resulted, "ACCEPTED")}, Delivering, "ACCEPTED", Resulted, 1, 0, 0},
		"a result of ours":          {received, []Step{after(1, Answered, "ACCEPTED"), after(9, Resulted, "FAILED")}, Delivering, "FAILED", Resulted, 9, 0, 0},
		"no result of ours":         {received, []Step{after(1, Answered, "ACCEPTED"), after(61, Deadline, "")}, Delivering, "TIMEOUT", Deadline, 61, 0, 0},
		"a late result of ours":     {received, []Step{after(1, Answered, "ACCEPTED"), after(61, Deadline, ""), after(62, Resulted, "ACCEPTED")}, Delivering, "TIMEOUT", Deadline, 61, 1, 0},
		"under way":                 {received, []Step{after(1, Resulted, "ACCEPTED"), after(2, Sent, "")}, Delivering, "ACCEPTED", Resulted, 12, 0, 0},
		"delivered":                 {received, []Step{after(1, Resulted, "ACCEPTED"), after(2, Sent, ""), after(3, Delivered, "")}, Ended, "ACCEPTED", Resulted, 0, 0, 0},
		"tried again":               {received, []Step{after(1, Resulted, "ACCEPTED"), after(2, Sent, ""), after(3, Undelivered, "")}, Delivering, "ACCEPTED", Resulted, 4, 0, 0},
		"given up": {received, []Step{
			after(1, Resulted, "ACCEPTED"), after(3600, Sent, ""), after(3601, Undelivered, ""),
		}, Ended, "ACCEPTED", Resulted, 0, 0, 0},
		"no deadline while delivering": {received, []Step{after(1, Resulted, "ACCEPTED"), after(99, Deadline, "")}, Delivering, "ACCEPTED", Resulted, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := tt.command
			for _, s := range tt.steps {
				c.apply(s, testLimits)
			}
			due := 0
			if !c.Due.IsZero() {
				due = int(c.Due.Sub(start) / time.Second)
			}
			if c.State != tt.state || due != tt.due {
				t.Errorf("it is %s and due after %d s, want %s and %d", c.State, due, tt.state, tt.due)
			}
			switch {
			case tt.outcome == nobody && c.End != nil:
				t.Errorf("it has ended: %+v", c.End)
			case tt.outcome != nobody && (c.End == nil || c.End.Outcome != tt.outcome || c.End.By != tt.by):
				t.Errorf("it ended %+v, want %s by %s", c.End, tt.outcome, tt.by)
			}
			late, again := 0, 0
			for _, s := range c.Steps {
				if s.Late {
					late++
				}
				if s.Again {
					again++
				}
			}
			if late != tt.late || again != tt.again {
				t.Errorf("%d steps were late and %d again, want %d and %d", late, again, tt.late, tt.again)
			}
		})
	}
}

// A partner whose version says how long it takes gets that long, within reason.
func TestThePartnerSaysHowLongToWait(t *testing.T) {
	for seconds, want := range map[int]time.Duration{
		0: time.Minute, -5: time.Minute, 30: 40 * time.Second, 600: 610 * time.Second, math.MaxInt: time.Hour,
	} {
		c := sentCommand()
		c.apply(Step{At: start, What: Answered, Result: "ACCEPTED", Timeout: seconds}, testLimits)
		if got := c.Due.Sub(start); got != want {
			t.Errorf("%d s: %s, want %s", seconds, got, want)
		}
	}
}

// Whatever comes in whatever order, also with restarts between: a command ends once, its end never changes, all that came is
// on it, and it is due as long as something is to be done.
func TestACommandEndsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := sentCommand()
		whats := []What{Answered, Resulted, Failed, Lost, Unreached, Deadline}
		if rapid.Bool().Draw(t, "received") {
			c = askedCommand()
			whats = []What{Answered, Resulted, Deadline, Sent, Delivered, Undelivered}
		}
		results := rapid.SampledFrom([]string{"ACCEPTED", "REJECTED", "TIMEOUT", "FAILED", "anything"})
		said, now := 0, 0
		for range rapid.IntRange(0, 150).Draw(t, "steps") {
			now += rapid.IntRange(0, 90).Draw(t, "pause")
			s := after(now, rapid.SampledFrom(whats).Draw(t, "what"), results.Draw(t, "result"))
			if c.State == Waiting && rapid.Bool().Draw(t, "again") {
				c.resend(testLimits)
			}
			before := c.clone()
			c.apply(s, testLimits)
			if s.What != Deadline && s.What != Sent {
				said++
			}
			checkStep(t, &before, &c)
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				c = restarted(t, c)
			}
		}
		for range 10 { // the deadlines that are left
			if !c.Due.IsZero() {
				now = max(now, int(c.Due.Sub(start)/time.Second))
				s := after(now, Deadline, "")
				switch c.State {
				case Delivering:
					s = after(now, Delivered, "")
					said++
				case Waiting:
					s = after(now, Failed, "NOT_SENT")
					said++
				default:
				}
				c.apply(s, testLimits)
			}
		}
		if c.End == nil || c.State != Ended || !c.Due.IsZero() {
			t.Fatalf("it never ends: %s, due %s, %+v", c.State, c.Due, c.End)
		}
		deadlines := 0
		for _, s := range c.Steps {
			if s.What == Deadline {
				deadlines++
			}
		}
		if got := len(c.Steps) + c.Dropped - deadlines; got != said {
			t.Fatalf("%d things happened, %d are known", said, got)
		}
	})
}

func checkStep(t *rapid.T, before, c *Command) {
	if before.End != nil && !cmp.Equal(before.End, c.End) {
		t.Fatalf("the end has changed from %+v to %+v", before.End, c.End)
	}
	if before.Answer != nil && !cmp.Equal(before.Answer, c.Answer) {
		t.Fatalf("the answer has changed from %+v to %+v", before.Answer, c.Answer)
	}
	if (c.State == Ended) != c.Due.IsZero() {
		t.Fatalf("it is %s and due %s", c.State, c.Due)
	}
	if (c.End != nil) != (c.State == Ended || c.State == Delivering) {
		t.Fatalf("it is %s with the end %+v", c.State, c.End)
	}
	if c.Received && c.Answer != nil && c.Answer.Result == "ACCEPTED" && c.State == Ended && c.Delivery == nil {
		t.Fatal("an accepted command ended without a result on its way")
	}
}

// restarted is a command as a store gives it back.
func restarted(t *rapid.T, c Command) Command {
	raw, err := json.Marshal(&c)
	if err != nil {
		t.Fatal(err)
	}
	var again Command
	if err := json.Unmarshal(raw, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, again, cmpopts.IgnoreUnexported(Step{}), cmpopts.EquateEmpty()); diff != "" {
		t.Fatal(fmt.Sprint("a command is other when it was stored: ", diff))
	}
	return again
}

// What follows a result is told after it, and once (requirement DM-04).
func TestACancellationFollowsTheResult_DM04(t *testing.T) {
	reserved := func(steps ...Step) Command {
		c := askedCommand()
		c.Type = v230.CommandTypeReserveNow
		for _, s := range steps {
			c.apply(s, testLimits)
		}
		return c
	}
	made := []Step{after(1, Answered, "ACCEPTED"), after(2, Resulted, "ACCEPTED")}
	delivered := slices.Concat(made, []Step{after(3, Sent, ""), after(4, Delivered, "ACCEPTED")})
	for name, tt := range map[string]struct {
		steps    []Step
		state    State
		canceled bool
		// says is what the partner is told next.
		says Outcome
	}{
		"after the result was delivered":  {append(delivered[:4:4], after(9, Resulted, "CANCELED_RESERVATION")), Delivering, true, canceled},
		"before the result was delivered": {append(made[:2:2], after(9, Resulted, "CANCELED_RESERVATION")), Delivering, true, accepted},
		"then the result goes first": {append(made[:2:2], after(3, Sent, ""), after(9, Resulted, "CANCELED_RESERVATION"),
			after(10, Delivered, "ACCEPTED")), Delivering, true, canceled},
		"the result is said to be delivered twice": {append(made[:2:2], after(3, Sent, ""), after(9, Resulted, "CANCELED_RESERVATION"),
			after(10, Delivered, "ACCEPTED"), after(11, Delivered, "ACCEPTED")), Delivering, true, canceled},
		"the result was given up": {append(made[:2:2], Step{At: start, What: Undelivered, Result: "ACCEPTED", Final: true},
			after(9, Resulted, "CANCELED_RESERVATION")), Delivering, true, canceled},
		"told": {append(delivered[:4:4], after(9, Resulted, "CANCELED_RESERVATION"), after(10, Sent, ""),
			after(11, Delivered, "CANCELED_RESERVATION")), Ended, true, ""},
		"given up after an hour": {append(delivered[:4:4], after(9, Resulted, "CANCELED_RESERVATION"), after(3608, Sent, ""),
			after(3609, Undelivered, "CANCELED_RESERVATION")), Ended, true, ""},
		"nothing was reserved":     {[]Step{after(1, Answered, "REJECTED"), after(9, Resulted, "CANCELED_RESERVATION")}, Ended, false, ""},
		"it is the first result":   {[]Step{after(1, Answered, "ACCEPTED"), after(9, Resulted, "CANCELED_RESERVATION")}, Delivering, false, canceled},
		"nobody knew of it":        {[]Step{after(1, Answered, "ACCEPTED"), after(61, Deadline, ""), after(70, Resulted, "CANCELED_RESERVATION")}, Delivering, true, timeout},
		"another result is no end": {append(delivered[:4:4], after(9, Resulted, "FAILED")), Ended, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := reserved(tt.steps...)
			if c.State != tt.state || (c.Canceled != nil) != tt.canceled {
				t.Errorf("it is %s, canceled %+v", c.State, c.Canceled)
			}
			if c.outgoing() == nil != (tt.says == "") {
				t.Errorf("the way is %+v", c.outgoing())
			} else if says, _ := c.telling(); tt.says != "" && says != tt.says {
				t.Errorf("it says %s", says)
			}
		})
	}
	started := askedCommand()
	started.Type = v230.CommandTypeStartSession
	for _, s := range append(delivered[:4:4], after(9, Resulted, "CANCELED_RESERVATION")) {
		started.apply(s, testLimits)
	}
	if started.Canceled != nil || started.State != Ended || !started.Steps[len(started.Steps)-1].Late {
		t.Errorf("a session was canceled: %+v", started)
	}
}
