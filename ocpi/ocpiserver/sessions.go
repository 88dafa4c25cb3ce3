package ocpiserver

import (
	"bytes"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// unchangedWhenCompleted refuses a PATCH that changes a COMPLETED session. A repetition of what it says is fine, and
// a PUT of the whole session always is (requirement SES-10).
func unchangedWhenCompleted(before, after *v230.Session) error {
	if before.Status != v230.SessionStatusCompleted {
		return nil
	}
	patched := *after
	patched.LastUpdated = before.LastUpdated
	was, err := json.Marshal(before, json.Deterministic(true))
	if err != nil {
		return err
	}
	is, err := json.Marshal(&patched, json.Deterministic(true))
	if err != nil {
		return err
	}
	if bytes.Equal(was, is) {
		*after = *before
		return nil
	}
	return ocpi.InvalidParameters("session %s is COMPLETED and cannot be changed by PATCH; PUT the whole session to correct it", before.ID)
}

// preferences serves PUT {session_id}/charging_preferences on the CPO's side. The answer is the response alone, a string
// (requirement DS-09).
func (s *speaker) preferences(taker PreferenceTaker) handler {
	return func(c *call) (answer, error) {
		preferences, err := read(c, s, s.codecs.ChargingPreferences, ocpi.Party{})
		if err != nil {
			return answer{}, err
		}
		response, err := taker.TakePreferences(c.ctx(), c.partner, c.path("session_id"), preferences)
		if err != nil {
			return answer{}, err
		}
		raw, err := json.Marshal(response)
		return answer{data: raw}, err
	}
}

// sameTokenType keeps a token's type, which is part of its identity (requirement TOK-03).
func sameTokenType(before, after *v230.Token) error {
	if before.Type == after.Type {
		return nil
	}
	return ocpi.InvalidParameters("the type of token %s is %s and is part of its identity; PUT a token of type %s instead", before.UID, before.Type, after.Type)
}
