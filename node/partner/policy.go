package partner

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A Policy is what the operator has decided about the exchange of data with one partner. The zero Policy is the default.
type Policy struct {
	Push    PushPolicy     `json:"push,omitzero"`
	Pull    PullPolicy     `json:"pull,omitzero"`
	Receive ocpi.Receiving `json:"receive,omitzero"`
	// ResultHosts are hosts where the partner has no endpoints and takes the results of its commands all the same: they get
	// its token. With a port where that is not the usual one.
	ResultHosts []string `json:"result_hosts,omitempty"`
	// Authorize says how the partner is asked whether its drivers may charge.
	Authorize AuthorizePolicy `json:"authorize,omitzero"`
	// Price says how the partner's tariffs are read when its CDRs are checked.
	Price PricePolicy `json:"price,omitzero"`
}

// A PricePolicy says how a partner's tariffs are read, where that is not the default.
type PricePolicy struct {
	// Tolerance is how far an amount of a CDR may be from ours, as a decimal text; empty for the default.
	Tolerance string `json:"tolerance,omitzero"`
	// Rules are settings of the tariff package, by name.
	Rules map[string]string `json:"rules,omitempty"`
}

// An AuthorizePolicy says how an eMSP is asked whether its drivers may charge.
type AuthorizePolicy struct {
	// Deadline is how long it may take to answer; 0 for the default.
	Deadline time.Duration `json:"deadline,omitzero"`
	// Realtime asks it about tokens whose whitelist leaves that to us. Without it, those are decided by what it has sent.
	Realtime bool `json:"realtime,omitzero"`
	// Off never asks it.
	Off bool `json:"off,omitzero"`
}

// A PushPolicy says what the partner gets from us without asking.
type PushPolicy struct {
	// Off ends all pushes.
	Off bool `json:"off,omitzero"`
	// Except are modules that are not pushed.
	Except []ocpi.ModuleID `json:"except,omitempty"`
	// Parties are the parties of ours whose objects are pushed; empty for all that deal with the partner.
	Parties []ocpi.Party `json:"parties,omitempty"`
	// Whole sends whole objects in place of PATCH, for partners that do not take it well.
	Whole bool `json:"whole,omitzero"`
	// FromNow begins a new lane with what changes from then on. Without it, a new partner gets all locations, tariffs and
	// tokens once; sessions and CDRs always begin with what is new.
	FromNow bool `json:"from_now,omitzero"`
	// Rate is the largest number of requests in a second; 0 for no limit.
	Rate int `json:"rate,omitzero"`
	// Concurrency is how many requests of one module can be under way at once; 0 for the default.
	Concurrency int `json:"concurrency,omitzero"`
	// Timeout is how long the sending of one object may take, with all its requests; 0 for as long as these take.
	Timeout time.Duration `json:"timeout,omitzero"`
}

// A PullPolicy says what we ask the partner for.
type PullPolicy struct {
	// Off ends all pulls but those by command.
	Off bool `json:"off,omitzero"`
	// Except are modules that are not pulled.
	Except []ocpi.ModuleID `json:"except,omitempty"`
	// Every is the time between pulls of what is new; 0 for the default.
	Every time.Duration `json:"every,omitzero"`
	// FullEvery is the time between pulls of everything; 0 for the default, every night.
	FullEvery time.Duration `json:"full_every,omitzero"`
	// GoneAfter is how many pulls of everything in a row an object must be missing from before it counts as gone; 0 for
	// the default.
	GoneAfter int `json:"gone_after,omitzero"`
	// Limit is how many objects a page should have; 0 for the default.
	Limit int `json:"limit,omitzero"`
}

// Policy returns what was decided about a partner.
func (r *Registry) Policy(ctx context.Context, name string) (Policy, error) {
	p, err := r.store.Partner(ctx, name)
	if err != nil {
		return Policy{}, unknown(err)
	}
	return readPolicy(&p)
}

// Policies are those of all partners, by name.
func (r *Registry) Policies(ctx context.Context) (map[string]Policy, error) {
	partners, err := r.store.Partners(ctx)
	if err != nil {
		return nil, err
	}
	policies := make(map[string]Policy, len(partners))
	for i := range partners {
		if policies[partners[i].ID], err = readPolicy(&partners[i]); err != nil {
			return nil, err
		}
	}
	return policies, nil
}

// ChangePolicy changes what was decided about a partner. It holds from the next message on.
func (r *Registry) ChangePolicy(ctx context.Context, name string, fn func(*Policy) error) error {
	return unknown(r.store.ChangePartner(ctx, name, func(p *store.Partner) ([]store.Event, error) {
		policy, err := readPolicy(p)
		if err != nil {
			return nil, err
		}
		if err := fn(&policy); err != nil {
			return nil, err
		}
		p.Policy, err = json.Marshal(&policy)
		return nil, err
	}))
}

func readPolicy(p *store.Partner) (Policy, error) {
	var policy Policy
	if len(p.Policy) == 0 {
		return policy, nil
	}
	if err := json.Unmarshal(p.Policy, &policy); err != nil {
		return policy, fmt.Errorf("read policy for %s: %w", p.ID, err)
	}
	return policy, nil
}
