package pull

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// lookEvery is how often the Puller looks what is due.
const lookEvery = time.Second

// Run pulls what is due until ctx ends, and returns when nothing is under way any more.
func (p *Puller) Run(ctx context.Context) {
	var work sync.WaitGroup
	slots := make(chan struct{}, p.config.Parallel)
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	for ctx.Err() == nil {
		if err := p.look(ctx, &work, slots); err != nil && ctx.Err() == nil {
			p.config.Logger.ErrorContext(ctx, "cannot look what is to be pulled", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-every.C:
		}
	}
	work.Wait()
}

// look begins the pulls that are due, one of each partner at a time.
func (p *Puller) look(ctx context.Context, work *sync.WaitGroup, slots chan struct{}) error {
	partners, err := p.config.Partners(ctx)
	if err != nil {
		return err
	}
	for _, partner := range partners {
		if partner.Policy.Off || ctx.Err() != nil {
			continue
		}
		if _, busy := p.busy.LoadOrStore(partner.ID, struct{}{}); busy {
			continue
		}
		woken := p.woken(partner.ID)
		work.Go(func() {
			defer p.busy.Delete(partner.ID)
			p.pullDue(ctx, partner, woken, slots)
		})
	}
	return nil
}

// pullDue pulls the modules of a partner that are due, one after the other. What it has to leave for later stays woken.
func (p *Puller) pullDue(ctx context.Context, partner Partner, woken wake, slots chan struct{}) {
	if until, pausing := p.pausing(partner.ID, ""); pausing {
		p.wakeAgain(partner.ID, woken, until)
		return
	}
	states, notBefore, err := p.states(ctx, partner)
	if err != nil {
		p.wakeAgain(partner.ID, woken, p.notBegun(ctx, partner.ID, "", err))
		return
	}
	for _, module := range partner.wanted() {
		if now := p.config.Now(); now.Before(notBefore) {
			p.wakeAgain(partner.ID, woken, notBefore)
			return
		}
		if until, pausing := p.pausing(partner.ID, module); pausing {
			p.wakeAgain(partner.ID, woken, until)
			continue
		}
		state, now := states[module], p.config.Now()
		if !state.due(partner, now, woken) {
			continue
		}
		if !state.due(partner, now, wake{}) {
			p.caughtUp(partner.ID, now)
		}
		if state, err = p.pullInTurn(ctx, partner, module, slots); err != nil {
			p.wakeAgain(partner.ID, woken, p.notBegun(ctx, partner.ID, module, err))
		}
		if state.IgnoresDateFrom && state.Failures > 0 { // is not planned to be asked again before the night
			p.wakeAgain(partner.ID, woken, state.DeltaDue)
		}
		notBefore = state.NotBefore
	}
}

// states are how far the pulls of a partner have come, and until when it is to be left alone, as it has asked when any of
// its modules was pulled.
func (p *Puller) states(ctx context.Context, partner Partner) (states map[ocpi.ModuleID]State, notBefore time.Time, err error) {
	states = map[ocpi.ModuleID]State{}
	for _, module := range partner.modules() {
		state, err := p.read(ctx, partner, module)
		if err != nil {
			return nil, notBefore, err
		}
		if states[module] = state; state.NotBefore.After(notBefore) {
			notBefore = state.NotBefore
		}
	}
	return states, notBefore, nil
}

// pullInTurn pulls a module when there is a slot. The error says why that could not begin; what becomes of the pull is in
// its state.
func (p *Puller) pullInTurn(ctx context.Context, partner Partner, module ocpi.ModuleID, slots chan struct{}) (State, error) {
	leave, err := p.enter(ctx, slots)
	if err != nil {
		return State{}, err
	}
	defer leave()
	r, err := p.begin(ctx, partner, module, false)
	if err != nil {
		return State{}, err
	}
	defer r.release(ctx)
	state, err := r.pull(ctx)
	if err != nil {
		p.pause(partner.ID, module)
	}
	return state, nil
}

// enter takes a slot. It is given back after a while also if the pull is not over: then it waits for its partner, and
// whoever does that must not keep others waiting.
func (p *Puller) enter(ctx context.Context, slots chan struct{}) (leave func(), err error) {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	free := sync.OnceFunc(func() { <-slots })
	patience := time.AfterFunc(p.config.Patience, free)
	return func() { patience.Stop(); free() }, nil
}

// notBegun tells why a pull could not begin, and returns until when it is not tried again. Behind another process's pull that
// is a moment, because what it asked for may not be all that is due, and it is told once in a while.
func (p *Puller) notBegun(ctx context.Context, partner string, module ocpi.ModuleID, err error) (until time.Time) {
	leased := errors.Is(err, store.ErrLeased)
	until, tell := p.hold(partner, module, leased)
	switch {
	case ctx.Err() != nil || !tell:
	case leased:
		p.config.Logger.InfoContext(ctx, "a pull waits", "error", err)
	default:
		p.config.Logger.ErrorContext(ctx, "a pull could not begin", "partner", partner, "module", module, "error", err)
	}
	return until
}

// behind is how long a pull waits for the one of another process before it looks again.
const behind = 5 * time.Second

// A pause is until when a module of a partner is left alone.
type pause struct {
	until time.Time
	// told is when it was last said why.
	told time.Time
}

// pause leaves a module of a partner alone for a while; all of them for the empty module.
func (p *Puller) pause(partner string, module ocpi.ModuleID) { p.hold(partner, module, false) }

// hold leaves a module of a partner alone, behind another process for a moment only. tell reports whether nobody was told why
// for a while.
func (p *Puller) hold(partner string, module ocpi.ModuleID, leased bool) (until time.Time, tell bool) {
	name, now := partner+"/"+string(module), p.config.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.pauses[name]
	next := pause{until: now.Add(apart), told: last.told}
	if leased {
		next.until = now.Add(behind)
	}
	if tell = !leased || now.Sub(last.told) >= apart; tell {
		next.told = now
	}
	p.pauses[name] = next
	return next.until, tell
}

func (p *Puller) pausing(partner string, module ocpi.ModuleID) (until time.Time, is bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	until = p.pauses[partner+"/"+string(module)].until
	return until, p.config.Now().Before(until)
}
