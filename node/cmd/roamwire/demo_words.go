package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/exchange/sqlitelog"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A demoNews is something that both eMSPs get to know, each in its own version.
type demoNews struct {
	title  string
	module ocpi.ModuleID
	// object is what the messages to an eMSP are about.
	object func(*demoEMSP) string
	// calls is the operator's call that makes it so, for all eMSPs or for the driver of this one.
	calls func(*demoEMSP) (method, path, body string, err error)
	// once tells that one call is for all eMSPs.
	once bool
}

// words shows what the same looks like to partners of different versions: each eMSP's own record of what it was sent.
func (s *story) words(ctx context.Context) error {
	for _, e := range s.emsps {
		if err := until(ctx, func() (bool, error) { return s.caughtUp(ctx, e.name) }); err != nil {
			return fmt.Errorf("wait until %s has got everything: %w", e.name, err)
		}
	}
	s.told.say("5. The CPO's system stores a status, a tariff, a session and a CDR. This is what each eMSP has recorded, ids of tokens masked;")
	s.told.say("   of tariff, session and CDR the members that the other's version has not, or says in another way:")
	for _, news := range s.news() {
		if err := s.spread(ctx, news); err != nil {
			return fmt.Errorf("%s: %w", news.title, err)
		}
	}
	return nil
}

// caughtUp reports whether an eMSP has been sent everything there is, locations among it.
func (s *story) caughtUp(ctx context.Context, name string) (bool, error) {
	status, err := s.cpo.Status(ctx, name)
	if err != nil {
		return false, err
	}
	sent := false
	for _, lane := range status[0].Push {
		if lane.Backlog+len(lane.Held) > 0 {
			return false, nil
		}
		sent = sent || lane.Module == ocpi.ModuleLocations && lane.Sent > 0
	}
	return sent, nil
}

// news are what happens at the CPO. A charge is told to the eMSP whose driver it is, so there is the same for a driver of each.
func (s *story) news() []demoNews {
	sample := ocpitest.Sample{CPO: demoCPO, EMSP: demoEMSPParty, At: time.Now()}
	location := sample.Location(2)
	evse, tariff := location.EVSEs[2].UID, s.tariff(sample)
	own := func(module ocpi.ModuleID, id func(*demoEMSP) string, object func(*demoEMSP) any) func(*demoEMSP) (string, string, string, error) {
		return func(e *demoEMSP) (string, string, string, error) {
			raw, err := json.Marshal(object(e))
			return http.MethodPut, fmt.Sprintf("/api/v1/%s/%s/%s", module, demoCPO, id(e)), string(raw), err
		}
	}
	always := func(id string) func(*demoEMSP) string { return func(*demoEMSP) string { return id } }
	sessionID := func(e *demoEMSP) string { return "S-" + e.party.PartyID }
	cdrID := func(e *demoEMSP) string { return "CDR-" + e.party.PartyID }
	return []demoNews{
		{
			title: "status: an EVSE that was out of order is available again", module: ocpi.ModuleLocations, once: true,
			object: always(fmt.Sprintf("%s/%s", location.ID, evse)),
			calls: func(*demoEMSP) (string, string, string, error) {
				return http.MethodPost, fmt.Sprintf("/api/v1/evses/%s/status", evse), fmt.Sprintf(`{"status":%q}`, v230.StatusAvailable), nil
			},
		},
		{
			title: "tariff: with a lowest price", module: ocpi.ModuleTariffs, once: true, object: always(string(tariff.ID)),
			calls: own(ocpi.ModuleTariffs, always(string(tariff.ID)), func(*demoEMSP) any { return &tariff }),
		},
		{
			title: "session: a charge, of a driver of each", module: ocpi.ModuleSessions, object: sessionID,
			calls: own(ocpi.ModuleSessions, sessionID, func(e *demoEMSP) any {
				session := e.sample().Session(demoCharge)
				session.ID = ocpi.CiString(sessionID(e))
				return &session
			}),
		},
		{
			title: "CDR: what the charge has cost", module: ocpi.ModuleCDRs, object: cdrID,
			calls: own(ocpi.ModuleCDRs, cdrID, func(e *demoEMSP) any {
				cdr := e.sample().CDR(demoCharge)
				cdr.ID, cdr.SessionID = ocpi.CiString(cdrID(e)), new(ocpi.CiString(sessionID(e)))
				return &cdr
			}),
		},
	}
}

