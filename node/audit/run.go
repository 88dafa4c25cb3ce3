package audit

import (
	"context"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
)

// lateTariffs is how long after its end a CDR that nobody could judge is looked at again when its CPO's tariffs change.
const lateTariffs = 62 * 24 * time.Hour

// lookAtAll is how often CDRs that nobody could judge are looked at again, whether or not their partner's tariffs changed.
const lookAtAll = 24 * time.Hour

// againAtOnce is how many CDRs of a partner that nobody could judge are looked at again at once. With a partner that has many of them, and changes
// its tariffs all the time, others must not wait.
const againAtOnce = 5000

// lookedAgain is how far CDRs of a partner that nobody could judge have been looked at again.
type lookedAgain struct {
	// seen is the latest change of its tariffs for which all were looked at, and seeing the one for which some were: those up to after.
	seen, seeing, after int64
}

// Run checks CDRs as they come, and those that nobody could judge again when tariffs of their partner come, until ctx ends.
func (a *Auditor) Run(ctx context.Context) {
	look, again := time.NewTicker(a.config.Poll), time.NewTicker(a.config.Again)
	defer look.Stop()
	defer again.Stop()
	do := a.look
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			a.config.Logger.ErrorContext(ctx, "CDRs could not be checked; that is tried again", "error", err)
		}
		select {
		case <-look.C:
			do = a.look
		case <-again.C:
			do = a.tidy
		case <-ctx.Done():
			return
		}
	}
}

// look checks what has come since it last looked.
func (a *Auditor) look(ctx context.Context) error {
	latest, err := a.config.Store.LatestCDR(ctx)
	if err != nil || latest == a.latest {
		return err
	}
	if a.after, err = a.checkNew(ctx, a.after, &Progress{}, func(Progress) {}); err == nil {
		a.latest = latest
	}
	return err
}

// trimmedAtOnce is how many former states of tariffs are removed at once.
const trimmedAtOnce = 1000

// tidy looks again at what nobody could judge, and removes tariffs as they were long ago.
func (a *Auditor) tidy(ctx context.Context) error {
	if now := a.config.Now(); now.Sub(a.lookedAtAll) >= lookAtAll { // locations may have come, too
		clear(a.again)
		a.lookedAtAll = now
	}
	if err := a.lookAgain(ctx); err != nil {
		return err
	}
	_, err := a.config.Store.TrimTariffStates(ctx, a.config.Now().Add(-a.config.KeepTariffs), trimmedAtOnce)
	return err
}

// lookAgain checks again those that nobody could judge whose partner has other tariffs now.
func (a *Auditor) lookAgain(ctx context.Context) error {
	partners, err := a.config.Store.Partners(ctx)
	if err != nil {
		return err
	}
	for i := range partners {
		if err := a.lookAgainAt(ctx, partners[i].ID); err != nil {
			return err
		}
	}
	return nil
}

// lookAgainAt goes on to look again at what a partner has sent and nobody could judge, if its tariffs have changed.
func (a *Auditor) lookAgainAt(ctx context.Context, partner string) error {
	latest, err := a.config.Store.LatestChange(ctx, ocpi.ModuleTariffs, partner)
	if err != nil {
		return err
	}
	at := a.again[partner]
	if at.after == 0 {
		if latest == at.seen {
			return nil
		}
		at.seeing = latest
	}
	want := store.CheckFilter{Source: partner, Verdicts: []string{string(tariff.CannotSay)}, From: a.config.Now().Add(-lateTariffs)}
	last, all, err := a.checkAgain(ctx, want, at.after, a.againAtOnce, &Progress{}, func(Progress) {})
	if at.after = last; all {
		at.seen, at.after = at.seeing, 0
	}
	a.again[partner] = at
	return err
}
