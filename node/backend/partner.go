package backend

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

// Partners are those we talk to, or are about to.
type Partners interface {
	Relations(ctx context.Context) ([]handshake.Relation, error)
	// Relation returns one by name, or handshake.ErrUnknown.
	Relation(ctx context.Context, name string) (handshake.Relation, error)
	// Add adds a partner by hand and returns the token it calls with, a random one where none is given.
	Add(ctx context.Context, p ocpi.Partner, token string) (string, error)
	Remove(ctx context.Context, name string) error
	// Policy returns what was decided about a partner; ChangePolicy changes it as one atomic step.
	Policy(ctx context.Context, name string) (Policy, error)
	ChangePolicy(ctx context.Context, name string, fn func(*Policy) error) error
}

// Registrations register partners. *handshake.Handshake has all of it but VersionsURL.
type Registrations interface {
	Invite(ctx context.Context, name string, terms handshake.Terms) (tokenA string, err error)
	Register(ctx context.Context, name string, i handshake.Invitation) error
	Rotate(ctx context.Context, name string) error
	Update(ctx context.Context, name string) error
	Retry(ctx context.Context, name string) error
	Rollback(ctx context.Context, name string, force bool) error
	Suspend(ctx context.Context, name string, suspended bool) error
	Unregister(ctx context.Context, name string, force bool) error
	Change(ctx context.Context, name string, fn func(*handshake.Terms)) error
	// VersionsURL is where a partner in a role finds our versions.
	VersionsURL(ctx context.Context, role ocpi.Role) (string, error)
}

// A PartnerRole is a party of a partner in one of its roles.
type PartnerRole struct {
	Party string    `json:"party" example:"NL/GWH"`
	Role  ocpi.Role `json:"role" enum:"CPO,EMSP,HUB,NAP,NSP,OTHER,SCSP"`
}

// A PartnerView is what is shown of a partner: everything but its tokens.
type PartnerView struct {
	Name      string        `json:"name" doc:"Our name for it"`
	State     string        `json:"state" doc:"Where we stand: added by hand, not registered, invited, registered, removed"`
	Words     string        `json:"words" doc:"The same for people, with what is under way or has failed"`
	Since     time.Time     `json:"since,omitzero" required:"false"`
	Added     time.Time     `json:"added,omitzero" required:"false"`
	Suspended bool          `json:"suspended" doc:"No data is exchanged, by our decision"`
	Roles     []PartnerRole `json:"roles" nullable:"false"`
	Hub       string        `json:"hub,omitempty" doc:"The party of a partner that is a hub"`
	Business  string        `json:"business,omitempty" doc:"The partner's own name"`
	Terms     Terms         `json:"terms"`

	VersionsURL string         `json:"versions_url,omitempty"`
	Versions    []ocpi.Version `json:"versions,omitempty" doc:"The versions it offers"`
	Version     ocpi.Version   `json:"version,omitempty" doc:"The one in use"`
	Endpoints   []EndpointView `json:"endpoints,omitempty"`

	CallsUsWith []TokenView  `json:"calls_us_with,omitempty" doc:"The tokens it may call us with, without what they are"`
	WeCallWith  []TokenView  `json:"we_call_with,omitempty" doc:"The tokens we call it with, the one in use first"`
	Attempt     *AttemptView `json:"attempt,omitempty" doc:"The exchange of credentials that is under way or has failed last"`
	TryAgain    time.Time    `json:"try_again,omitzero" required:"false" doc:"When the node goes on by itself"`
}

// An EndpointView is where a partner serves a module.
type EndpointView struct {
	Module string `json:"module"`
	Role   string `json:"role,omitempty" doc:"SENDER or RECEIVER; missing in OCPI 2.1.1"`
	URL    string `json:"url"`
}

// A TokenView is what is shown of a token.
type TokenView struct {
	Status  string    `json:"status"`
	Made    time.Time `json:"made,omitzero" required:"false"`
	Used    time.Time `json:"used,omitzero" required:"false" doc:"When it was first used"`
	Expires time.Time `json:"expires,omitzero" required:"false"`
}

