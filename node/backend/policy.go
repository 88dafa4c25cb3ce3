package backend

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
)

// A Policy is what was decided about the exchange of data with a partner. What is missing stands for the default.
type Policy struct {
	Push    PushPolicy    `json:"push,omitzero" required:"false"`
	Pull    PullPolicy    `json:"pull,omitzero" required:"false"`
	Receive ReceivePolicy `json:"receive,omitzero" required:"false"`
	// ResultHosts get the partner's token.
	ResultHosts []string        `json:"result_hosts,omitempty" doc:"Hosts where the partner has no endpoints and takes the results of its commands all the same: they get its token. With a port where that is not the usual one"`
	Authorize   AuthorizePolicy `json:"authorize,omitzero" required:"false"`
	Price       PricePolicy     `json:"price,omitzero" required:"false"`
}

// A PricePolicy says how a partner's tariffs are read when its CDRs are checked.
type PricePolicy struct {
	Tolerance string            `json:"tolerance,omitempty" example:"0.05" doc:"How far an amount of a CDR may be from the one that its tariff gives, in its currency. Default: one of its smallest units, such as a cent"`
	Rules     map[string]string `json:"rules,omitempty" doc:"What OCPI leaves open, where the partner does not read it as is the default: names and values of pricing rules, as in {\"flat\": \"each\"}"`
}

// findings are what is wrong with it.
func (p *PricePolicy) findings() (findings []ocpi.Finding) {
	if _, err := tariff.ParseTolerance(p.Tolerance); p.Tolerance != "" && err != nil {
		findings = append(findings, ocpi.Finding{Pointer: "/price/tolerance", Code: ocpi.FindingFormat, Message: err.Error()})
	}
	return append(findings, wrongRules("/price/rules", p.Rules)...)
}

// wrongRules are pricing rules that there are not.
func wrongRules(pointer string, rules map[string]string) (findings []ocpi.Finding) {
	var policy tariff.Policy
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if err := policy.Set(name, rules[name]); err != nil {
			findings = append(findings, ocpi.Finding{Pointer: string(jsontext.Pointer(pointer).AppendToken(name)), Code: ocpi.FindingEnum, Message: err.Error()})
		}
	}
	return findings
}

// An AuthorizePolicy says how an eMSP is asked whether its drivers may charge.
type AuthorizePolicy struct {
	Off      bool     `json:"off,omitzero" required:"false" doc:"It is never asked"`
	Realtime bool     `json:"realtime,omitzero" required:"false" doc:"It is asked about tokens whose whitelist leaves that to us. Without it, those are decided by what it has sent"`
	Deadline Duration `json:"deadline,omitzero" required:"false" doc:"How long it may take to answer, as in 3s; 0s for the default"`
}

// A PushPolicy says what a partner gets from us without asking.
type PushPolicy struct {
	Off         bool     `json:"off,omitzero" required:"false" doc:"Nothing is pushed"`
	Except      []string `json:"except,omitempty" enum:"locations,tariffs,sessions,cdrs,tokens" doc:"Modules that are not pushed"`
	Parties     []string `json:"parties,omitempty" doc:"The parties of ours whose objects are pushed. Default: all that deal with the partner"`
	Whole       bool     `json:"whole,omitzero" required:"false" doc:"Push whole objects in place of PATCH"`
	FromNow     bool     `json:"from_now,omitzero" required:"false" doc:"Begin with what changes from now on"`
	Rate        int      `json:"rate,omitzero" required:"false" minimum:"0" doc:"The largest number of messages of a module in a second; 0 for no limit"`
	Concurrency int      `json:"concurrency,omitzero" required:"false" minimum:"0" doc:"How many messages of a module can be under way at once; 0 for the default"`
	Timeout     Duration `json:"timeout,omitzero" required:"false" doc:"How long the sending of one object may take, with all its requests; 0s for as long as these take"`
}

// A PullPolicy says what we ask a partner for.
type PullPolicy struct {
	Off       bool     `json:"off,omitzero" required:"false" doc:"Nothing is pulled but by command"`
	Except    []string `json:"except,omitempty" enum:"locations,tariffs,sessions,cdrs,tokens" doc:"Modules that are not pulled"`
	Every     Duration `json:"every,omitzero" required:"false" doc:"Time between pulls of what is new, as in 10m; 0s for the default"`
	FullEvery Duration `json:"full_every,omitzero" required:"false" doc:"Time between pulls of everything; 0s for the default"`
	GoneAfter int      `json:"gone_after,omitzero" required:"false" minimum:"0" doc:"How many pulls of everything in a row an object must be missing from to count as gone; 0 for the default"`
	Limit     int      `json:"limit,omitzero" required:"false" minimum:"0" doc:"Objects on a page; 0 for the default"`
}

