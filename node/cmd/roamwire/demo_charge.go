package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/partner"
	"github.com/roamwire/roamwire/node/simulate"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// An operator is one of the operators' own systems: it talks to its node through the node's API alone.
type operator struct{ url, key string }

// operate makes a key for an operator's own system.
func operate(ctx context.Context, n *node.Node, name string) (operator, error) {
	key, err := n.AddKey(ctx, name, backend.ScopeWrite, 24*time.Hour)
	return operator{n.APIURL(), key}, err
}

// call makes a call to the API. An answer that is no success is an error with its text.
func (o operator) call(ctx context.Context, method, path, body string, result any) error {
	request, err := http.NewRequestWithContext(ctx, method, o.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+o.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s answered %d: %s", method, path, response.StatusCode, raw)
	}
	return json.Unmarshal(raw, result)
}

// chargePatience bounds how long each step of the charge may take.
const chargePatience = 30 * time.Second

// charge tells of a charge from an app and of a card at a charger: what the operators' own systems do, through the nodes' APIs.
func (s *story) charge(ctx context.Context, day *simulate.Day) error {
	location := ocpi.Key{Party: demoCPO, ID: string(ocpitest.Network(demoCPO).Location(3).ID)}
	if err := until(ctx, func() (bool, error) { return day.Knows(location), nil }); err != nil {
		return fmt.Errorf("the simulated chargers have not begun: %w", err)
	}
	var known v230.Location
	err := until(ctx, func() (bool, error) { return s.received(ctx, ocpi.ModuleLocations, location.ID, &known) == nil, nil })
	if err != nil {
		return fmt.Errorf("the eMSP does not know location %s: %w", location.ID, err)
	}
	session, err := s.startFromApp(ctx, location.ID)
	if err != nil {
		return err
	}
	if err := s.grow(ctx, session); err != nil {
		return err
	}
	if err := s.stopFromApp(ctx, session); err != nil {
		return err
	}
	return s.card(ctx, location.ID)
}

// startFromApp starts a session from the eMSP's app, and returns its id. A charger that is taken refuses: another try is made.
func (s *story) startFromApp(ctx context.Context, location string) (session string, err error) {
	driver := ocpitest.Sample{CPO: demoCPO, EMSP: demoEMSPParty, At: time.Now()}.StartSession("").Token
	s.told.say("7. A driver starts a charge in the eMSP's app: POST /api/v1/commands/start-session at the eMSP's node.")
	var c backend.Command
	err = until(ctx, func() (bool, error) {
		body := fmt.Sprintf(`{"location_id":%q,"token_uid":%q,"token_type":%q}`, location, driver.UID, driver.Type)
		err := s.app.call(ctx, http.MethodPost, "/api/v1/commands/start-session?wait=20", body, &c)
		return err == nil && c.Outcome == string(v230.CommandResultTypeAccepted), err
	})
	if err != nil {
		return "", fmt.Errorf("start a session: %w", err)
	}
	s.told.say("     app   %s is %s at the CPO, %s at the charger", c.Type, c.Answer.Result, c.Outcome)
	err = until(ctx, func() (bool, error) {
		err := s.app.call(ctx, http.MethodGet, "/api/v1/commands/"+c.ID, "", &c)
		return c.SessionID != "", err
	})
	if err != nil {
		return "", fmt.Errorf("find the session of command %s: %w", c.ID, err)
	}
	s.told.say("     app   its session is %s", c.SessionID)
	return c.SessionID, nil
}

// received is a partner's object as the API shows it.
func (s *story) received(ctx context.Context, module ocpi.ModuleID, id string, object any) error {
	path := fmt.Sprintf("/api/v1/received/%s/%s/%s/%s", module, demoCPOName, demoCPO, id)
	return s.app.call(ctx, http.MethodGet, path, "", object)
}

// grow waits until the session has grown.
func (s *story) grow(ctx context.Context, id string) error {
	var session v230.Session
	err := until(ctx, func() (bool, error) {
		err := s.received(ctx, ocpi.ModuleSessions, id, &session)
		return err == nil && session.KWh.Decimal().IsPositive(), nil // until it is there there is nothing to read
	})
	if err != nil {
		return fmt.Errorf("wait for session %s to grow: %w", id, err)
	}
	s.told.say("     app   the session goes on: %s kWh", session.KWh)
	return nil
}