// An AttemptView is what is shown of an exchange of credentials.
type AttemptView struct {
	Kind      string    `json:"kind"`
	Direction string    `json:"direction" doc:"inbound where the partner has begun it"`
	Step      int       `json:"step"`
	Began     time.Time `json:"began"`
	Failure   string    `json:"failure,omitempty" doc:"Why it failed; missing while it is under way"`
}

// Terms are what we have decided about a partner.
type Terms struct {
	Role   string   `json:"role,omitempty" enum:"CPO,EMSP" doc:"The role the partner has. Default: the one opposite to ours, where we have only one"`
	Party  string   `json:"party,omitempty" example:"NL/GWH" doc:"The party the partner must be. Default: any that is free"`
	Serves []string `json:"serves,omitempty" doc:"The parties of ours that deal with it. Default: all"`
	Need   []string `json:"need,omitempty" doc:"Modules it must offer"`
	Pin    string   `json:"pin,omitempty" doc:"The only version to use. Default: the highest that both speak"`
	Hide   []string `json:"hide,omitempty" doc:"Versions that are neither used with it nor offered to it"`
	Quirks string   `json:"quirks,omitempty" doc:"How it deviates from OCPI: standard, lenient, ocpi-python, or a list of quirks. Default: lenient"`
}

func viewOf(r *handshake.Relation) PartnerView {
	v := PartnerView{
		Name: r.Name, State: string(r.State), Words: r.Words(), Since: r.Since, Added: r.Added, Suspended: r.Suspended,
		Roles: []PartnerRole{}, Business: r.Remote.Business, Terms: termsOf(r.Terms),
		VersionsURL: r.Remote.VersionsURL, Versions: r.Remote.Offers, Version: r.Remote.Version, TryAgain: r.Again,
	}
	if r.Remote.Hub != (ocpi.Party{}) {
		v.Hub = r.Remote.Hub.String()
	}
	for _, role := range r.Remote.Roles {
		v.Roles = append(v.Roles, PartnerRole{role.Party.String(), role.Role})
	}
	for _, e := range r.Remote.Endpoints {
		v.Endpoints = append(v.Endpoints, EndpointView{string(e.Module), string(e.Role), e.URL})
	}
	for _, t := range r.Inbound {
		v.CallsUsWith = append(v.CallsUsWith, TokenView{Status: string(t.Status), Made: t.Made, Used: t.Used, Expires: t.Expires})
	}
	for i, t := range r.Outbound {
		status := "kept"
		if i == 0 {
			status = "current"
		}
		v.WeCallWith = append(v.WeCallWith, TokenView{Status: status, Made: t.Made, Used: t.Proven})
	}
	if a := r.Attempt; a != nil {
		v.Attempt = &AttemptView{Kind: string(a.Kind), Direction: string(a.Direction), Step: a.Step, Began: a.Began, Failure: a.Failure}
	}
	return v
}

func termsOf(t handshake.Terms) Terms {
	terms := Terms{Role: string(t.Role), Pin: string(t.Pin), Quirks: t.Quirks}
	if t.Party != (ocpi.Party{}) {
		terms.Party = t.Party.String()
	}
	for _, p := range t.Serves {
		terms.Serves = append(terms.Serves, p.String())
	}
	for _, v := range t.Hide {
		terms.Hide = append(terms.Hide, string(v))
	}
	for _, m := range t.Modules {
		terms.Need = append(terms.Need, string(m))
	}
	return terms
}

