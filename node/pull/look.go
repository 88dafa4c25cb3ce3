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
	now := p.config.Now()
	notBefore, err := p.notBefore(ctx, partner)
	if err != nil {
		p.notBegun(ctx, partner.ID, "", err)
		p.wakeAgain(partner.ID, woken, now.Add(apart))
		return
	}
	if now.Before(notBefore) {
		p.wakeAgain(partner.ID, woken, notBefore)
		return
	}
	for _, module := range partner.wanted() {
		if ctx.Err() != nil {
			return
		}
		if p.pausing(partner.ID, module) {
			p.wakeAgain(partner.ID, woken, now.Add(apart))
			continue
		}
		state, err := p.pullIfDue(ctx, partner, module, woken, slots)
		if err != nil {
			p.notBegun(ctx, partner.ID, module, err)
			p.wakeAgain(partner.ID, woken, now.Add(apart))
			continue
		}
		if p.config.Now().Before(state.NotBefore) {
			p.wakeAgain(partner.ID, woken, state.NotBefore)
			return
		}
	}
}

// notBefore is until when a partner is left alone, as it has asked when any of its modules was pulled.
func (p *Puller) notBefore(ctx context.Context, partner Partner) (latest time.Time, err error) {
	if p.pausing(partner.ID, "") {
		return p.config.Now().Add(lookEvery), nil
	}
	for _, module := range partner.modules() {
		state, err := p.read(ctx, partner, module)
		if err != nil {
			return latest, err
		}
		if state.NotBefore.After(latest) {
			latest = state.NotBefore
		}
	}
	return latest, nil
}

// pullIfDue pulls a module if it is due. The error says why that could not begin; what becomes of a pull is in its state.
func (p *Puller) pullIfDue(ctx context.Context, partner Partner, module ocpi.ModuleID, woken wake, slots chan struct{}) (State, error) {
	state, err := p.read(ctx, partner, module)
	if err != nil || !state.due(p.config.Now(), woken) {
		return state, err
	}
	leave, ok := p.enter(ctx, slots)
	if !ok {
		return state, nil
	}
	defer leave()
	r, err := p.begin(ctx, partner, module, false)
	if err != nil {
		return state, err
	}
	defer r.release(ctx)
	state, err = r.pull(ctx)
	if err != nil {
		p.pause(partner.ID, module)
	}
	return state, nil
}

// enter takes a slot. It is given back after a while also if the pull is not over: then it waits for its partner, and
// whoever does that must not keep others waiting.
func (p *Puller) enter(ctx context.Context, slots chan struct{}) (leave func(), ok bool) {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return nil, false
	}
	free := sync.OnceFunc(func() { <-slots })
	patience := time.AfterFunc(p.config.Patience, free)
	return func() { patience.Stop(); free() }, true
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
