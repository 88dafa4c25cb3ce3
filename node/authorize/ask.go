package authorize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Partner is an eMSP whose drivers may come to our chargers.
type Partner struct {
	Name    string
	Version ocpi.Version
	// Parties are those that own its tokens.
	Parties []ocpi.Party
	// CanAsk tells that we can call its tokens module.
	CanAsk bool
	// Hub tells that it is a hub, and its parties are behind it.
	Hub    bool
	Policy Policy
}

// A Policy is what the operator has decided about questions to one eMSP.
type Policy struct {
	// Deadline is how long the eMSP may take; zero for the default.
	Deadline time.Duration
	// Prefer is the choice for tokens whose whitelist is ALLOWED.
	Prefer Preference
	// Off asks it nothing: its tokens are decided as if it did not answer.
	Off bool
}

// Clients have what calls partners.
type Clients interface {
	Client(ctx context.Context, partner string) (*ocpiclient.Client, error)
}

// AskerConfig is what an Asker needs to know. Store, Partners and Clients are required.
type AskerConfig struct {
	Store Store
	// Partners are the eMSPs that may call us, or that we can call.
	Partners func(ctx context.Context) ([]Partner, error)
	Clients  Clients
	// Reachable tells whether an eMSP can be asked through a hub: not where the hub says that it is away (requirement DH-04).
	// Nil for always.
	Reachable func(ctx context.Context, hub string, party ocpi.Party) (bool, error)
	// Commanded returns the drivers for whom commands have come since a time, at one of our locations, the latest last; nil for
	// none.
	Commanded func(ctx context.Context, location string, since time.Time) ([]Commanded, error)
	// Deadline is how long an eMSP may take to answer, unless its Policy says otherwise. Default 3 seconds.
	Deadline time.Duration
	// AtOnce is how many questions to one eMSP can be under way; others wait, within their deadline. Default 64.
	AtOnce int
	// Rest is how long an eMSP that has let several questions in a row run into their deadline is asked nothing. Then one
	// question finds out whether it is back. Default 10 seconds.
	Rest time.Duration
	// RefuseUnknown refuses tokens that no partner has sent. Without it, all eMSPs that can be asked are.
	RefuseUnknown bool
	// AnyCase lets uids of partners that speak 2.1.1 match whatever the case of their letters, as later versions have it
	// (requirement TF-67).
	AnyCase bool
	// Observe is told of each decision; nil for nobody. It must not block.
	Observe func(Observation)
	Logger  *slog.Logger
	Now     func() time.Time
}

const (
	defaultDeadline   = 3 * time.Second
	defaultLineAtOnce = 64
	defaultRest       = 10 * time.Second
	// longestUID bounds what is asked about: no version allows more than 36 characters.
	longestUID = 128
)

