package authorize

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// AnswererConfig is what an Answerer needs to know. Store is required.
type AnswererConfig struct {
	Store Store
	// Webhook asks the operator's system; nil for nobody.
	Webhook *Webhook
	// FailClosed refuses drivers while the operator's system cannot be asked. Without it, the table decides then.
	FailClosed bool
	// Observe is told of each answer; nil for nobody. It must not block.
	Observe func(Observation)
	Logger  *slog.Logger
	Now     func() time.Time
}

// An Answerer answers CPOs that ask whether a driver of ours may charge. It is the ocpiserver.Authorizer of our tokens.
type Answerer struct {
	config AnswererConfig
	teller teller
}

var _ ocpiserver.Authorizer = (*Answerer)(nil)

// NewAnswerer returns an Answerer.
func NewAnswerer(config AnswererConfig) *Answerer {
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Answerer{config: config, teller: teller{config.Store, config.Now, config.Observe}}
}

// Authorize implements ocpiserver.Authorizer. Tokens that are not in the store are not ours, and the webhook is not asked
// about them. A location that we know nothing of is not held against the driver (requirement TOK-09).
func (a *Answerer) Authorize(ctx context.Context, from *ocpi.Partner, request ocpiserver.AuthorizeRequest) (v230.AuthorizationInfo, error) {
	began := a.config.Now()
	asked := Asked{Direction: ocpi.Inbound, TokenUID: request.TokenUID, TokenType: request.TokenType, Asked: placeOf(request.At), By: ByTable}
	token, err := a.token(ctx, from, request)
	if errors.Is(err, store.ErrNotFound) {
		return v230.AuthorizationInfo{}, a.notOurs(ctx, from, began, asked)
	}
	if err != nil {
		return v230.AuthorizationInfo{}, err
	}
	asked.Party = partyOf(token)
	answer, err := a.decide(ctx, from, token, asked.Asked)
	if err != nil {
		return v230.AuthorizationInfo{}, errors.Join(err, a.teller.abandoned(ctx, from.ID, began, asked))
	}
	asked.Location, asked.Allowed, asked.By = placeOf(answer.info.Location), string(answer.info.Allowed), answer.By
	asked.Why, asked.Trouble, asked.Info = answer.Why, answer.trouble, answer.info.Info
	if ref := answer.info.AuthorizationReference; ref != nil {
		asked.AuthorizationReference = string(*ref)
	}
	if answer.needsPlace {
		asked.Allowed = NeedsPlace
	}
	if err := a.teller.tell(ctx, from.ID, began, asked); err != nil {
		return v230.AuthorizationInfo{}, err
	}
	if answer.needsPlace {
		return v230.AuthorizationInfo{}, errNeedsPlace
	}
	return answer.info, nil
}

// errNeedsPlace is what a CPO is told that has to say more (requirement TOK-10).
var errNeedsPlace = &ocpi.Error{Code: ocpi.StatusNotEnoughInformation, Message: "the answer depends on the location: say where the driver wants to charge"}

func partyOf(t v230.Token) ocpi.Party { return ocpi.NewParty(string(t.CountryCode), string(t.PartyID)) }

// notOurs is the error about a token that is not there (requirement TOK-12). The server asks once more for each type that the
// partner may have meant by OTHER, of which its version has no name; that is no further question of the partner's.
func (a *Answerer) notOurs(ctx context.Context, from *ocpi.Partner, began time.Time, asked Asked) error {
	missing := ocpi.NotFound("there is no token %s of type %s", asked.TokenUID, asked.TokenType)
	if unnamed(from.Version, asked.TokenType) {
		return missing
	}
	asked.Allowed, asked.Why = Unknown, "the token is not in the store"
	if err := a.teller.tell(ctx, from.ID, began, asked); err != nil {
		return err
	}
	return missing
}

// unnamed reports whether a version has no name for a type of tokens.
func unnamed(version ocpi.Version, tokenType v230.TokenType) bool {
	switch tokenType {
	case v230.TokenTypeEMAID:
		return version.Compare(ocpi.V230) < 0
	case v230.TokenTypeAppUser, v230.TokenTypeAdHocUser:
		return version.Compare("2.2") < 0
	default:
		return false
	}
}