// terms are the Terms as package handshake has them. at is their place in the document.
func (a *API) terms(t Terms, at string) (terms handshake.Terms, err error) {
	terms = handshake.Terms{Role: ocpi.Role(t.Role), Pin: ocpi.Version(t.Pin), Quirks: t.Quirks}
	var findings []ocpi.Finding
	party := func(pointer, text string) ocpi.Party {
		p, err := ocpi.ParseParty(text)
		if err != nil {
			findings = append(findings, ocpi.Finding{Pointer: at + pointer, Code: ocpi.FindingFormat, Message: err.Error()})
		}
		return p
	}
	if t.Party != "" {
		terms.Party = party("/party", t.Party)
	}
	wrong := func(pointer string, code ocpi.FindingCode, message string) {
		findings = append(findings, ocpi.Finding{Pointer: at + pointer, Code: code, Message: message})
	}
	for i, text := range t.Serves {
		pointer := pointerOf("serves[" + strconv.Itoa(i) + "]")
		p := party(pointer, text)
		if p != (ocpi.Party{}) && !a.ours(p) {
			wrong(pointer, ocpi.FindingMismatch, p.String()+" is no party of this node")
		}
		terms.Serves = append(terms.Serves, p)
	}
	for i, v := range t.Hide {
		if !ocpi.Version(v).Known() {
			wrong(pointerOf("hide["+strconv.Itoa(i)+"]"), ocpi.FindingEnum, "OCPI has no version of this number, or it is not spoken")
		}
		terms.Hide = append(terms.Hide, ocpi.Version(v))
	}
	for i, m := range t.Need {
		if !ocpi.ModuleID(m).Known() {
			wrong(pointerOf("need["+strconv.Itoa(i)+"]"), ocpi.FindingEnum, "OCPI has no module of this name")
		}
		terms.Modules = append(terms.Modules, ocpi.ModuleID(m))
	}
	if _, err := quirk.Parse(t.Quirks); err != nil {
		findings = append(findings, ocpi.Finding{Pointer: at + "/quirks", Code: ocpi.FindingEnum, Message: err.Error()})
	}
	if len(findings) > 0 {
		return terms, invalid("what was decided about the partner", findings)
	}
	return terms, nil
}

type (
	forceInput struct {
		NamedInput
		Force bool `query:"force" doc:"Do it even though the partner may be left with tokens that do not work"`
	}
	inviteInput struct {
		NamedInput
		Body Terms
	}
	registerInput struct {
		NamedInput
		Body struct {
			VersionsURL string `json:"versions_url" minLength:"1" doc:"The partner's versions URL"`
			TokenA      string `json:"token_a" minLength:"1" pattern:"^[!-~]*$" patternDescription:"printable ASCII without spaces" doc:"The token A that it has sent"`
			Terms       Terms  `json:"terms,omitzero" required:"false"`
		}
	}
	addPartnerInput struct {
		Body struct {
			Name    string        `json:"name" minLength:"1" maxLength:"64" pattern:"^[^\\x00-\\x1f\\x7f/]*$" patternDescription:"a name without slashes and control characters"`
			Parties []PartnerRole `json:"parties" minItems:"1" nullable:"false"`
			Token   string        `json:"token,omitempty" pattern:"^[!-~]*$" patternDescription:"printable ASCII without spaces" doc:"The token it calls with. Default: a random one"`
			Serves  []string      `json:"serves,omitempty"`
			Quirks  string        `json:"quirks,omitempty"`
		}
	}
	patchNameInput struct {
		NamedInput
		RawBody []byte `contentType:"application/merge-patch+json"`
	}
)

// NamedInput names a partner.
type NamedInput struct {
	Name string `path:"name" doc:"Our name for the partner"`
}

// An Invitation is what to send to a partner that is to register with us, by a way nobody else can read.
type Invitation struct {
	VersionsURL string `json:"versions_url" doc:"Our versions URL. OCPI 2.1.1 has one for each role, which are the other two"`
	AsCPO       string `json:"versions_url_for_cpo,omitempty" doc:"Where a partner goes that is a CPO"`
	AsEMSP      string `json:"versions_url_for_emsp,omitempty" doc:"Where a partner goes that is an eMSP"`
	TokenA      string `json:"token_a" doc:"The token, which is not shown again"`
}

