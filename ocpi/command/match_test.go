package command

import (
	"log/slog"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func startAt(id string, minutes int, change func(*v230.StartSession, *Command)) Command {
	asked := v230.StartSession{
		Token:      v230.Token{UID: "CARD", ContractID: "DE-GWH-C1"},
		LocationID: "LOC1", EVSEUID: new(ocpi.CiString("E1")), AuthorizationReference: new(ocpi.CiString(id)),
	}
	c := Command{
		ID: id, Partner: "p", Type: v230.CommandTypeStartSession, Created: start.Add(time.Duration(minutes) * time.Minute),
		State: Accepted, Match: MatchAt("LOC1"),
	}
	if change != nil {
		change(&asked, &c)
	}
	c.Request, _ = json.Marshal(&asked)
	return c
}

// session211 is a session as a partner of 2.1.1 sends it, half an hour after the start.
func session211() v230.Session {
	return v230.Session{
		CountryCode: "NL", PartyID: "GPE", ID: "S1", StartDateTime: ocpi.NewDateTime(start.Add(30 * time.Minute)),
		CDRToken: v230.CdrToken{UID: notAvailable, ContractID: "de-gwh-c1"}, LocationID: "LOC1", EVSEUID: "E1",
	}
}

// Our chargers know cards of many eMSPs, and two of them may have the same number.
func TestOurSessionsAreMatchedByTheOwnerOfTheTokenToo(t *testing.T) {
	receiver := NewReceiver(ReceiverConfig{Logger: slog.New(slog.DiscardHandler)})
	for _, party := range []ocpi.CiString{"GWH", "XYZ"} {
		c := startAt(string(party), 0, func(r *v230.StartSession, c *Command) {
			c.Received, r.Token.CountryCode, r.Token.PartyID = true, "DE", party
		})
		if err := receiver.store.Add(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	session := session211()
	session.CDRToken = v230.CdrToken{CountryCode: "DE", PartyID: "gwh", UID: "CARD"}
	if c, ok, err := receiver.Session(t.Context(), "", session); err != nil || !ok || c.ID != "GWH" {
		t.Errorf("matched %q, %v, %v", c.ID, ok, err)
	}
}

func TestASessionIsMatchedToItsCommand(t *testing.T) {
	ended := func(outcome Outcome) func(*v230.StartSession, *Command) {
		return func(_ *v230.StartSession, c *Command) { c.State, c.End = Ended, &End{Outcome: outcome} }
	}
	for name, tt := range map[string]struct {
		commands []Command
		session  func(*v230.Session)
		want     string
	}{
		"by the contract, which is all that 2.1.1 has": {[]Command{startAt("a", 0, nil)}, nil, "a"},
		"by the uid where the partner sends that":      {[]Command{startAt("a", 0, nil)}, func(s *v230.Session) { s.CDRToken.ContractID = "CARD" }, "a"},
		"by the token": {[]Command{startAt("a", 0, nil)}, func(s *v230.Session) {
			s.CDRToken.UID, s.CDRToken.ContractID = "card", "another"
		}, "a"},
		"by the reference, whatever the rest": {[]Command{startAt("a", 0, nil), startAt("b", 1, nil)}, func(s *v230.Session) {
			s.CDRToken.ContractID, s.AuthorizationReference, s.EVSEUID = "another", new(ocpi.CiString("a")), "E2"
		}, "a"},
		"not with another token":           {[]Command{startAt("a", 0, nil)}, func(s *v230.Session) { s.CDRToken.ContractID = "another" }, ""},
		"not at another EVSE":              {[]Command{startAt("a", 0, nil)}, func(s *v230.Session) { s.EVSEUID = "E2" }, ""},
		"not at another location":          {[]Command{startAt("a", 0, nil)}, func(s *v230.Session) { s.LocationID = "LOC2" }, ""},
		"at an EVSE that was not named":    {[]Command{startAt("a", 0, func(r *v230.StartSession, _ *Command) { r.EVSEUID = nil })}, nil, "a"},
		"not long after":                   {[]Command{startAt("a", -40, nil)}, nil, ""},
		"not before":                       {[]Command{startAt("a", 40, nil)}, nil, ""},
		"with clocks that differ":          {[]Command{startAt("a", 33, nil)}, nil, "a"},
		"to the latest of two":             {[]Command{startAt("a", 0, nil), startAt("b", 5, nil)}, nil, "b"},
		"late, after TIMEOUT":              {[]Command{startAt("a", 0, ended(timeout))}, nil, "a"},
		"rather to one that was accepted":  {[]Command{startAt("a", 0, ended(accepted)), startAt("b", 5, ended(timeout))}, nil, "a"},
		"not to one that was rejected":     {[]Command{startAt("a", 0, ended("REJECTED"))}, nil, ""},
		"not to another partner's":         {[]Command{startAt("a", 0, func(_ *v230.StartSession, c *Command) { c.Partner = "q" })}, nil, ""},
		"not to one that has a session":    {[]Command{startAt("a", 0, func(_ *v230.StartSession, c *Command) { c.Session = &Session{ID: "S0"} })}, nil, ""},
		"not to a command of another kind": {[]Command{startAt("a", 0, func(_ *v230.StartSession, c *Command) { c.Type = v230.CommandTypeReserveNow })}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			sender := NewSender(SenderConfig{Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return start }})
			for _, c := range tt.commands {
				if err := sender.store.Add(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
			session := session211()
			if tt.session != nil {
				tt.session(&session)
			}
			for range 2 { // the second time it is the same
				c, ok, err := sender.Session(t.Context(), "p", session)
				if err != nil || ok != (tt.want != "") || c.ID != tt.want {
					t.Fatalf("matched %q, %v, %v, want %q", c.ID, ok, err, tt.want)
				}
				if ok && (c.Session.ID != "S1" || c.Session.Party != ocpi.NewParty("NL", "GPE")) {
					t.Errorf("the session is %+v", c.Session)
				}
			}
		})
	}
}

// A reservation has a session of its own, which says so by its reference (requirement DM-08).
func TestTheSessionOfAReservationIsMatchedByItsReference_DM08(t *testing.T) {
	receiver := NewReceiver(ReceiverConfig{Logger: slog.New(slog.DiscardHandler)})
	reserved := startAt("reserved", 0, func(_ *v230.StartSession, c *Command) { c.Received, c.Type = true, v230.CommandTypeReserveNow })
	if err := receiver.store.Add(t.Context(), reserved); err != nil {
		t.Fatal(err)
	}
	session := session211()
	session.CDRToken = v230.CdrToken{UID: "CARD"}
	if c, ok, err := receiver.Session(t.Context(), "", session); ok || err != nil {
		t.Errorf("without the reference: %+v, %v", c, err)
	}
	session.AuthorizationReference = new(ocpi.CiString("RESERVED"))
	if c, ok, err := receiver.Session(t.Context(), "", session); err != nil || !ok || c.ID != "reserved" {
		t.Errorf("matched %q, %v, %v", c.ID, ok, err)
	}
}
