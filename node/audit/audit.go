// Package audit checks the CDRs that partners send: it prices each again with the tariff that applied, and keeps whether it agrees, by
// how much it differs, and why.
package audit

import (
	"context"
	"log/slog"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Store is what this package needs of the node's home.
type Store interface {
	// Unchecked are partners' CDRs that were not checked by these rules in their present state, in the order of creation.
	Unchecked(ctx context.Context, rules string, after int64, limit int) ([]store.CDRToCheck, error)
	// CheckedCDRs are partners' CDRs that were checked, in the order of creation.
	CheckedCDRs(ctx context.Context, want store.CheckFilter, after int64, limit int) ([]store.CDRToCheck, error)
	// LatestCDR is the number of the latest change to a CDR of any partner.
	LatestCDR(ctx context.Context) (int64, error)
	// CountUnchecked counts those of Unchecked, or with no rules those that were never checked in their present state, by whatever rules.
	CountUnchecked(ctx context.Context, rules string) (int, error)
	// CountChecks counts those of Checks.
	CountChecks(ctx context.Context, want store.CheckFilter) (int, error)
	// SaveChecks writes what came of checks, and the events that tell of it, in one transaction.
	SaveChecks(ctx context.Context, checks []store.NewCheck) error
	// Checks are what came of checks, in the order in which the CDRs came.
	Checks(ctx context.Context, want store.CheckFilter, after int64, limit int) ([]store.CDRCheck, error)
	// Partners are all partners.
	Partners(ctx context.Context) ([]store.Partner, error)
	// TariffStates are the states that a tariff had, the latest first.
	TariffStates(ctx context.Context, key store.Key) ([]store.TariffState, error)
	// TrimTariffStates removes states that ended before a time, at most limit of them.
	TrimTariffStates(ctx context.Context, before time.Time, limit int) (removed int, err error)
	// Object reads one object, or store.ErrNotFound.
	Object(ctx context.Context, key store.Key) (store.Object, error)
	// LatestChange returns the number of the latest change to an object of this module from this source.
	LatestChange(ctx context.Context, module ocpi.ModuleID, source string) (int64, error)
}

// Config says what is checked and how. Store and Policy are required.
type Config struct {
	Store Store
	// Policy is how the tariffs of a partner are read. Its time zone is that of the location, where we have that.
	Policy func(ctx context.Context, partner string) (tariff.Policy, error)
	// Tell makes the event of a check; nil for none. The verdict before is empty where there was none.
	Tell func(check *store.CDRCheck, before tariff.Verdict, report *tariff.Report) store.Event
	// Poll is how often Run looks for CDRs, and Again how often for tariffs of partners whose CDRs nobody could judge. Default 1 second
	// and 1 minute.
	Poll, Again time.Duration
	// KeepTariffs is how long tariffs are kept as they were, for CDRs that come late. Default 400 days.
	KeepTariffs time.Duration

	Logger *slog.Logger
	Now    func() time.Time
}

// An Auditor checks CDRs.
type Auditor struct {
	config Config
	// after is the CDR after which Run goes on, and latest the latest change of CDRs that it has seen.
	after, latest int64
	// again is how far Run has looked again at what nobody could judge, by partner.
	again map[string]lookedAgain
	// againAtOnce is how many of a partner's are looked at again at once.
	againAtOnce int
	// lookedAtAll is when Run last looked again at all that nobody could judge.
	lookedAtAll time.Time
}

// New returns an Auditor.
func New(config Config) *Auditor {
	if config.Poll <= 0 {
		config.Poll = time.Second
	}
	if config.Again <= 0 {
		config.Again = time.Minute
	}
	if config.KeepTariffs <= 0 {
		config.KeepTariffs = 400 * 24 * time.Hour
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Auditor{config: config, again: map[string]lookedAgain{}, againAtOnce: againAtOnce}
}

// An Explanation is how the price of a CDR comes about, with times at the location.
type Explanation struct {
	CDR    v230.CDR
	Report *tariff.Report
	Policy tariff.Policy
}

// Explain prices a partner's CDR anew, and stores nothing. The error is store.ErrNotFound where it is not there.
func (a *Auditor) Explain(ctx context.Context, key store.Key) (e Explanation, err error) {
	o, err := a.config.Store.Object(ctx, key)
	if err != nil {
		return e, err
	}
	if err := read(o.Body, &e.CDR); err != nil {
		return e, err
	}
	audit, policy, err := newReader(a.config.Store, a.config.Policy).price(ctx, o.Source, &e.CDR)
	if err != nil {
		return e, err
	}
	e.Report, e.Policy = audit.Report(), policy
	return e, nil
}