// An AddedPartner is the token of a partner that was added by hand.
type AddedPartner struct {
	Name  string `json:"name"`
	Token string `json:"token" doc:"The token it calls with, which is not shown again"`
}

// addPartners adds the operations on partners.
func (a *API) addPartners() {
	if a.config.Partners == nil {
		return
	}
	base := operation{tag: "partners", scope: ScopeAdmin, result: schemaOf[PartnerView](a)}
	list := base.as("GET", "/partners", "list-partners", "List partners")
	list.scope, list.result = ScopeRead, listOf(schemaOf[PartnerView](a))
	add(a, list, func(ctx context.Context, _ *struct{}) (*answer, error) { return a.listPartners(ctx) })
	show := base.as("GET", "/partners/{name}", "get-partner", "Where we stand with a partner")
	show.scope = ScopeRead
	add(a, show, func(ctx context.Context, in *NamedInput) (*answer, error) { return a.showPartner(ctx, in.Name) })
	byHand := base.as("POST", "/partners", "add-partner", "Add a partner by hand, without a registration")
	byHand.result, byHand.statuses = schemaOf[AddedPartner](a), []int{http.StatusCreated}
	add(a, byHand, func(ctx context.Context, in *addPartnerInput) (*answer, error) { return a.addByHand(ctx, in) })
	forget := base.as("DELETE", "/partners/{name}", "remove-partner", "Forget a partner without telling it")
	forget.result, forget.statuses = nil, []int{http.StatusNoContent}
	forget.doc = "Its tokens are refused from then on. To end a registration on both sides, unregister it."
	add(a, forget, func(ctx context.Context, in *NamedInput) (*answer, error) {
		return &answer{Status: http.StatusNoContent}, partnerError(a.config.Partners.Remove(ctx, in.Name))
	})
	a.addPolicies(base)
	if a.config.Registrations != nil {
		a.addRegistrations(base)
	}
}

func (a *API) listPartners(ctx context.Context) (*answer, error) {
	relations, err := a.config.Partners.Relations(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]PartnerView, len(relations))
	for i := range relations {
		views[i] = viewOf(&relations[i])
	}
	return answered(http.StatusOK, map[string]any{"items": views, "total": len(views)})
}

func (a *API) showPartner(ctx context.Context, name string) (*answer, error) {
	r, err := a.config.Partners.Relation(ctx, name)
	if err != nil {
		return nil, partnerError(err)
	}
	return answered(http.StatusOK, viewOf(&r))
}

func (a *API) addByHand(ctx context.Context, in *addPartnerInput) (*answer, error) {
	terms, err := a.terms(Terms{Serves: in.Body.Serves, Quirks: in.Body.Quirks}, "")
	if err != nil {
		return nil, err
	}
	p := ocpi.Partner{ID: in.Body.Name, Serves: terms.Serves, Quirks: terms.Quirks}
	for i, role := range in.Body.Parties {
		party, err := ocpi.ParseParty(role.Party)
		if err != nil {
			return nil, mistake(pointerOf("parties["+strconv.Itoa(i)+"].party"), ocpi.FindingFormat, "%v", err)
		}
		p.Roles = append(p.Roles, ocpi.PartyRole{Party: party, Role: role.Role})
	}
	token, err := a.config.Partners.Add(ctx, p, in.Body.Token)
	if err != nil {
		return nil, partnerError(err)
	}
	return answered(http.StatusCreated, AddedPartner{p.ID, token})
}

