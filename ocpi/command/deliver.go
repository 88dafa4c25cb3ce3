package command

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// How results go out. The lease of an attempt is renewed while it lasts, so that nobody repeats it; where the program dies in the
// middle of it, the result does not lie there for long.
const (
	deliveryTimeout = 30 * time.Second
	deliveryLease   = 5 * time.Second
	renewEvery      = 2 * time.Second
	// atOnce is how many results go to one partner at a time.
	atOnce = 4
)

// Run keeps the deadlines of commands and delivers their results, also those from before a restart, until ctx ends and what
// is being sent is over.
func (r *Receiver) Run(ctx context.Context) {
	defer r.work.Wait()
	r.run(ctx, r.underWay, func(ctx context.Context, c Command) {
		if c.State != Delivering {
			r.expire(ctx, c, r.limitsOf(c.Type))
			return
		}
		if r.begin(c.ID) {
			r.work.Go(func() {
				defer r.over(c.ID)
				r.deliver(ctx, c)
			})
		}
	})
}

func (r *Receiver) underWay() int {
	r.delivering.Lock()
	defer r.delivering.Unlock()
	return len(r.busy)
}

// begin reports whether nobody here answers this command or delivers its result already.
func (r *Receiver) begin(id string) bool {
	r.delivering.Lock()
	defer r.delivering.Unlock()
	if r.busy[id] {
		return false
	}
	r.busy[id] = true
	return true
}

func (r *Receiver) over(id string) {
	r.delivering.Lock()
	defer r.delivering.Unlock()
	delete(r.busy, id)
}

// gate is what lets results to a partner through.
func (r *Receiver) gate(partner string) chan struct{} {
	r.delivering.Lock()
	defer r.delivering.Unlock()
	if r.gates[partner] == nil {
		r.gates[partner] = make(chan struct{}, atOnce)
	}
	return r.gates[partner]
}

// errTaken says that somebody else delivers a result, or has done so.
var errTaken = errors.New("the result is being delivered")

// deliver makes one attempt to send a result.
func (r *Receiver) deliver(ctx context.Context, c Command) {
	gate := r.gate(c.Partner)
	select {
	case gate <- struct{}{}:
		defer func() { <-gate }()
	case <-ctx.Done():
		return
	}
	now := r.now()
	c, err := r.change(ctx, c.ID, func(c *Command) error {
		if c.State != Delivering || c.Due.After(now) {
			return errTaken
		}
		c.apply(Step{At: now, What: Sent}, r.limitsOf(c.Type))
		return nil
	})
	if err == nil {
		release := r.hold(ctx, c.ID)
		step := r.delivered(ctx, &c)
		release()
		_, err = r.happen(context.WithoutCancel(ctx), c.ID, step, r.limitsOf(c.Type))
	}
	if err != nil && !errors.Is(err, errTaken) && ctx.Err() == nil {
		r.logger.ErrorContext(ctx, "cannot deliver the result of a command", "command", c.ID, "partner", c.Partner, "error", err)
	}
}

// hold renews the lease of an attempt until it is released. A lease that cannot be renewed ends: at worst the partner gets the
// result twice, which it can bear.
func (r *Receiver) hold(ctx context.Context, id string) (release func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		every := time.NewTicker(renewEvery)
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
			_, err := r.change(ctx, id, func(c *Command) error {
				c.renew(r.now(), deliveryLease)
				return nil
			})
			if err != nil && ctx.Err() == nil {
				r.logger.WarnContext(ctx, "cannot keep others from delivering the same result", "command", id, "error", err)
			}
		}
	}()
	return func() { cancel(); <-done }
}

// delivered sends a result, and says what became of that.
func (r *Receiver) delivered(ctx context.Context, c *Command) Step {
	outcome, message := c.telling()
	err := r.post(ctx, c, outcome, message)
	step := Step{At: r.now(), What: Delivered, Result: string(outcome)}
	if err == nil {
		return step
	}
	var e *ocpiclient.Error
	if errors.As(err, &e) {
		step.HTTP, step.Status = e.HTTP, e.Status
		if e.HTTP/100 == http.StatusOK/100 && e.Status == 0 {
			step.Message = "the answer is none of OCPI: " + e.Message
			return step // it took the result, and says so in its own way
		}
	}
	step.What, step.Message, step.Final = Undelivered, err.Error(), hopeless(err)
	step.retry = spread(min(min(r.config.Backoff, longestBackoff)<<min(c.outgoing().Attempts-1, 20), longestBackoff))
	if e != nil {
		step.retry = max(step.retry, e.RetryAfter)
	}
	return step
}

// post sends a result to exactly the URL that the partner gave (requirement CMD-05).
func (r *Receiver) post(ctx context.Context, c *Command, outcome Outcome, text string) error {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	client, err := r.client(ctx, c.Partner)
	if err != nil {
		return err
	}
	ctx = c.routed(ctx)
	if IsProfile(c.Type) {
		return postProfile(ctx, client, c, outcome)
	}
	result := convert.CommandResult(string(outcome))
	result.Message = message(text)
	return client.EMSP().CommandResult(ctx, c.ResponseURL, result)
}

// routed makes what is sent about a command be for the party of the partner's that it belongs to, and from ours.
func (c *Command) routed(ctx context.Context) context.Context {
	if c.Party == (ocpi.Party{}) || c.Own == (ocpi.Party{}) {
		return ocpiclient.WithReceiver(ctx, c.Party)
	}
	return ocpiclient.WithRouting(ctx, ocpi.Routing{To: c.Party, From: c.Own})
}

// hopeless reports whether the same result will never be taken there.
func hopeless(err error) bool {
	if errors.Is(err, ocpiclient.ErrAddress) || errors.Is(err, ocpiclient.ErrOtherHost) {
		return true
	}
	var e *ocpiclient.Error
	return errors.As(err, &e) && e.HTTP != 0 && e.Kind != ocpiclient.TryLater && !e.ConcernsPartner()
}

// spread is a time within a quarter of the one given, so that not everything is tried at once.
func spread(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2+1) }
