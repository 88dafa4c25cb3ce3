package audit

import (
	"context"
	"maps"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
)

// lateTariffs is how long after its end a CDR that nobody could judge is looked at again when its CPO's tariffs change.
const lateTariffs = 62 * 24 * time.Hour

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
	if err := a.lookAgain(ctx); err != nil {
		return err
	}
	_, err := a.config.Store.TrimTariffStates(ctx, a.config.Now().Add(-a.config.KeepTariffs), trimmedAtOnce)
	return err
}

// lookAgain checks again those that nobody could judge whose partner has other tariffs now.
func (a *Auditor) lookAgain(ctx context.Context) error {
	want := store.CheckFilter{Verdicts: []string{string(tariff.CannotSay)}, From: a.config.Now().Add(-lateTariffs)}
	changed := map[string]bool{}
	seen := map[string]int64{}
	for after := int64(0); ; {
		checks, err := a.config.Store.Checks(ctx, want, after, atOnce)
		if err != nil {
			return err
		}
		if len(checks) == 0 {
			break
		}
		after = checks[len(checks)-1].Created
		var again []store.CDRCheck
		for i := range checks {
			partner := checks[i].Source
			if _, ok := seen[partner]; !ok {
				if seen[partner], err = a.config.Store.LatestChange(ctx, ocpi.ModuleTariffs, partner); err != nil {
					return err
				}
				changed[partner] = seen[partner] != a.tariffs[partner]
			}
			if changed[partner] {
				again = append(again, checks[i])
			}
		}
		if len(again) > 0 {
			if err := a.again(ctx, again, &Progress{}); err != nil {
				return err
			}
		}
	}
	maps.Copy(a.tariffs, seen)
	return nil
}