// addRegistrations adds the operations that exchange credentials.
func (a *API) addRegistrations(base operation) {
	r := a.config.Registrations
	invite := base.as("POST", "/partners/{name}/invite", "invite-partner", "Make a token A for a partner that is to register with us")
	invite.result = schemaOf[Invitation](a)
	add(a, invite, func(ctx context.Context, in *inviteInput) (*answer, error) { return a.invite(ctx, in.Name, in.Body) })
	register := base.as("POST", "/partners/{name}/register", "register-partner", "Register with a partner that has sent us its URL and a token A")
	add(a, register, func(ctx context.Context, in *registerInput) (*answer, error) {
		terms, err := a.terms(in.Body.Terms, "/terms")
		if err != nil {
			return nil, err
		}
		if at, err := url.Parse(in.Body.VersionsURL); err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http" {
			return nil, mistake("/versions_url", ocpi.FindingFormat, "%q is no address of a server", in.Body.VersionsURL)
		}
		err = r.Register(ctx, in.Name, handshake.Invitation{VersionsURL: in.Body.VersionsURL, Token: in.Body.TokenA, Terms: terms})
		return a.managed(ctx, in.Name, err)
	})
	for _, o := range []struct {
		name, summary string
		do            func(ctx context.Context, name string) error
	}{
		{"rotate", "Exchange new tokens with a partner", r.Rotate},
		{"update", "Read a partner's versions and endpoints again", r.Update},
		{"retry", "Go on with an exchange of credentials that failed", r.Retry},
		{"suspend", "Stop exchanging data with a partner; the registration stays", func(ctx context.Context, name string) error { return r.Suspend(ctx, name, true) }},
		{"resume", "Exchange data with a suspended partner again", func(ctx context.Context, name string) error { return r.Suspend(ctx, name, false) }},
	} {
		add(a, base.as("POST", "/partners/{name}/"+o.name, o.name+"-partner", o.summary), func(ctx context.Context, in *NamedInput) (*answer, error) {
			return a.managed(ctx, in.Name, o.do(ctx, in.Name))
		})
	}
	add(a, base.as("POST", "/partners/{name}/rollback", "rollback-partner", "Give up an exchange of credentials that failed"), func(ctx context.Context, in *forceInput) (*answer, error) {
		return a.managed(ctx, in.Name, r.Rollback(ctx, in.Name, in.Force))
	})
	add(a, base.as("POST", "/partners/{name}/unregister", "unregister-partner", "End the registration, on the partner's side too"), func(ctx context.Context, in *forceInput) (*answer, error) {
		return a.managed(ctx, in.Name, r.Unregister(ctx, in.Name, in.Force))
	})
	change := base.as("PATCH", "/partners/{name}/terms", "change-terms", "Change what was decided about a partner")
	change.body, change.bodyType = "Terms"+patchSuffix, "application/merge-patch+json"
	schemaOf[Terms](a)
	add(a, change, func(ctx context.Context, in *patchNameInput) (*answer, error) { return a.changeTerms(ctx, in) })
}

func (a *API) invite(ctx context.Context, name string, t Terms) (*answer, error) {
	terms, err := a.terms(t, "")
	if err != nil {
		return nil, err
	}
	r := a.config.Registrations
	var invitation Invitation
	if invitation.TokenA, err = r.Invite(ctx, name, terms); err != nil {
		return nil, partnerError(err)
	}
	relation, err := a.config.Partners.Relation(ctx, name) // with the role that follows from ours
	if err != nil {
		return nil, partnerError(err)
	}
	if invitation.VersionsURL, err = r.VersionsURL(ctx, relation.Terms.Role); err != nil {
		return nil, err
	}
	if relation.Terms.Role == "" {
		var errCPO, errEMSP error
		invitation.AsCPO, errCPO = r.VersionsURL(ctx, ocpi.RoleCPO)
		invitation.AsEMSP, errEMSP = r.VersionsURL(ctx, ocpi.RoleEMSP)
		if err := errors.Join(errCPO, errEMSP); err != nil {
			return nil, err
		}
	}
	return answered(http.StatusOK, invitation)
}

func (a *API) changeTerms(ctx context.Context, in *patchNameInput) (*answer, error) {
	relation, err := a.config.Partners.Relation(ctx, in.Name)
	if err != nil {
		return nil, partnerError(err)
	}
	// What the patch makes of the terms as they are now tells what is wrong with it.
	patched, err := a.patchedTerms(relation.Terms, in.RawBody)
	if err != nil {
		return nil, err
	}
	err = a.config.Registrations.Change(ctx, in.Name, func(t *handshake.Terms) {
		if again, err := a.patchedTerms(*t, in.RawBody); err == nil {
			patched = again
		}
		t.Serves, t.Modules, t.Pin, t.Hide, t.Quirks = patched.Serves, patched.Modules, patched.Pin, patched.Hide, patched.Quirks
	})
	return a.managed(ctx, in.Name, err)
}

