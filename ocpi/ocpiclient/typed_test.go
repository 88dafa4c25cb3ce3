package ocpiclient_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

func codecs(t *testing.T) wire.Codecs {
	t.Helper()
	return codecsOf(t, ocpi.V211)
}

func codecsOf(t *testing.T, version ocpi.Version) wire.Codecs {
	t.Helper()
	c, ok := wire.For(version)
	if !ok {
		t.Fatalf("there are no codecs for %s", version)
	}
	return c
}

// inEachVersion runs a test with a partner of each version. What is true of 2.1.1 is true of all.
func inEachVersion(t *testing.T, test func(t *testing.T, version ocpi.Version)) {
	t.Helper()
	for _, version := range ocpi.Versions() {
		t.Run(string(version), func(t *testing.T) { test(t, version) })
	}
}

// inTheirTerms is an object as the partner's version writes it, in one form: what both sides can say must be the same.
func inTheirTerms[T any](t *testing.T, codec wire.Codec[T], object T, env convert.Env) string {
	t.Helper()
	raw, _, err := codec.Write(object, env)
	if err != nil {
		t.Fatal(err)
	}
	v := jsontext.Value(raw)
	if err := v.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	return string(v)
}

func same[T any](t *testing.T, codec wire.Codec[T], want, got T, env convert.Env) {
	t.Helper()
	if diff := cmp.Diff(inTheirTerms(t, codec, want, env), inTheirTerms(t, codec, got, env)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", codec.Object, diff)
	}
}

func all[T any](t *testing.T, list iter.Seq2[T, error]) []T {
	t.Helper()
	var objects []T
	for object, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
	return objects
}

func sameList[T any](t *testing.T, codec wire.Codec[T], want []T, list iter.Seq2[T, error], env convert.Env) {
	t.Helper()
	got := all(t, list)
	if len(got) != len(want) {
		t.Fatalf("%d objects of kind %s, want %d", len(got), codec.Object, len(want))
	}
	for i := range want {
		same(t, codec, want[i], got[i], env)
	}
}

// Lists of more than one page come whole, in order, and under their owner.
func TestListsComeWhole(t *testing.T) { inEachVersion(t, listsComeWhole) }

func listsComeWhole(t *testing.T, version ocpi.Version) {
	_, cpo := start(t, ocpi.RoleCPO, ocpiclient.Config{Version: version})
	_, emsp := start(t, ocpi.RoleEMSP, ocpiclient.Config{Version: version})
	sample, c := ocpitest.Network(theirs), codecsOf(t, version)
	byID := func(id string) (v230.Location, bool) {
		for _, l := range sample.Locations() {
			if string(l.ID) == id {
				return l, true
			}
		}
		return v230.Location{}, false
	}
	env := convert.Env{Owner: theirs, EMSP: theirs, Location: byID}
	q := ocpi.Query{}
	sameList(t, c.Locations, sample.Locations(), cpo.CPO().Locations.List(t.Context(), q), env)
	sameList(t, c.Sessions, sample.Sessions(), cpo.CPO().Sessions.List(t.Context(), q), env) // SES-02: asks since when
	sameList(t, c.CDRs, sample.CDRs(), cpo.CPO().CDRs.List(t.Context(), q), env)
	sameList(t, c.Tariffs, sample.Tariffs(), cpo.CPO().Tariffs.List(t.Context(), q), env)
	sameList(t, c.Tokens, sample.Tokens(), emsp.EMSP().Tokens.List(t.Context(), q), env)

	for l := range cpo.CPO().Locations.List(t.Context(), q) {
		if l.CountryCode != "NL" || l.PartyID != "GPE" {
			t.Errorf("location %s belongs to %s/%s, want the partner's party", l.ID, l.CountryCode, l.PartyID)
		}
	}
}

func TestPagesSayHowManyThereAreAndHowToGoOn(t *testing.T) {
	inEachVersion(t, pagesSayHowManyThereAreAndHowToGoOn)
}

