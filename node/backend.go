package node

import (
	"context"
	"encoding/json"
	"time"

	"github.com/roamwire/roamwire/node/apidocs"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/push"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
)

var (
	_ backend.Store   = (*sqlite.DB)(nil)
	_ backend.Keys    = (*sqlite.DB)(nil)
	_ backend.Answers = (*sqlite.DB)(nil)
)

// newBackend makes the API for the operator's own systems.
func newBackend(n *Node) (*backend.API, error) {
	docs, err := apidocs.Page{
		Title: "Roamwire: backend API", Prefix: backend.DocsPrefix,
		Documents: []apidocs.Document{{Name: "Backend API", URL: backend.DocumentURL}},
	}.Handler()
	if err != nil {
		return nil, err
	}
	config := backend.Config{
		Keys: n.db, Answers: n.db, Store: n.db, Parties: partyRoles(n.config.Parties),
		Objects: backend.Objects{
			Locations: ownObjects(n.Objects.Locations), Sessions: ownObjects(n.Objects.Sessions), CDRs: ownObjects(n.Objects.CDRs),
			Tariffs: ownObjects(n.Objects.Tariffs), Tokens: ownObjects(n.Objects.Tokens), Statuses: n.Objects,
		},
		AnyCase:  n.Objects.AnyCase(),
		Partners: partners{n.Partners}, Registrations: registrations{n.handshake, n.Data}, Moves: moves{n}, Pusher: pushNow{n},
		Commands: commands{n}, HubClients: n.hubClients, Authorizer: authorizer{n}, Biller: billing{n}, Auditor: auditing{n.Auditor()}, Webhooks: webhooks{n.events.Webhooks},
		Events: backend.Events{Stream: n.events.Stream(), Socket: n.events.Socket()},
		Docs:   docs, BodyTimeout: n.config.BodyTimeout, Version: n.config.Version, Logger: n.config.Logger, Now: n.config.Now,
	}
	if !n.config.has(ocpi.RoleCPO) { // who has no chargers lets nobody charge, and bills nothing
		config.Authorizer, config.Biller = nil, nil
	}
	return backend.New(config)
}

// own are our objects of one module, as the API needs them.
type own[T any] struct{ *object.Own[T] }

func ownObjects[T any](o *object.Own[T]) backend.Own[T] { return own[T]{o} }

// Save implements backend.Own.
func (o own[T]) Save(ctx context.Context, items []backend.Item[T], allow func(i int, before, after *T) error) ([]backend.Outcome, error) {
	ours := make([]object.Item[T], len(items))
	for i, item := range items {
		ours[i] = object.Item[T]{Party: item.Party, Object: item.Object}
	}
	saved, err := o.Own.Save(ctx, ours, allow)
	outcomes := make([]backend.Outcome, len(saved))
	for i, s := range saved {
		outcomes[i] = backend.Outcome{Created: s.Created, Changed: s.Changed, Err: s.Err}
	}
	return outcomes, err
}

// partners are those of the registry, with policies in the API's words.
type partners struct{ *partner.Registry }

// Policy implements backend.Partners.
func (p partners) Policy(ctx context.Context, name string) (backend.Policy, error) {
	policy, err := p.Registry.Policy(ctx, name)
	return policyOut(policy), err
}

// ChangePolicy implements backend.Partners.
func (p partners) ChangePolicy(ctx context.Context, name string, fn func(*backend.Policy) error) error {
	return p.Registry.ChangePolicy(ctx, name, func(policy *partner.Policy) error {
		shown := policyOut(*policy)
		if err := fn(&shown); err != nil {
			return err
		}
		var err error
		*policy, err = policyIn(shown)
		return err
	})
}

func policyOut(p partner.Policy) backend.Policy {
	out := backend.Policy{
		Push: backend.PushPolicy{
			Off: p.Push.Off, Except: moduleNames(p.Push.Except), Whole: p.Push.Whole, FromNow: p.Push.FromNow,
			Rate: p.Push.Rate, Concurrency: p.Push.Concurrency, Timeout: backend.Duration(p.Push.Timeout),
		},
		Pull: backend.PullPolicy{
			Off: p.Pull.Off, Except: moduleNames(p.Pull.Except), Every: backend.Duration(p.Pull.Every),
			FullEvery: backend.Duration(p.Pull.FullEvery), GoneAfter: p.Pull.GoneAfter, Limit: p.Pull.Limit,
		},
		Receive:     backend.ReceivePolicy{AllowOlder: p.Receive.AllowOlder, PatchedEVSEs: string(p.Receive.EVSEs), Routing: string(p.Receive.Routing)},
		ResultHosts: p.ResultHosts,
		Authorize: backend.AuthorizePolicy{
			Off: p.Authorize.Off, Realtime: p.Authorize.Realtime, Deadline: backend.Duration(p.Authorize.Deadline),
		},
		Price: backend.PricePolicy{Tolerance: p.Price.Tolerance, Rules: p.Price.Rules},
	}
	for _, party := range p.Push.Parties {
		out.Push.Parties = append(out.Push.Parties, party.String())
	}
	return out
}