func (a *API) patchedTerms(t handshake.Terms, patch []byte) (handshake.Terms, error) {
	terms := termsOf(t)
	if err := patchInto(a, &terms, patch); err != nil {
		return t, err
	}
	if terms.Role != string(t.Role) || terms.Party != termsOf(t).Party {
		return t, mistake("", ocpi.FindingMismatch, "role and party cannot change while there is a registration")
	}
	return a.terms(terms, "")
}

// patchInto changes a plain value by a JSON Merge Patch.
func patchInto[T any](a *API, value *T, patch []byte) error {
	if err := checkPatch(patch); err != nil {
		return err
	}
	document, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if document, err = merged(document, patch); err != nil {
		return problem(http.StatusBadRequest, "the patch is not a JSON document: %v", err)
	}
	if err := a.fits(reflect.TypeFor[T]().Name(), document); err != nil {
		return err
	}
	var after T
	if err := json.Unmarshal(document, &after, json.RejectUnknownMembers(true)); err != nil {
		return plainMistake(err)
	}
	*value = after
	return nil
}

// fits finds everything in a document that its schema does not allow.
func (a *API) fits(name string, document []byte) error {
	var value any
	if err := json.Unmarshal(document, &value); err != nil {
		return plainMistake(err)
	}
	var result huma.ValidateResult
	registry := a.huma.OpenAPI().Components.Schemas
	huma.Validate(registry, ref(name), huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, value, &result)
	if len(result.Errors) == 0 {
		return nil
	}
	p := problem(http.StatusUnprocessableEntity, "the document is not valid; nothing was stored")
	for _, err := range result.Errors {
		if detail, ok := errors.AsType[*huma.ErrorDetail](err); ok {
			p.Problems = append(p.Problems, Detail{Pointer: pointerOf(detail.Location), Message: detail.Message})
		}
	}
	return p
}

// plainMistake tells what is wrong with a document that is no object of the model.
func plainMistake(err error) error {
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return problem(http.StatusBadRequest, "the body is not a JSON document: %v", err)
	}
	switch {
	case errors.Is(err, json.ErrUnknownName):
		return mistake(string(semantic.JSONPointer), ocpi.FindingUnknown, "there is no such member")
	case semantic.Err != nil:
		return mistake(string(semantic.JSONPointer), ocpi.FindingFormat, "%v", semantic.Err)
	default:
		return mistake(string(semantic.JSONPointer), ocpi.FindingType, "a %s cannot stand here", semantic.JSONKind)
	}
}

// managed tells where we stand with a partner after something was done.
func (a *API) managed(ctx context.Context, name string, err error) (*answer, error) {
	if err != nil {
		return nil, partnerError(err)
	}
	return a.showPartner(ctx, name)
}

// partnerError is what a failure with a partner is told as.
func partnerError(err error) error {
	if err == nil {
		return nil
	}
	var p *Problem
	var call *ocpiclient.Error
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, handshake.ErrUnknown), errors.Is(err, store.ErrNotFound):
		return problem(http.StatusNotFound, "there is no such partner")
	case errors.Is(err, ocpiclient.ErrPrivate):
		p = problem(http.StatusUnprocessableEntity, "%v; a node that is started with --allow-private may call such addresses", err)
	case errors.As(err, &call):
		p = problem(http.StatusBadGateway, "%v", err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		p = problem(http.StatusGatewayTimeout, "the partner did not answer in time")
	default: // what these rooms refuse, they say for people
		p = problem(http.StatusConflict, "%v", err)
	}
	p.cause = err
	return p
}
