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
func (a *Auditor) look(ctx context.Context) (err error) {
	a.after, err = a.checkNew(ctx, a.after, &Progress{}, func(Progress) {})
	return err
}

// trimmedAtOnce is how many former states of tariffs are removed at once.
const trimmedAtOnce = 1000

// tidy looks again at what nobody could judge, and removes tariffs as they were long ago.
func (a *Auditor) tidy(ctx context.Context) error {
	if now := a.config.Now(); now.Sub(a.lookedAtAll) >= lookAtAll { // locations may have come, too
		clear(a.tariffs)
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
		latest, err := a.config.Store.LatestChange(ctx, ocpi.ModuleTariffs, partners[i].ID)
		if err != nil {
			return err
		}
		if latest == a.tariffs[partners[i].ID] {
			continue
		}
		want := store.CheckFilter{
			Source: partners[i].ID, Verdicts: []string{string(tariff.CannotSay)}, From: a.config.Now().Add(-lateTariffs),
		}
		if err := a.checkAgain(ctx, want, &Progress{}, func(Progress) {}); err != nil {
			return err
		}
		a.tariffs[partners[i].ID] = latest
	}
	return nil
}
