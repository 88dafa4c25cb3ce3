package backend

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A PreferenceRequest is what a driver of ours wants of a partner's session.
type PreferenceRequest struct {
	// Partner is our name for the CPO; empty for the one whose session it is.
	Partner string
	// Session is a partner's session, with its owner where that was given.
	Session     ocpi.Key
	Preferences v230.ChargingPreferences
}

// A Preference is the CPO's answer.
type Preference struct {
	Partner string `json:"partner"`
	Result  string `json:"result" enum:"ACCEPTED,DEPARTURE_REQUIRED,ENERGY_NEED_REQUIRED,NOT_POSSIBLE,PROFILE_TYPE_NOT_SUPPORTED" doc:"Whether the CPO follows the preferences"`
}

// A Decimal is a number in a body, with the digits it came with.
type Decimal jsontext.Value

// Schema is for huma.
func (Decimal) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: "number"} }

// MarshalJSON writes it.
func (d Decimal) MarshalJSON() ([]byte, error) { return jsontext.Value(d).MarshalJSON() }

// UnmarshalJSON reads it.
func (d *Decimal) UnmarshalJSON(raw []byte) error { return (*jsontext.Value)(d).UnmarshalJSON(raw) }

type preferenceInput struct {
	Body struct {
		Partner          string    `json:"partner,omitempty" doc:"Our name for the CPO. Default: the one whose session it is"`
		SessionID        string    `json:"session_id" minLength:"1" doc:"The session's id, or country/party/id"`
		ProfileType      string    `json:"profile_type" enum:"CHEAP,FAST,GREEN,REGULAR"`
		DepartureTime    time.Time `json:"departure_time,omitzero" required:"false" doc:"When the driver expects to leave"`
		EnergyNeed       Decimal   `json:"energy_need,omitempty" required:"false" doc:"In kWh"`
		DischargeAllowed *bool     `json:"discharge_allowed,omitempty"`
	}
}

// preferences are those in the body.
func (in *preferenceInput) preferences() (v230.ChargingPreferences, error) {
	wanted := v230.ChargingPreferences{ProfileType: v230.ProfileType(in.Body.ProfileType), DischargeAllowed: in.Body.DischargeAllowed}
	if !in.Body.DepartureTime.IsZero() {
		wanted.DepartureTime = new(ocpi.NewDateTime(in.Body.DepartureTime))
	}
	if len(in.Body.EnergyNeed) > 0 {
		need, err := ocpi.ParseNumber(string(in.Body.EnergyNeed))
		if err != nil || need.Sign() < 0 {
			return wanted, mistake("/energy_need", ocpi.FindingRange, "is not an amount of energy")
		}
		wanted.EnergyNeed = &need
	}
	return wanted, nil
}

// addPreferences adds the operation by which drivers say how they want to charge.
func (a *API) addPreferences() {
	o := operation{tag: "commands", scope: ScopeWrite, result: schemaOf[Preference](a)}
	o = o.as("POST", "/charging-preferences", "set-charging-preferences", "Tell a CPO how a driver wants to charge")
	o.doc = "Partners on 2.1.1, and EVSEs without CHARGING_PREFERENCES_CAPABLE, take none: that is 409."
	add(a, o, func(ctx context.Context, in *preferenceInput) (*answer, error) {
		wanted, err := in.preferences()
		if err != nil {
			return nil, err
		}
		told, err := a.config.Commands.Prefer(ctx, PreferenceRequest{Partner: in.Body.Partner, Session: looseKey(in.Body.SessionID), Preferences: wanted})
		if err != nil {
			return nil, err
		}
		return answered(http.StatusOK, told)
	})
}