func (c AskerConfig) withDefaults() AskerConfig {
	if c.Deadline <= 0 {
		c.Deadline = defaultDeadline
	}
	c.AtOnce = cmp.Or(max(0, c.AtOnce), defaultLineAtOnce)
	c.Rest = cmp.Or(max(0, c.Rest), defaultRest)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// An Asker decides, for our CPO side, whether a driver of an eMSP may charge.
type Asker struct {
	config AskerConfig
	teller teller
	lines  lines
}

// NewAsker returns an Asker.
func NewAsker(config AskerConfig) *Asker {
	config = config.withDefaults()
	return &Asker{
		config: config, teller: teller{config.Store, config.Now, config.Observe},
		lines: lines{atOnce: config.AtOnce, rest: config.Rest, logger: config.Logger, of: map[string]*line{}},
	}
}

// A Question is whether the driver with a token may charge.
type Question struct {
	// TokenUID is what the charger has read.
	TokenUID string `json:"uid"`
	// TokenType is RFID where it is empty, or what there is where there is no RFID token of this uid.
	TokenType v230.TokenType `json:"type,omitempty"`
	// Location is where the driver wants to charge; nil where that is not known.
	Location *Place `json:"location,omitempty"`
	// Partner is the name of the eMSP whose token it is, for uids that several have; empty where that is not known.
	Partner string `json:"partner,omitempty"`
	// Offline asks no eMSP: it is decided as if none answered.
	Offline bool `json:"offline,omitzero"`
}

// A Verdict is the answer to a Question.
type Verdict struct {
	Allowed v230.AllowedType `json:"allowed"`
	By      By               `json:"by"`
	// Why says it in words.
	Why string `json:"why"`
	// Partner is the eMSP whose driver it is, and Party the party of it that pays; empty where nobody knows the token.
	Partner string     `json:"partner,omitempty"`
	Party   ocpi.Party `json:"party,omitzero"`
	// Token is the token where it is known: one that its eMSP has sent, or has answered with.
	Token *v230.Token `json:"token,omitempty"`
	// Location is where the driver may charge; nil where that was not asked, and for refusals.
	Location *Place `json:"location,omitempty"`
	// AuthMethod and AuthorizationReference are for the session and CDR that follow.
	AuthMethod             v230.AuthMethod `json:"auth_method,omitempty"`
	AuthorizationReference string          `json:"authorization_reference,omitempty"`
	// Info is for the driver to read.
	Info *v230.DisplayText `json:"info,omitempty"`
	// Trouble is why an eMSP was not heard that should have been.
	Trouble Trouble `json:"trouble,omitempty"`
	// Others are further eMSPs that have a token of this uid and type (requirement TOK-04). Where there are any, the one
	// above is the best guess at whose driver it is: see Ask.
	Others []string `json:"others,omitempty"`
}

// Ask decides whether a driver may charge.
//
// A uid is compared as the version of the partner says that has sent the token: exactly in 2.1.1, unless AnyCase, and without
// case since 2.2 (requirement TF-67). Several eMSPs can have tokens of one uid (requirement TOK-04), and a card does not say
// whose it is. Each of them is decided by itself, at the same time; then the first that is allowed is the answer, or the first
// of all if none is, in this order: uids written in the same way as asked before those in other case, valid tokens before
// others, and what was updated last before what is older.
func (a *Asker) Ask(ctx context.Context, q Question) (Verdict, error) {
	began := a.config.Now()
	if err := q.check(); err != nil {
		return Verdict{}, err
	}
	asked := Asked{Direction: ocpi.Outbound, TokenUID: q.TokenUID, TokenType: q.TokenType, Asked: q.Location}
	v, err := a.decide(ctx, q)
	if err == nil {
		err = ctx.Err() // nobody waits for it any more
	}
	asked.By = cmp.Or(v.By, ByUnknown)
	if err != nil {
		return Verdict{}, errors.Join(fmt.Errorf("authorize: %w", err), a.teller.abandoned(ctx, v.Partner, began, asked))
	}
	asked.Party, asked.Location, asked.Allowed, asked.Why, asked.Trouble = v.Party, v.Location, string(v.Allowed), v.Why, v.Trouble
	asked.Info, asked.AuthMethod, asked.AuthorizationReference, asked.Others = v.Info, v.AuthMethod, v.AuthorizationReference, v.Others
	if v.Token != nil {
		asked.TokenType = v.Token.Type
	}
	if err := a.teller.tell(ctx, v.Partner, began, asked); err != nil {
		return Verdict{}, err
	}
	return v, nil
}

func (q Question) check() error {
	switch {
	case q.TokenUID == "":
		return ocpi.InvalidParameters("the uid of the token is missing")
	case len(q.TokenUID) > longestUID:
		return ocpi.InvalidParameters("the uid of the token has %d characters, no token has as many", len(q.TokenUID))
	case q.TokenType != "" && !q.TokenType.Known():
		return ocpi.InvalidParameters("there is no token type %.40q", string(q.TokenType))
	case q.Location != nil && q.Location.LocationID == "":
		return ocpi.InvalidParameters("the location has no id")
	default:
		return nil
	}
}

func (a *Asker) decide(ctx context.Context, q Question) (Verdict, error) {
	partners, err := a.config.Partners(ctx)
	if err != nil {
		return Verdict{}, err
	}
	if q.Partner != "" {
		partners = slices.DeleteFunc(partners, func(p Partner) bool { return p.Name != q.Partner })
	}
	if v, ok, err := a.commanded(ctx, q, partners); ok || err != nil {
		return v, err
	}
	found, err := a.find(ctx, q, partners)
	if err != nil {
		return Verdict{}, err
	}
	if len(found) == 0 {
		return a.unknown(ctx, q, partners)
	}
	return a.best(ctx, q, found), nil
}

// A candidate is a token that the driver may have.
type candidate struct {
	partner Partner
	party   ocpi.Party
	token   v230.Token
	// exact tells that the uid is written as it was asked about.
	exact bool
}

// find returns the tokens that a question may be about, best first.
func (a *Asker) find(ctx context.Context, q Question, partners []Partner) ([]candidate, error) {
	stored, err := a.config.Store.ReceivedTokens(ctx, q.TokenUID)
	if err != nil {
		return nil, err
	}
	var found []candidate
	for _, o := range stored {
		i := slices.IndexFunc(partners, func(p Partner) bool { return p.Name == o.Source })
		if i < 0 { // who is no partner any more has no drivers here
			continue
		}
		c := candidate{partner: partners[i], party: o.Party, exact: o.ID == q.TokenUID}
		if !c.exact && !a.config.AnyCase && c.partner.Version.Compare("2.2") < 0 {
			continue
		}
		if c.token, err = readToken(o); err != nil {
			return nil, err
		}
		if q.TokenType == "" || c.is(q.TokenType) {
			found = append(found, c)
		}
	}
	rfid := func(c candidate) bool { return c.token.Type == v230.TokenTypeRFID }
	if q.TokenType == "" && slices.ContainsFunc(found, rfid) {
		found = slices.DeleteFunc(found, func(c candidate) bool { return !rfid(c) })
	}
	slices.SortStableFunc(found, func(a, b candidate) int {
		return cmp.Or(first(a.exact, b.exact), first(a.token.Valid, b.token.Valid), b.token.LastUpdated.Compare(a.token.LastUpdated))
	})
	return found, nil
}

// is reports whether a token is of a type. Version 2.1.1 calls every type but RFID OTHER.
func (c candidate) is(t v230.TokenType) bool {
	return c.token.Type == t || c.token.Type == v230.TokenTypeOther && t != v230.TokenTypeRFID && c.partner.Version.Compare("2.2") < 0
}

// first sorts what is so before what is not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

func readToken(o store.Object) (v230.Token, error) {
	var token v230.Token
	if err := json.Unmarshal(o.Body, &token, jsontext.AllowDuplicateNames(true)); err != nil {
		return token, fmt.Errorf("read stored token: %w", err)
	}
	return token, nil
}

// best decides about all candidates, and returns the verdict that counts.
func (a *Asker) best(ctx context.Context, q Question, found []candidate) Verdict {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	verdicts := make([]chan Verdict, len(found))
	for i, c := range found {
		verdicts[i] = make(chan Verdict, 1)
		if i == 0 && len(found) == 1 {
			verdicts[i] <- a.judge(ctx, q, c)
			break
		}
		go func() { verdicts[i] <- a.judge(ctx, q, c) }()
	}
	var chosen Verdict
	for i, verdict := range verdicts {
		v := <-verdict
		if i == 0 || v.Allowed == v230.AllowedTypeAllowed {
			chosen = v
		}
		if v.Allowed == v230.AllowedTypeAllowed {
			break
		}
	}
	for _, c := range found {
		if c.partner.Name != chosen.Partner && !slices.Contains(chosen.Others, c.partner.Name) {
			chosen.Others = append(chosen.Others, c.partner.Name)
		}
	}
	return chosen
}

// judge decides about one token.
func (a *Asker) judge(ctx context.Context, q Question, c candidate) Verdict {
	is := Case{Whitelist: c.token.Whitelist, Valid: c.token.Valid, Prefer: c.partner.Policy.Prefer, Outcome: NotAsked}
	decision := Decide(is)
	var heard reply
	if decision.Ask {
		heard = a.ask(ctx, q, c.partner, ocpiclient.AuthorizeRequest{TokenUID: string(c.token.UID), TokenType: c.token.Type, Owner: c.party}, a.patience(c.partner))
		is.Outcome, is.Allowed = heard.outcome, heard.info.Allowed
		decision = Decide(is)
	}
	v := Verdict{
		Allowed: decision.Allowed, By: decision.By, Why: decision.Why, Partner: c.partner.Name, Party: c.party, Token: &c.token,
		Trouble: heard.trouble, Info: infoOf(heard.info),
	}
	if heard.reason != "" {
		v.Why += "; it was not heard: " + heard.reason
	}
	if sent, ok := heard.token(c.party, string(c.token.UID)); ok { // newer than what was pushed
		v.Token = &sent
	}
	a.place(ctx, &v, q.Location, placeOf(heard.info.Location))
	v.AuthMethod = Decision{Allowed: v.Allowed, By: v.By}.Method()
	if ref := heard.info.AuthorizationReference; ref != nil {
		v.AuthorizationReference = string(*ref)
	}
	return v
}