// token finds one of our tokens by uid and type (requirement TOK-03), among those of the parties that deal with the partner. OTHER
// is also what it calls types that its version has no name for.
func (a *Answerer) token(ctx context.Context, from *ocpi.Partner, request ocpiserver.AuthorizeRequest) (v230.Token, error) {
	types := []v230.TokenType{request.TokenType}
	if request.TokenType == v230.TokenTypeOther {
		types = append(types, v230.TokenTypeAppUser, v230.TokenTypeAdHocUser, v230.TokenTypeEMAID)
	}
	for i, tokenType := range types {
		if i > 0 && !unnamed(from.Version, tokenType) {
			continue
		}
		o, err := a.config.Store.Find(ctx, store.Selection{
			Module: ocpi.ModuleTokens, Parties: from.Serves, TokenType: string(tokenType), AnyAudience: true, AnyCase: anyCase(from),
		}, request.TokenUID)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return v230.Token{}, err
		}
		return readToken(o)
	}
	return v230.Token{}, store.ErrNotFound
}

// An answer is what a CPO is told, and how it came about.
type answer struct {
	Decision
	info    v230.AuthorizationInfo
	trouble Trouble
	// needsPlace tells that there is no answer until the CPO says where the driver wants to charge.
	needsPlace bool
}

// decide decides about a token of ours: the table does, and where there is a webhook and the table has found a place to
// charge, the webhook does. Whoever decides, the answer names nothing but what was asked about and is there (requirement
// TOK-09).
func (a *Answerer) decide(ctx context.Context, from *ocpi.Partner, token v230.Token, at *Place) (answer, error) {
	spot, left, known, err := a.spot(ctx, from, at)
	if err != nil {
		return answer{}, err
	}
	made := answer{Decision: Answer(token.Valid, spot)}
	var told webhookAnswer
	if a.config.Webhook != nil && spot != ClosedSpot {
		if told, made, err = a.webhook(ctx, from, token, left, made); err != nil {
			return answer{}, err
		}
	}
	made.info = v230.AuthorizationInfo{Allowed: made.Allowed, Token: token, Info: told.Info, AuthorizationReference: told.AuthorizationReference}
	if made.Allowed != v230.AllowedTypeAllowed {
		return made, nil
	}
	left, ok := narrowed(left, told.Location)
	if ok && left != nil && known != nil {
		left, ok = known.within(left)
	}
	if !ok {
		made.Why = "the operator's system allows it, but nowhere where the driver wants to charge"
		made.Allowed, made.info.Allowed = v230.AllowedTypeNotAllowed, v230.AllowedTypeNotAllowed
		return made, nil
	}
	made.info.Location = left.references()
	return made, nil
}

// webhook asks the operator's system. Where it is not heard, what the table has decided stands, or nobody may charge.
func (a *Answerer) webhook(
	ctx context.Context, from *ocpi.Partner, token v230.Token, at *Place, table answer,
) (told webhookAnswer, made answer, err error) {
	told, trouble, err := a.config.Webhook.ask(ctx, webhookQuestion{Partner: from.ID, Token: token, Location: at, Proposed: table.Allowed})
	switch {
	case err == nil && told.NeedsLocation && at == nil:
		why := "the operator's system must be told where the driver wants to charge"
		return webhookAnswer{}, answer{Decision: Decision{By: ByWebhook, Why: why}, needsPlace: true}, nil
	case err == nil:
		why := "the operator's system has decided"
		if told.without != "" {
			why += "; left out, because no CPO can be sent it: " + told.without
		}
		return told, answer{Decision: Decision{Allowed: told.Allowed, By: ByWebhook, Why: why}}, nil
	case ctx.Err() != nil: // the CPO waits no longer
		return told, made, ctx.Err()
	}
	a.config.Logger.WarnContext(ctx, "the operator's system was not heard about a driver", "reason", err, "fail_closed", a.config.FailClosed)
	made = table
	made.trouble = trouble
	made.Why = fmt.Sprintf("%s; the operator's system was not heard: %v", table.Why, err)
	if a.config.FailClosed && table.Allowed == v230.AllowedTypeAllowed {
		made.Decision = Decision{Allowed: v230.AllowedTypeNotAllowed, By: ByFallback, Why: fmt.Sprintf("the operator's system was not heard, and nobody may charge without it: %v", err)}
	}
	return webhookAnswer{}, made, nil
}

// spot is what is known of a place asked about, reduced to where the driver may charge.
func (a *Answerer) spot(ctx context.Context, from *ocpi.Partner, at *Place) (Spot, *Place, *site, error) {
	if at == nil {
		return NoSpot, nil, nil, nil
	}
	known, err := partnersSite(ctx, a.config.Store, from, at.LocationID)
	if err != nil {
		return "", nil, nil, err
	}
	if known == nil {
		return UnknownSpot, at, nil, nil
	}
	left, ok := known.within(at)
	if !ok {
		return ClosedSpot, nil, known, nil
	}
	return OpenSpot, left, known, nil
}