// policyIn is the policy of what policyOut shows, after it was checked.
func policyIn(p backend.Policy) (partner.Policy, error) {
	in := partner.Policy{
		Push: partner.PushPolicy{
			Off: p.Push.Off, Except: moduleIDs(p.Push.Except), Whole: p.Push.Whole, FromNow: p.Push.FromNow,
			Rate: p.Push.Rate, Concurrency: p.Push.Concurrency, Timeout: time.Duration(p.Push.Timeout),
		},
		Pull: partner.PullPolicy{
			Off: p.Pull.Off, Except: moduleIDs(p.Pull.Except), Every: time.Duration(p.Pull.Every), FullEvery: time.Duration(p.Pull.FullEvery),
			GoneAfter: p.Pull.GoneAfter, Limit: p.Pull.Limit,
		},
		Receive:     ocpi.Receiving{AllowOlder: p.Receive.AllowOlder, EVSEs: ocpi.PatchedEVSEs(p.Receive.PatchedEVSEs), Routing: routingPolicy(p.Receive.Routing)},
		ResultHosts: p.ResultHosts,
		Authorize:   partner.AuthorizePolicy{Off: p.Authorize.Off, Realtime: p.Authorize.Realtime, Deadline: time.Duration(p.Authorize.Deadline)},
		Price:       partner.PricePolicy{Tolerance: p.Price.Tolerance, Rules: p.Price.Rules},
	}
	if in.Receive.EVSEs == "merge" {
		in.Receive.EVSEs = ocpi.MergeEVSEs
	}
	for _, text := range p.Push.Parties {
		party, err := ocpi.ParseParty(text)
		if err != nil {
			return in, err
		}
		in.Push.Parties = append(in.Push.Parties, party)
	}
	return in, nil
}

func moduleNames(modules []ocpi.ModuleID) []string {
	var names []string
	for _, m := range modules {
		names = append(names, string(m))
	}
	return names
}

func moduleIDs(names []string) []ocpi.ModuleID {
	var modules []ocpi.ModuleID
	for _, name := range names {
		modules = append(modules, ocpi.ModuleID(name))
	}
	return modules
}

// registrations register partners, and know where they find us.
type registrations struct {
	*handshake.Handshake
	data *Data
}

// VersionsURL implements backend.Registrations.
func (r registrations) VersionsURL(ctx context.Context, role ocpi.Role) (string, error) {
	return r.data.VersionsURL(ctx, role)
}

// moves is what moves between partners and us, as the API needs it.
type moves struct{ n *Node }

// Status implements backend.Moves.
func (m moves) Status(ctx context.Context, name string) ([]backend.PartnerStatus, error) {
	all, err := m.n.Status(ctx, name)
	if err != nil {
		return nil, err
	}
	shown := make([]backend.PartnerStatus, len(all))
	for i := range all {
		if shown[i], err = statusOut(&all[i]); err != nil {
			return nil, err
		}
	}
	return shown, nil
}

func statusOut(s *Status) (backend.PartnerStatus, error) {
	out := backend.PartnerStatus{
		Partner: s.Partner, Version: s.Version, State: string(s.State), Words: s.Words, Suspended: s.Suspended, Failure: s.Failure,
		PushOff: s.PushOff, PullOff: s.PullOff,
		Roles: []backend.PartnerRole{}, Push: []backend.PushStatus{}, Pull: []backend.PullStatus{},
	}
	for _, role := range s.Roles {
		out.Roles = append(out.Roles, backend.PartnerRole{Party: role.Party.String(), Role: role.Role})
	}
	for i := range s.Push {
		out.Push = append(out.Push, pushOut(&s.Push[i]))
	}
	for i := range s.Pull {
		pulls, err := pullOut(&s.Pull[i])
		if err != nil {
			return out, err
		}
		out.Pull = append(out.Pull, pulls)
	}
	return out, nil
}

func pushOut(s *push.Status) backend.PushStatus {
	return backend.PushStatus{
		Module: s.Module, Cursor: s.Cursor, Backlog: s.Backlog, Oldest: s.Oldest, Held: heldOut(s.Module, s.Held), Parked: heldOut(s.Module, s.Parked),
		Sent: s.Sent, LastSuccess: s.LastSuccess, LastError: s.LastError, LastFailure: s.LastFailure, Failures: s.Failures, WaitsUntil: s.WaitsUntil,
	}
}

func heldOut(module ocpi.ModuleID, held []push.Held) []backend.HeldObject {
	var out []backend.HeldObject
	for _, h := range held {
		out = append(out, backend.HeldObject{
			Module: module, ID: h.ID, Party: h.Party, TokenType: h.TokenType, Attempts: h.Attempts, Refused: h.Refused, Reason: h.Reason,
			First: h.First, Failed: h.Failed, Due: h.Due, Unclear: h.Unclear,
		})
	}
	return out
}

// pullOut is a state in the API's words, which are those of its JSON.
func pullOut(s *pull.State) (out backend.PullStatus, err error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(raw, &out)
}

// Pull implements backend.Moves.
func (m moves) Pull(ctx context.Context, name string, module ocpi.ModuleID, full bool) (backend.PullStatus, error) {
	state, err := m.n.puller.Pull(ctx, name, module, full, nil)
	if err != nil {
		return backend.PullStatus{}, err
	}
	return pullOut(&state)
}

// PullModules implements backend.Moves.
func (m moves) PullModules(ctx context.Context, name string) ([]ocpi.ModuleID, error) {
	if _, err := m.n.Partners.Relation(ctx, name); err != nil {
		return nil, err
	}
	return m.n.puller.Modules(ctx, name)
}

// RetryPushes implements backend.Moves.
func (m moves) RetryPushes(ctx context.Context, name string, module ocpi.ModuleID, id string) (int, error) {
	return m.n.RetryPushes(ctx, name, module, id)
}

// SettleCDR implements backend.Moves.
func (m moves) SettleCDR(ctx context.Context, name, id string, arrived bool) error {
	outcome := push.NotArrived
	if arrived {
		outcome = push.Arrived
	}
	return m.n.SettleCDR(ctx, name, id, outcome)
}

// routingPolicy is the policy that the API calls by a name.
func routingPolicy(name string) ocpi.RoutingPolicy {
	if name == "strict" {
		return ocpi.RoutingStrict
	}
	return ocpi.RoutingPolicy(name)
}
