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
	later := p.config.Now().Add(apart)
	if p.pausing(partner.ID, "") {
		p.wakeAgain(partner.ID, woken, later)
		return
	}
	states, notBefore, err := p.states(ctx, partner)
	if err != nil {
		p.notBegun(ctx, partner.ID, "", err)
		p.wakeAgain(partner.ID, woken, later)
		return
	}
	for _, module := range partner.wanted() {
		if now := p.config.Now(); now.Before(notBefore) {
			p.wakeAgain(partner.ID, woken, notBefore)
			return
		}
		if p.pausing(partner.ID, module) {
			p.wakeAgain(partner.ID, woken, later)
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
			p.notBegun(ctx, partner.ID, module, err)
			p.wakeAgain(partner.ID, woken, later)
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

// notBegun tells why a pull could not begin. It is not tried again for a while.
func (p *Puller) notBegun(ctx context.Context, partner string, module ocpi.ModuleID, err error) {
	p.pause(partner, module)
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, store.ErrLeased):
		p.config.Logger.InfoContext(ctx, "a pull waits", "error", err)
	default:
		p.config.Logger.ErrorContext(ctx, "a pull could not begin", "partner", partner, "module", module, "error", err)
	}
}

// pause leaves a module of a partner alone for a while; all of them for the empty module.
func (p *Puller) pause(partner string, module ocpi.ModuleID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pauses[partner+"/"+string(module)] = p.config.Now().Add(apart)
}

func (p *Puller) pausing(partner string, module ocpi.ModuleID) bool {
	name := partner + "/" + string(module)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.config.Now().Before(p.pauses[name]) {
		return true
	}
	delete(p.pauses, name)
	return false
}