// stopFromApp ends the session, and waits for its CDR.
func (s *story) stopFromApp(ctx context.Context, session string) error {
	var c backend.Command
	err := s.app.call(ctx, http.MethodPost, "/api/v1/commands/stop-session?wait=20", fmt.Sprintf(`{"session_id":%q}`, session), &c)
	if err != nil {
		return fmt.Errorf("stop session %s: %w", session, err)
	}
	s.told.say("     app   %s is %s at the CPO, %s at the charger", c.Type, c.Answer.Result, c.Outcome)
	var cdr v230.CDR
	err = until(ctx, func() (bool, error) { return s.received(ctx, ocpi.ModuleCDRs, session, &cdr) == nil, nil })
	if err != nil {
		return fmt.Errorf("wait for the CDR of session %s: %w", session, err)
	}
	s.told.say("     app   its CDR has come: %s kWh, %s %s", cdr.TotalEnergy, cdr.TotalCost.BeforeTaxes, cdr.Currency)
	return s.checked(ctx, session)
}

// checked tells what came of pricing a CDR again.
func (s *story) checked(ctx context.Context, cdr string) error {
	var check backend.Check
	err := until(ctx, func() (bool, error) {
		var page struct {
			Items []backend.Check `json:"items"`
		}
		if err := s.app.call(ctx, http.MethodGet, "/api/v1/checks?limit=1000&partner="+demoCPOName, "", &page); err != nil {
			return false, err
		}
		i := slices.IndexFunc(page.Items, func(c backend.Check) bool { return c.ID == cdr })
		if i >= 0 {
			check = page.Items[i]
		}
		return i >= 0, nil
	})
	if err != nil {
		return fmt.Errorf("wait for the check of CDR %s: %w", cdr, err)
	}
	s.told.say("     app   priced again with its tariff it costs %s %s: the CDR %s", cmp.Or(check.Computed, "?"), check.Currency, check.Verdict)
	return nil
}

// card holds two cards to the CPO's charger that the CPO does not know: a new one of the eMSP's, and one that nobody has.
func (s *story) card(ctx context.Context, location string) error {
	const fresh, nobodys = "04FEAA00112233", "04FFEE00112233"
	s.told.say("8. A card that the CPO does not know is held to a charger: POST /api/v1/authorize at the CPO's node, which asks the eMSPs.")
	if err := s.issue(ctx, fresh); err != nil {
		return fmt.Errorf("issue a card: %w", err)
	}
	for _, card := range []struct {
		uid  string
		want v230.AllowedType
	}{{fresh, v230.AllowedTypeAllowed}, {nobodys, v230.AllowedTypeNotAllowed}} {
		var a backend.Authorization
		body := fmt.Sprintf(`{"token_uid":%q,"location":{"location_id":%q}}`, card.uid, location)
		if err := s.chargers.call(ctx, http.MethodPost, "/api/v1/authorize", body, &a); err != nil {
			return fmt.Errorf("authorize a card: %w", err)
		}
		s.told.say("     charger  the card %s… is %s: %s", card.uid[:4], a.Allowed, a.Reason)
		if a.Allowed != string(card.want) {
			return fmt.Errorf("the card %s is %s, not %s", card.uid, a.Allowed, card.want)
		}
	}
	s.told.say("")
	return nil
}

// issue gives a driver of the eMSP a new card, and keeps it from the CPO: its tokens are not pushed any more.
func (s *story) issue(ctx context.Context, uid string) error {
	err := s.emsp.Partners.ChangePolicy(ctx, demoCPOName, func(policy *partner.Policy) error {
		policy.Push.Except = append(policy.Push.Except, ocpi.ModuleTokens)
		return nil
	})
	if err != nil {
		return err
	}
	body := fmt.Sprintf(`{"country_code":%q,"party_id":%q,"uid":%q,"type":"RFID","contract_id":"DE-GWH-C00004711","issuer":"Greenwheels","valid":true,"whitelist":"NEVER"}`,
		demoEMSPParty.CountryCode, demoEMSPParty.PartyID, uid)
	var token v230.Token
	if err := s.app.call(ctx, http.MethodPut, fmt.Sprintf("/api/v1/tokens/%s/%s", demoEMSPParty, uid), body, &token); err != nil {
		return err
	}
	s.told.say("     app      the driver has got the new card %s…", uid[:4])
	return nil
}

// until waits until something is so. It stops at the first error.
func until(ctx context.Context, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, chargePatience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, err := is(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