func pagesSayHowManyThereAreAndHowToGoOn(t *testing.T, version ocpi.Version) {
	_, client := start(t, ocpi.RoleCPO, ocpiclient.Config{Version: version})
	var sizes, totals, limits []int
	var second string
	for page, err := range client.CPO().Locations.Pages(t.Context(), ocpi.Query{Limit: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		sizes, totals, limits = append(sizes, len(page.Items)), append(totals, page.Total), append(limits, page.Limit)
		if second == "" {
			second = page.Next
		}
	}
	if diff := cmp.Diff([][]int{{2, 2, 2}, {6, 6, 6}, {2, 2, 2}}, [][]int{sizes, totals, limits}); diff != "" {
		t.Errorf("sizes, totals and limits (-want +got):\n%s", diff)
	}
	rest := all(t, client.CPO().Locations.List(t.Context(), ocpi.Query{Cursor: second}))
	if len(rest) != 4 || rest[0].ID != "LOC3" {
		t.Errorf("from the second page on there are %d locations, want 4 from LOC3 on", len(rest))
	}
}

func TestAListCanBeLeft(t *testing.T) { inEachVersion(t, aListCanBeLeft) }

func aListCanBeLeft(t *testing.T, version ocpi.Version) {
	_, client := start(t, ocpi.RoleCPO, ocpiclient.Config{Version: version})
	for l, err := range client.CPO().Locations.List(t.Context(), ocpi.Query{Limit: 1}) {
		if err != nil || l.ID != "LOC1" {
			t.Fatal(l.ID, err)
		}
		break
	}
}

// L-06: locations, EVSEs and connectors are asked for one by one; L-07: what does not exist is not found.
func TestLocationsOneByOne(t *testing.T) { inEachVersion(t, locationsOneByOne) }

func locationsOneByOne(t *testing.T, version ocpi.Version) {
	_, client := start(t, ocpi.RoleCPO, ocpiclient.Config{Version: version})
	sample, c, env := ocpitest.Network(theirs), codecsOf(t, version), convert.Env{Owner: theirs}
	locations := client.CPO().Locations
	location, err := locations.Get(t.Context(), "LOC1")
	if err != nil {
		t.Fatal(err)
	}
	same(t, c.Locations, sample.Location(1), location, env)
	evse, err := locations.GetEVSE(t.Context(), "LOC1", "LOC1-1")
	if err != nil {
		t.Fatal(err)
	}
	same(t, c.EVSEs, sample.Location(1).EVSEs[0], evse, env)
	connector, err := locations.GetConnector(t.Context(), "LOC1", "LOC1-1", "2")
	if err != nil {
		t.Fatal(err)
	}
	same(t, c.Connectors, sample.Location(1).EVSEs[0].Connectors[1], connector, env)

	_, err = locations.GetConnector(t.Context(), "LOC1", "LOC1-1", "9")
	if !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("an unknown connector: %v, want an error that is ocpi.ErrNotFound", err)
	}
}

// TF-49: ids are escaped once, whatever is in them.
func TestIDsNeedNotBePlain(t *testing.T) { inEachVersion(t, iDsNeedNotBePlain) }

func iDsNeedNotBePlain(t *testing.T, version ocpi.Version) {
	server, client := start(t, ocpi.RoleCPO, ocpiclient.Config{Version: version})
	for _, id := range []string{"NL*GPE*E1", "a/b", "a b", "..", "100%", "ä", "a?b#c", "a%2Fb"} {
		l := ocpitest.Network(theirs).Location(1)
		l.ID = ocpi.CiString(id)
		server.CPO.Locations.Put(l)
		got, err := client.CPO().Locations.Get(t.Context(), id)
		if err != nil || string(got.ID) != id {
			t.Errorf("location %q: got %q, %v", id, got.ID, err)
		}
	}
	if _, err := client.CPO().Locations.Get(t.Context(), ""); err == nil {
		t.Error("a location without an id was asked for")
	}
}

func TestObjectsArePutPatchedAndReadBack(t *testing.T) {
	inEachVersion(t, objectsArePutPatchedAndReadBack)
}