// demoCharge is the sample charge that is told to both eMSPs. Those before it they know already.
const demoCharge = 3

// tariff has a lowest price, which only later versions can say.
func (s *story) tariff(sample ocpitest.Sample) v230.Tariff {
	tariff := sample.DCTariff()
	tariff.ID, tariff.MinPrice = "DC-NIGHT", &v230.PriceLimit{BeforeTaxes: ocpi.MustNumber("2.00")}
	return tariff
}

// spread makes something happen, and prints each eMSP's record of it.
func (s *story) spread(ctx context.Context, news demoNews) error {
	since := time.Now()
	for i, e := range s.emsps {
		if news.once && i > 0 {
			break
		}
		method, path, body, err := news.calls(e)
		if err != nil {
			return err
		}
		var stored jsontext.Value
		if err := s.chargers.call(ctx, method, path, body, &stored); err != nil {
			return err
		}
	}
	records := make([]exchange.Record, len(s.emsps))
	for i, e := range s.emsps {
		var err error
		if records[i], err = e.heard(ctx, news.module, news.object(e), since); err != nil {
			return fmt.Errorf("find what %s was sent: %w", e.name, err)
		}
	}
	s.told.say("     %s", news.title)
	for i, e := range s.emsps {
		s.told.say("       %s, OCPI %s  %s %s", e.name, e.version, records[i].Method, printable(records[i].URL))
		for _, line := range ownWords(records[i].Request, records[(i+1)%len(records)].Request) {
			s.told.say("           %s", line)
		}
	}
	return nil
}

// heard waits for the eMSP's record of what the CPO has sent about an object.
func (e *demoEMSP) heard(ctx context.Context, module ocpi.ModuleID, object string, since time.Time) (found exchange.Record, err error) {
	err = until(ctx, func() (bool, error) {
		log, err := sqlitelog.OpenReader(ctx, node.ExchangeFile(e.folder))
		if err != nil {
			return false, err
		}
		records, err := log.List(ctx, exchange.Filter{
			Partner: demoCPOName, Direction: ocpi.Inbound, Module: module, Object: object, Since: since, Bodies: true,
		})
		if err = errors.Join(err, log.Close()); err != nil {
			return false, err
		}
		i := slices.IndexFunc(records, func(r exchange.Record) bool {
			return r.Method != http.MethodGet && r.HTTP < http.StatusMultipleChoices
		})
		if i >= 0 {
			found = records[i]
		}
		return i >= 0, nil
	})
	return found, err
}

// ownWords are the members of a message that the other message has not, or says in another way. A short message is shown whole.
func ownWords(message, other string) []string {
	const short = 100
	if len(message) <= short {
		return []string{printable(message)}
	}
	theirs := map[string]jsontext.Value{}
	if json.Unmarshal([]byte(other), &theirs) != nil {
		return []string{printable(clip(message, short))}
	}
	var lines []string
	dec := jsontext.NewDecoder(strings.NewReader(message))
	_, _ = dec.ReadToken() // the beginning of the object; what is wrong with it, the next one tells
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			break
		}
		text := name.String()
		value, err := dec.ReadValue()
		if err != nil {
			break
		}
		if text == "id" || same(value, theirs[text]) {
			continue
		}
		lines = append(lines, printable(clip(fmt.Sprintf("%s: %s", text, value), short)))
	}
	if len(lines) == 0 {
		lines = []string{"nothing that the other does not say, too"}
	}
	return lines
}

// same reports whether two values are the same JSON.
func same(a, b jsontext.Value) bool {
	a, b = a.Clone(), b.Clone()
	return a.Canonicalize() == nil && b.Canonicalize() == nil && string(a) == string(b)
}
