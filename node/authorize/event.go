package authorize

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// EventAsked is the type of the event that somebody has asked whether a driver may charge, and was answered.
const EventAsked = "authorization.asked"

// An Asked is the data of that event.
type Asked struct {
	// Direction is "in" where a CPO has asked us, "out" where our CPO has asked.
	Direction ocpi.Direction `json:"direction"`
	// Party owns the token; it is missing for a token that nobody has.
	Party     ocpi.Party     `json:"party,omitzero"`
	TokenUID  string         `json:"token_uid"`
	TokenType v230.TokenType `json:"token_type,omitempty"`
	// Asked is where the driver wants to charge, Location where that is allowed.
	Asked    *Place `json:"asked,omitempty"`
	Location *Place `json:"location,omitempty"`
	// Allowed is the answer, or where there is none Unknown, NeedsPlace or Abandoned.
	Allowed string            `json:"allowed"`
	By      By                `json:"by"`
	Why     string            `json:"why"`
	Trouble Trouble           `json:"trouble,omitempty"`
	Info    *v230.DisplayText `json:"info,omitempty"`
	// AuthMethod and AuthorizationReference are for the session and CDR that follow; AuthMethod is the CPO's to say.
	AuthMethod             v230.AuthMethod `json:"auth_method,omitempty"`
	AuthorizationReference string          `json:"authorization_reference,omitempty"`
	// Others are further eMSPs that have a token of this uid, where our CPO has asked.
	Others []string `json:"others,omitempty"`
	// Milliseconds is how long the decision took.
	Milliseconds int64 `json:"milliseconds"`
}

// A teller tells what was decided: to the journal of events, and to whoever counts.
type teller struct {
	store   Store
	now     func() time.Time
	observe func(Observation)
}

// abandoned tells of a question whose asker has gone before it was decided; of others it tells nothing.
func (t teller) abandoned(ctx context.Context, partner string, began time.Time, asked Asked) error {
	if ctx.Err() == nil {
		return nil
	}
	asked.Allowed, asked.Why = Abandoned, "who asked did not wait for the answer"
	return t.tell(context.WithoutCancel(ctx), partner, began, asked)
}

// tell writes the event and returns when it is on disk.
func (t teller) tell(ctx context.Context, partner string, began time.Time, asked Asked) error {
	took := t.now().Sub(began)
	asked.Milliseconds = took.Milliseconds()
	data, err := json.Marshal(&asked)
	if err != nil {
		return fmt.Errorf("write that the token was asked about: %w", err)
	}
	event := store.Event{Type: EventAsked, Subject: "tokens/" + asked.TokenUID, Partner: partner, Module: ocpi.ModuleTokens, Data: data}
	if err := t.store.Write(ctx, func(tx store.Tx) error { return tx.Emit(event) }); err != nil {
		return fmt.Errorf("tell that a token was asked about: %w", err)
	}
	if t.observe != nil {
		t.observe(Observation{
			Direction: asked.Direction, Partner: partner, Allowed: asked.Allowed, By: asked.By, Trouble: asked.Trouble, Duration: t.now().Sub(began),
		})
	}
	return nil
}