func objectsArePutPatchedAndReadBack(t *testing.T, version ocpi.Version) {
	server, client := start(t, ocpi.RoleEMSP, ocpiclient.Config{Version: version})
	sample, c := ocpitest.Network(ours), codecsOf(t, version)
	emsp, env := client.EMSP(), convert.Env{Owner: ours, EMSP: theirs}

	t.Run("locations", func(t *testing.T) {
		before := sample.Location(1)
		key := ocpi.Key{Party: ours, ID: string(before.ID)}
		created, err := emsp.Locations.Put(t.Context(), before)
		if err != nil || !created {
			t.Fatal(created, err)
		}
		if created, err := emsp.Locations.Put(t.Context(), before); err != nil || created {
			t.Fatalf("created again: %v, %v", created, err)
		}
		after := sample.Location(1)
		after.Name = new("Renamed")
		after.Directions = nil
		after.LastUpdated = later(before.LastUpdated)
		if err := emsp.Locations.Patch(t.Context(), before, after); err != nil {
			t.Fatal(err)
		}
		got, err := emsp.Locations.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if got.Directions != nil && len(got.Directions) == 0 {
			got.Directions = nil // an empty list is as good as none
		}
		same(t, c.Locations, after, got, env)
	})
	t.Run("EVSEs and connectors", func(t *testing.T) {
		location := ocpi.Key{ID: "LOC1"} // the party is Config.Own
		before := sample.Location(1).EVSEs[0]
		after := sample.Location(1).EVSEs[0]
		after.Status, after.LastUpdated = v230.StatusOutOfOrder, later(before.LastUpdated)
		if err := emsp.Locations.PatchEVSE(t.Context(), location, before, after); err != nil { // L-15
			t.Fatal(err)
		}
		got, err := emsp.Locations.GetEVSE(t.Context(), location, string(before.UID))
		if err != nil {
			t.Fatal(err)
		}
		same(t, c.EVSEs, after, got, env)
		after.UID = "LOC1-NEW"
		if _, err := emsp.Locations.PutEVSE(t.Context(), location, after); err != nil {
			t.Fatal(err)
		}
		plug := after.Connectors[0]
		plug.ID = "77"
		if _, err := emsp.Locations.PutConnector(t.Context(), location, "LOC1-NEW", plug); err != nil {
			t.Fatal(err)
		}
		faster := plug
		faster.MaxAmperage, faster.LastUpdated = 63, later(later(plug.LastUpdated))
		if err := emsp.Locations.PatchConnector(t.Context(), location, "LOC1-NEW", plug, faster); err != nil {
			t.Fatal(err)
		}
		read, err := emsp.Locations.GetConnector(t.Context(), location, "LOC1-NEW", "77")
		if err != nil {
			t.Fatal(err)
		}
		same(t, c.Connectors, faster, read, env)
	})
	t.Run("sessions", func(t *testing.T) {
		before := sample.ActiveSession()
		if _, err := emsp.Sessions.Put(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		after := sample.ActiveSession()
		after.KWh, after.LastUpdated = ocpi.MustNumber("22.5"), later(before.LastUpdated)
		if err := emsp.Sessions.Patch(t.Context(), before, after); err != nil {
			t.Fatal(err)
		}
		got, err := emsp.Sessions.Get(t.Context(), ocpi.Key{Party: ours, ID: string(before.ID)})
		if err != nil || got.KWh != after.KWh || !got.LastUpdated.Equal(after.LastUpdated) {
			t.Fatalf("got %s kWh of %s, %v", got.KWh, got.LastUpdated, err)
		}
	})
	t.Run("tariffs", func(t *testing.T) {
		before := sample.ACTariff()
		key := ocpi.Key{Party: ours, ID: string(before.ID)}
		if _, err := emsp.Tariffs.Put(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		after := sample.ACTariff()
		after.TariffAltURL, after.LastUpdated = new("https://example.com/ac"), later(before.LastUpdated)
		if err := emsp.Tariffs.Patch(t.Context(), before, after); err != nil {
			t.Fatal(err)
		}
		got, err := emsp.Tariffs.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		same(t, c.Tariffs, after, got, env)
		if err := emsp.Tariffs.Delete(t.Context(), key); err != nil { // TF-42
			t.Fatal(err)
		}
		if err := emsp.Tariffs.Delete(t.Context(), key); !errors.Is(err, ocpi.ErrNotFound) {
			t.Errorf("deleted twice: %v, want an error that is ocpi.ErrNotFound", err)
		}
	})
	t.Run("CDRs", func(t *testing.T) { // CDR-04, CDR-05
		cdr := sample.CDR(1)
		url, err := emsp.CDRs.Post(t.Context(), cdr)
		if err != nil {
			t.Fatal(err)
		}
		if want := server.URL + "/emsp/" + string(version) + "/cdrs/" + string(cdr.ID); url != want {
			t.Errorf("it is at %s, want %s", url, want)
		}
		got, err := emsp.CDRs.Get(t.Context(), url)
		if err != nil || got.ID != cdr.ID || got.TotalEnergy != cdr.TotalEnergy || got.CountryCode != "BE" {
			t.Errorf("got %s of %s with %s kWh, %v", got.ID, got.CountryCode, got.TotalEnergy, err)
		}
	})
	t.Run("tokens", func(t *testing.T) {
		server, client := start(t, ocpi.RoleCPO, ocpiclient.Config{Version: version})
		tokens := client.CPO().Tokens
		for _, before := range []v230.Token{sample.Token(1), sample.Token(4)} { // RFID, and OTHER
			key := ocpi.Key{Party: ours, ID: string(before.UID), TokenType: string(before.Type)}
			if created, err := tokens.Put(t.Context(), before); err != nil || !created {
				t.Fatal(created, err)
			}
			after := before
			after.Valid, after.LastUpdated = false, later(before.LastUpdated) // TOK-02
			if err := tokens.Patch(t.Context(), before, after); err != nil {
				t.Fatal(err)
			}
			got, err := tokens.Get(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			same(t, c.Tokens, after, got, convert.Env{Owner: ours})
		}
		// TOK-03: two tokens with one uid are told apart.
		card, app := sample.Token(1), sample.Token(4)
		app.UID = card.UID
		if _, err := tokens.Put(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		blocked := app
		blocked.Whitelist = v230.WhitelistTypeNever
		if err := tokens.Patch(t.Context(), app, blocked); err != nil {
			t.Fatal(err)
		}
		for _, got := range server.CPO.Tokens.From("tester") {
			if changed := got.Whitelist == v230.WhitelistTypeNever; changed != (got.UID == card.UID && got.Type == app.Type) {
				t.Errorf("token %s of type %s is %s", got.UID, got.Type, got.Whitelist)
			}
		}
		if n := len(server.CPO.Tokens.From("tester")); n != 3 {
			t.Errorf("they have %d tokens of ours, want 3", n)
		}
	})
}

func later(d ocpi.DateTime) ocpi.DateTime { return ocpi.NewDateTime(d.Time().Add(time.Minute)) }

func TestAnObjectDoesNotBecomeAnother(t *testing.T) { inEachVersion(t, anObjectDoesNotBecomeAnother) }

func anObjectDoesNotBecomeAnother(t *testing.T, version ocpi.Version) {
	_, client := start(t, ocpi.RoleEMSP, ocpiclient.Config{Version: version})
	sample := ocpitest.Network(ours)
	if err := client.EMSP().Tariffs.Patch(t.Context(), sample.ACTariff(), sample.DCTariff()); err == nil {
		t.Error("one tariff was patched into another")
	}
	evses := sample.Location(1).EVSEs
	if err := client.EMSP().Locations.PatchEVSE(t.Context(), ocpi.Key{ID: "LOC1"}, evses[0], evses[1]); err == nil {
		t.Error("one EVSE was patched into another")
	}
}

// SES-12: sessions of 2.1.1 carry a copy of their location, which the caller has.
func TestSessionsCarryTheirLocation(t *testing.T) {
	sample := ocpitest.Network(ours)
	var asked, body string
	partner := newAwkward(t, ocpiclient.Config{
		OwnRole: ocpi.RoleCPO,
		Location: func(_ context.Context, owner ocpi.Party, id string) (v230.Location, bool) {
			asked = owner.String() + " " + id
			return sample.Location(3), true
		},
	}, func(w http.ResponseWriter, r *http.Request) { body = bodyOf(r); ok(w, "null") })
	if _, err := partner.client.EMSP().Sessions.Put(t.Context(), sample.ActiveSession()); err != nil {
		t.Fatal(err)
	}
	if asked != "BE/TST LOC3" || !strings.Contains(body, `"address":"`+sample.Location(3).Address+`"`) {
		t.Errorf("asked for %q, sent %s", asked, body)
	}
}

// CDR-07: 2.1.1 has no credit CDRs, and a partner would take one for a charge.
func TestWhatAVersionCannotSayIsNotSent(t *testing.T) {
	server, client := start(t, ocpi.RoleEMSP, ocpiclient.Config{})
	cdr := ocpitest.Network(ours).CDR(1)
	cdr.Credit, cdr.CreditReferenceID = new(true), new(ocpi.CiString("CDR0"))
	if _, err := client.EMSP().CDRs.Post(t.Context(), cdr); !errors.Is(err, ocpiclient.ErrWithheld) {
		t.Errorf("got %v, want ErrWithheld", err)
	}
	if n := len(server.EMSP.CDRs.From("tester")); n != 0 {
		t.Errorf("%d CDRs were sent", n)
	}
}

// TOK-06 to TOK-12.
func TestAuthorize(t *testing.T) { inEachVersion(t, driversAreAuthorized) }

func driversAreAuthorized(t *testing.T, version ocpi.Version) {
	server, client := start(t, ocpi.RoleEMSP, ocpiclient.Config{Version: version})
	sample, tokens := ocpitest.Network(theirs), client.EMSP().Tokens
	at := sample.LocationReferences()
	info, err := tokens.Authorize(t.Context(), ocpiclient.AuthorizeRequest{TokenUID: string(sample.Token(1).UID), At: &at})
	if err != nil || info.Allowed != v230.AllowedTypeAllowed || info.Location == nil || info.Location.LocationID != at.LocationID {
		t.Errorf("a valid card: %+v, %v", info, err)
	}
	info, err = tokens.Authorize(t.Context(), ocpiclient.AuthorizeRequest{TokenUID: string(sample.Token(3).UID)})
	if err != nil || info.Allowed != v230.AllowedTypeBlocked {
		t.Errorf("a lost card: %s, %v; a refusal is an answer (TOK-11)", info.Allowed, err)
	}
	app, called := sample.Token(4), v230.TokenTypeOther
	if version != ocpi.V211 {
		called = v230.TokenTypeAppUser
		app.Type = called
		server.EMSP.Tokens.Put(app)
	}
	if _, err := tokens.Authorize(t.Context(), ocpiclient.AuthorizeRequest{TokenUID: string(app.UID), TokenType: v230.TokenTypeAppUser}); err != nil {
		t.Errorf("an app, which 2.1.1 calls OTHER: %v", err)
	}
	if asked := server.EMSP.Tokens.Asked(); asked[0].At == nil || asked[1].At != nil || asked[2].TokenType != called {
		t.Errorf("they were asked %+v", asked)
	}
	_, err = tokens.Authorize(t.Context(), ocpiclient.AuthorizeRequest{TokenUID: "nobody's"})
	if !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("an unknown card: %v, want an error that is ocpi.ErrNotFound (TOK-12)", err)
	}
}

// TOK-03: the URL names the type of a token as its body does, also where the partner's version has another name for it.
func TestTokensOfEveryTypeArePushed(t *testing.T) { inEachVersion(t, tokensOfEveryTypeArePushed) }

func tokensOfEveryTypeArePushed(t *testing.T, version ocpi.Version) {
	_, client := start(t, ocpi.RoleCPO, ocpiclient.Config{Version: version})
	for _, kind := range []v230.TokenType{v230.TokenTypeRFID, v230.TokenTypeOther, v230.TokenTypeAppUser, v230.TokenTypeAdHocUser, v230.TokenTypeEMAID} {
		token := ocpitest.Network(ours).Token(1)
		token.UID, token.Type = ocpi.CiString("T-"+kind), kind
		tokens, key := client.CPO().Tokens, ocpi.Key{ID: string(token.UID), TokenType: string(kind)}
		if _, err := tokens.Put(t.Context(), token); err != nil {
			t.Errorf("put %s: %v", kind, err)
		}
		after := token
		after.Valid, after.LastUpdated = !token.Valid, inMay()
		if err := tokens.Patch(t.Context(), token, after); err != nil {
			t.Errorf("patch %s: %v", kind, err)
		}
		if got, err := tokens.Get(t.Context(), key); err != nil || got.Valid != after.Valid {
			t.Errorf("get %s: %+v, %v", kind, got, err)
		}
	}
}

// CMD-01 to CMD-10.
func TestCommands(t *testing.T) { inEachVersion(t, commandsAreGiven) }

func commandsAreGiven(t *testing.T, version ocpi.Version) {
	server, client := start(t, ocpi.RoleCPO, ocpiclient.Config{Version: version})
	sample, commands := ocpitest.Network(ours), client.CPO().Commands
	ctx, url := t.Context(), "https://tst.example.com/17"
	var got []v230.CommandResponseType
	take := func(r v230.CommandResponse, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.Result)
	}
	take(commands.StartSession(ctx, sample.StartSession(url)))
	take(commands.StopSession(ctx, sample.StopSession(url)))
	take(commands.ReserveNow(ctx, sample.ReserveNow(url)))
	take(commands.UnlockConnector(ctx, sample.UnlockConnector(url)))
	accepted := v230.CommandResponseTypeAccepted
	if diff := cmp.Diff([]v230.CommandResponseType{accepted, accepted, accepted, accepted}, got); diff != "" {
		t.Error(diff)
	}
	var types []v230.CommandType
	for _, c := range server.CPO.Commands.Taken() {
		types = append(types, c.Type)
		if c.ResponseURL() != url {
			t.Errorf("%s: the result goes to %s", c.Type, c.ResponseURL())
		}
	}
	want := []v230.CommandType{
		v230.CommandTypeStartSession, v230.CommandTypeStopSession, v230.CommandTypeReserveNow, v230.CommandTypeUnlockConnector,
	}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Error(diff)
	}

	server.CPO.Commands.Respond(func(ocpitest.Command) (v230.CommandResponse, error) {
		return v230.CommandResponse{}, &ocpi.Error{Code: ocpi.StatusUnknownLocation, Message: "Unknown Location"}
	})
	_, err := commands.StartSession(ctx, sample.StartSession(url))
	var failed *ocpiclient.Error
	if !errors.As(err, &failed) || failed.Status != ocpi.StatusUnknownLocation || failed.Kind != ocpiclient.NotFound {
		t.Errorf("an unknown location: %v, want status 2003 (CMD-10)", err)
	}
}

// CMD-05: the result goes to exactly the URL of the command.
func TestCommandResult(t *testing.T) { inEachVersion(t, resultsOfCommandsAreTold) }

func resultsOfCommandsAreTold(t *testing.T, version ocpi.Version) {
	server, client := start(t, ocpi.RoleEMSP, ocpiclient.Config{Version: version})
	result := v230.CommandResult{Result: v230.CommandResultTypeAccepted}
	if err := client.EMSP().CommandResult(t.Context(), server.URL+"/emsp/"+string(version)+"/commands/START_SESSION/17", result); err != nil {
		t.Fatal(err)
	}
	taken := server.EMSP.CommandResults.Taken()
	if len(taken) != 1 || taken[0].UID != "17" || taken[0].Type != v230.CommandTypeStartSession || taken[0].Result.Result != result.Result {
		t.Errorf("they got %+v", taken)
	}
	err := client.EMSP().CommandResult(t.Context(), "https://elsewhere.example.com/17", result)
	if !errors.Is(err, ocpiclient.ErrOtherHost) {
		t.Errorf("to another host: %v, want ErrOtherHost (CMD-17)", err)
	}
}

// V-04: a module that is not among the endpoints is not called.
func TestAModuleThatIsNotOffered(t *testing.T) {
	client := newClient(t, ocpiclient.Config{Endpoints: []ocpi.Endpoint{{Module: ocpi.ModuleLocations, URL: "https://example.com/locations"}}})
	for _, err := range client.CPO().Tariffs.List(t.Context(), ocpi.Query{}) {
		if !errors.Is(err, ocpiclient.ErrNotOffered) {
			t.Errorf("got %v, want ErrNotOffered", err)
		}
	}
	if _, err := client.EMSP().Tariffs.Put(t.Context(), ocpitest.Network(ours).ACTariff()); !errors.Is(err, ocpiclient.ErrNotOffered) {
		t.Errorf("got %v, want ErrNotOffered", err)
	}
	if _, err := client.Credentials(t.Context()); !errors.Is(err, ocpiclient.ErrNotOffered) {
		t.Errorf("got %v, want ErrNotOffered", err)
	}
}

// Before a version is agreed on, and in one without codecs, only versions and details can be asked for.
func TestAVersionThatIsNotSpoken(t *testing.T) {
	client := newClient(t, ocpiclient.Config{Version: "2.0", Endpoints: endpoints("https://example.com")})
	if _, err := client.CPO().Locations.Get(t.Context(), "LOC1"); !errors.Is(err, ocpiclient.ErrVersion) {
		t.Errorf("got %v, want ErrVersion", err)
	}
	if err := client.EMSP().CommandResult(t.Context(), "https://example.com/1", v230.CommandResult{}); !errors.Is(err, ocpiclient.ErrVersion) {
		t.Errorf("got %v, want ErrVersion", err)
	}
}