// A ReceivePolicy says how a partner's objects are taken.
type ReceivePolicy struct {
	AllowOlder   bool   `json:"allow_older,omitzero" required:"false" doc:"Let objects replace ones with a later last_updated"`
	PatchedEVSEs string `json:"patched_evses,omitempty" enum:"merge,replace,reject" doc:"What becomes of EVSEs in the PATCH of a location. Default: merge"`
	Routing      string `json:"routing,omitempty" enum:"strict,log,trust" doc:"What becomes of messages that name parties which are not the partner's. Default: strict"`
}

// A Duration is a length of time, in JSON as in "1h30m".
type Duration time.Duration

// Schema is for huma.
func (Duration) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{
		Type: huma.TypeString, Pattern: `^-?(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`,
		PatternDescription: "a length of time, as in 1h30m", Examples: []any{"1h30m"},
	}
	s.PrecomputeMessages()
	return s
}

// MarshalText writes it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads it.
func (d *Duration) UnmarshalText(text []byte) error {
	t, err := time.ParseDuration(string(text))
	*d = Duration(t)
	return err
}

func (a *API) addPolicies(base operation) {
	base.result = schemaOf[Policy](a)
	get := base.as("GET", "/partners/{name}/policy", "get-policy", "What was decided about the exchange of data with a partner")
	get.scope = ScopeRead
	add(a, get, func(ctx context.Context, in *NamedInput) (*answer, error) {
		policy, err := a.config.Partners.Policy(ctx, in.Name)
		if err != nil {
			return nil, partnerError(err)
		}
		return answered(http.StatusOK, policy)
	})
	change := base.as("PATCH", "/partners/{name}/policy", "change-policy", "Change what was decided about the exchange of data with a partner")
	change.body, change.bodyType = "Policy"+patchSuffix, "application/merge-patch+json"
	add(a, change, func(ctx context.Context, in *patchNameInput) (*answer, error) {
		var after Policy
		err := a.config.Partners.ChangePolicy(ctx, in.Name, func(p *Policy) error {
			if err := patchInto(a, p, in.RawBody); err != nil {
				return err
			}
			after = *p
			return a.checkPolicy(p)
		})
		if err != nil {
			return nil, partnerError(err)
		}
		return answered(http.StatusOK, after)
	})
}

// checkPolicy finds what is wrong with a policy beside what its schema says.
func (a *API) checkPolicy(p *Policy) error {
	var findings []ocpi.Finding
	wrong := func(pointer string, code ocpi.FindingCode, message string) {
		findings = append(findings, ocpi.Finding{Pointer: pointer, Code: code, Message: message})
	}
	for pointer, number := range map[string]int64{
		"/push/rate": int64(p.Push.Rate), "/push/concurrency": int64(p.Push.Concurrency), "/pull/gone_after": int64(p.Pull.GoneAfter),
		"/pull/limit": int64(p.Pull.Limit), "/pull/every": int64(p.Pull.Every), "/pull/full_every": int64(p.Pull.FullEvery),
		"/push/timeout": int64(p.Push.Timeout), "/authorize/deadline": int64(p.Authorize.Deadline),
	} {
		if number < 0 {
			wrong(pointer, ocpi.FindingRange, "cannot be negative")
		}
	}
	for at, names := range map[string][]string{"push.except": p.Push.Except, "pull.except": p.Pull.Except} {
		for i, name := range names {
			if !slices.Contains(movedModules, ocpi.ModuleID(name)) {
				wrong(pointerOf(at+"["+strconv.Itoa(i)+"]"), ocpi.FindingEnum, "no module of this name is pushed or pulled")
			}
		}
	}
	for i, text := range p.Push.Parties {
		at := pointerOf("push.parties[" + strconv.Itoa(i) + "]")
		if party, err := ocpi.ParseParty(text); err != nil {
			wrong(at, ocpi.FindingFormat, err.Error())
		} else if !a.ours(party) {
			wrong(at, ocpi.FindingMismatch, party.String()+" is no party of this node")
		}
	}
	for i, host := range p.ResultHosts {
		if at, err := url.Parse("https://" + host); err != nil || at.Host != host || at.Hostname() == "" {
			wrong(pointerOf("result_hosts["+strconv.Itoa(i)+"]"), ocpi.FindingFormat, "is no host such as example.com or example.com:8443")
		}
	}
	if !slices.Contains([]string{"", "merge", "replace", "reject"}, p.Receive.PatchedEVSEs) {
		wrong("/receive/patched_evses", ocpi.FindingEnum, "must be merge, replace or reject")
	}
	findings = append(findings, p.Price.findings()...)
	if len(findings) > 0 {
		return invalid("the policy", findings)
	}
	return nil
}

var movedModules = []ocpi.ModuleID{ocpi.ModuleLocations, ocpi.ModuleTariffs, ocpi.ModuleSessions, ocpi.ModuleCDRs, ocpi.ModuleTokens}
