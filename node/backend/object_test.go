package backend_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func location(t testing.TB) string { return text(t, sample.Location(1)) }

func pathOf(l v230.Location) string {
	return "/api/v1/locations/" + string(l.CountryCode) + "/" + string(l.PartyID) + "/" + string(l.ID)
}

func decoded[T any](t testing.TB, body string) T {
	t.Helper()
	var object T
	if err := json.Unmarshal([]byte(body), &object); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return object
}

func TestObjectsOfEveryModuleComeBackAsTheyWerePut(t *testing.T) {
	p := open(t, nil)
	cdr := sample.CDR(1)
	for name, c := range map[string]struct{ path, body string }{
		"location": {pathOf(sample.Location(1)), location(t)},
		"tariff":   {"/api/v1/tariffs/NL/GPE/" + string(sample.Tariff(1).ID), text(t, sample.Tariff(1))},
		"session":  {"/api/v1/sessions/NL/GPE/" + string(sample.Session(1).ID), text(t, sample.Session(1))},
		"CDR":      {"/api/v1/cdrs/NL/GPE/" + string(cdr.ID), text(t, cdr)},
		"token":    {"/api/v1/tokens/NL/GPE/" + string(sample.Token(1).UID), text(t, sample.Token(1))},
	} {
		t.Run(name, func(t *testing.T) {
			p.want(http.StatusNotFound, "GET", c.path, "")
			created := p.want(http.StatusCreated, "PUT", c.path, c.body)
			got := p.want(http.StatusOK, "GET", c.path, "")
			if diff := cmp.Diff(decoded[any](t, c.body), decoded[any](t, got.body)); diff != "" {
				t.Error(diff)
			}
			tag := got.header.Get("ETag")
			if tag == "" || tag != created.header.Get("ETag") {
				t.Errorf("ETag %q, was %q", tag, created.header.Get("ETag"))
			}
			again := p.want(http.StatusOK, "PUT", c.path, c.body)
			if again.header.Get("ETag") != tag {
				t.Error("the same again has another ETag")
			}
			if fresh := p.want(http.StatusNotModified, "GET", c.path, "", "If-None-Match", tag); fresh.body != "" {
				t.Error("304 has a body")
			}
		})
	}
}

func TestAnInvalidObjectIsRefusedWithEveryPointerAndNothingIsStored(t *testing.T) {
	p := open(t, nil)
	l := location(t)
	path := pathOf(sample.Location(1))
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"an unknown member":           {with(t, l, "colour", "red"), []string{"/colour"}},
		"an unknown member deep down": {with(t, l, "evses.connectors.colour", "red"), []string{"/evses/0/connectors/0/colour"}},
		"a missing required member":   {with(t, l, "address", nil), []string{"/address"}},
		"null in a required member":   {strings.Replace(l, `"publish":true`, `"publish":null`, 1), []string{"/publish"}},
		"a wrong type":                {with(t, l, "publish", "yes"), []string{"/publish"}},
		"a value no enum has":         {with(t, l, "evses.status", "SLEEPING"), []string{"/evses/0/status"}},
		"a text that is too long":     {with(t, l, "city", strings.Repeat("x", 46)), []string{"/city"}},
		"a coordinate out of bounds":  {with(t, l, "coordinates.latitude", "91.00000"), []string{"/coordinates/latitude"}},
		"a timestamp nobody can read": {with(t, l, "last_updated", "yesterday"), []string{"/last_updated"}},
		"another id than the path":    {with(t, l, "id", "OTHER"), []string{"/id"}},
		"another owner than the path": {with(t, l, "party_id", "XYZ"), []string{"/party_id"}},
		"many mistakes at once": {
			with(t, with(t, with(t, l, "colour", "red"), "address", nil), "evses.status", 5),
			[]string{"/address", "/colour", "/evses/0/status"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := p.want(http.StatusUnprocessableEntity, "PUT", path, c.body)
			if diff := cmp.Diff(c.want, got.pointers(t)); diff != "" {
				t.Error(diff, got.body)
			}
			p.want(http.StatusNotFound, "GET", path, "")
		})
	}
	for name, body := range map[string]string{
		"no JSON": `{"id":`, "nothing": "", "two documents": l + l, "the same member twice": `{"id":"a","id":"b"}`,
	} {
		t.Run(name, func(t *testing.T) {
			p.want(http.StatusBadRequest, "PUT", path, body).pointers(t)
		})
	}
	got := p.want(http.StatusUnprocessableEntity, "PUT", "/api/v1/locations/DE/XYZ/"+string(sample.Location(1).ID), l)
	if !strings.Contains(got.body, "no party of this node") {
		t.Error(got.body)
	}
	if total := p.want(http.StatusOK, "GET", "/api/v1/locations", ""); !strings.Contains(total.body, `"total":0`) {
		t.Error("something was stored:", total.body)
	}
}

func TestLastUpdatedThatIsLeftOutIsTheTimeOfTheChange(t *testing.T) {
	p := open(t, nil)
	path := pathOf(sample.Location(1))
	bare := with(t, with(t, with(t, location(t), "last_updated", nil), "evses.last_updated", nil), "evses.connectors.last_updated", nil)
	first := decoded[v230.Location](t, p.want(http.StatusCreated, "PUT", path, bare).body)
	if at := ocpi.NewDateTime(began); !first.LastUpdated.Equal(at) || !first.EVSEs[0].LastUpdated.Equal(at) || !first.EVSEs[0].Connectors[0].LastUpdated.Equal(at) {
		t.Errorf("location %s, EVSE %s, connector %s", first.LastUpdated, first.EVSEs[0].LastUpdated, first.EVSEs[0].Connectors[0].LastUpdated)
	}
	p.clock.Store(int64(time.Hour))
	same := decoded[v230.Location](t, p.want(http.StatusOK, "PUT", path, bare).body)
	if diff := cmp.Diff(text(t, first), text(t, same)); diff != "" {
		t.Error("the same again changes something: ", diff)
	}
	changed := decoded[v230.Location](t, p.want(http.StatusOK, "PUT", path, with(t, bare, "evses.floor_level", "9")).body)
	if hour := ocpi.NewDateTime(began.Add(time.Hour)); !changed.LastUpdated.Equal(hour) || !changed.EVSEs[0].LastUpdated.Equal(hour) ||
		!changed.EVSEs[0].Connectors[0].LastUpdated.Equal(ocpi.NewDateTime(began)) {
		t.Errorf("location %s, EVSE %s, connector %s", changed.LastUpdated, changed.EVSEs[0].LastUpdated, changed.EVSEs[0].Connectors[0].LastUpdated)
	}
}

func TestAPatchChangesWhatItNamesAndIsRefusedWhole(t *testing.T) {
	p := open(t, nil)
	path := pathOf(sample.Location(1))
	p.want(http.StatusCreated, "PUT", path, location(t))
	p.clock.Store(int64(time.Hour))
	got := decoded[v230.Location](t, p.want(http.StatusOK, "PATCH", path, `{"name":"New","directions":null,"coordinates":{"latitude":"52.00001"}}`).body)
	before := sample.Location(1)
	if *got.Name != "New" || got.Directions != nil || got.Coordinates.Latitude != "52.00001" || got.Coordinates.Longitude != before.Coordinates.Longitude {
		t.Errorf("%s", text(t, got))
	}
	if !got.LastUpdated.Equal(ocpi.NewDateTime(began.Add(time.Hour))) || len(got.EVSEs) != len(before.EVSEs) {
		t.Errorf("last_updated is %s", got.LastUpdated)
	}
	for name, c := range map[string]struct {
		patch string
		want  []string
	}{
		"an unknown member":     {`{"colour":"red","name":"x"}`, []string{"/colour"}},
		"null that cannot be":   {`{"address":null}`, []string{"/address"}},
		"another id":            {`{"id":"X"}`, []string{"/id"}},
		"a wrong type":          {`{"publish":"no","city":7}`, []string{"/city", "/publish"}},
		"a list and no object":  {`[1]`, []string{""}},
		"an unknown nested one": {`{"coordinates":{"height":"3"}}`, []string{"/coordinates/height"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, p.want(http.StatusUnprocessableEntity, "PATCH", path, c.patch).pointers(t)); diff != "" {
				t.Error(diff)
			}
			if now := decoded[v230.Location](t, p.call("GET", path, "").body); text(t, now) != text(t, got) {
				t.Error("something was changed")
			}
		})
	}
	p.want(http.StatusNotFound, "PATCH", path+"X", `{"name":"x"}`)
	p.want(http.StatusBadRequest, "PATCH", path, `{"name":`)
}

func TestWhatWasWrongBeforeDoesNotKeepAPatchFromBeingDone(t *testing.T) {
	p := open(t, nil)
	l := sample.Location(1)
	l.City = strings.Repeat("x", 60)
	l.Extra = ocpi.Extra{"colour": []byte(`"red"`)}
	if _, err := p.objects.Locations.Put(t.Context(), object.Item[v230.Location]{Party: own, Object: l}); err != nil {
		t.Fatal(err)
	}
	got := p.want(http.StatusOK, "PATCH", pathOf(l), `{"name":"New"}`)
	if !strings.Contains(got.body, `"colour":"red"`) {
		t.Error("what was there is gone:", got.body)
	}
	p.want(http.StatusUnprocessableEntity, "PATCH", pathOf(l), `{"city":"`+strings.Repeat("x", 61)+`"}`)
}

func TestChangesAreMadeOnlyInTheStateThatIsExpected(t *testing.T) {
	p := open(t, nil)
	path := pathOf(sample.Location(1))
	evse := path + "/evses/" + string(sample.Location(1).EVSEs[0].UID)
	p.want(http.StatusPreconditionFailed, "PUT", path, location(t), "If-Match", "*")
	tag := p.want(http.StatusCreated, "PUT", path, location(t), "If-None-Match", "*").header.Get("ETag")
	p.want(http.StatusPreconditionFailed, "PUT", path, location(t), "If-None-Match", "*")
	evseTag := p.want(http.StatusOK, "GET", evse, "").header.Get("ETag")
	next := p.want(http.StatusOK, "PATCH", path, `{"name":"A"}`, "If-Match", tag).header.Get("ETag")
	if next == tag {
		t.Error("another state has the same ETag")
	}
	for _, c := range []struct{ method, path, body, stale string }{
		{"PUT", path, location(t), tag}, {"PATCH", path, `{"name":"B"}`, tag}, {"DELETE", path, "", tag}, {"DELETE", path + "?purge=true", "", tag},
		{"PATCH", evse, `{"floor_level":"1"}`, tag}, {"DELETE", evse, "", tag},
	} {
		got := p.want(http.StatusPreconditionFailed, c.method, c.path, c.body, "If-Match", c.stale)
		got.pointers(t)
	}
	if now := p.call("GET", path, "").header.Get("ETag"); now != next {
		t.Error("something was changed")
	}
	p.want(http.StatusOK, "PATCH", evse, `{"floor_level":"1"}`, "If-Match", `"x", `+evseTag)
	p.want(http.StatusOK, "DELETE", path, "", "If-Match", "*")
}

func TestEVSEsAndConnectorsAreChangedInTheirLocation(t *testing.T) {
	p := open(t, nil)
	l := sample.Location(1)
	path := pathOf(l)
	p.want(http.StatusCreated, "PUT", path, location(t))
	p.clock.Store(int64(time.Hour))
	hour := ocpi.NewDateTime(began.Add(time.Hour))
	connector := with(t, text(t, l.EVSEs[0].Connectors[0]), "last_updated", nil)
	evse := with(t, with(t, with(t, text(t, l.EVSEs[0]), "uid", "NEW"), "last_updated", nil), "evse_id", nil)
	p.want(http.StatusNotFound, "GET", path+"/evses/NEW", "")
	p.want(http.StatusCreated, "PUT", path+"/evses/NEW", evse)
	p.want(http.StatusOK, "PUT", path+"/evses/NEW", evse)
	p.want(http.StatusCreated, "PUT", path+"/evses/NEW/connectors/77", with(t, connector, "id", "77"))
	p.want(http.StatusOK, "PATCH", path+"/evses/NEW/connectors/77", `{"max_amperage":63}`)
	p.want(http.StatusOK, "PATCH", path+"/evses/NEW", `{"status":"CHARGING"}`)
	now := decoded[v230.Location](t, p.want(http.StatusOK, "GET", path, "").body)
	added := now.EVSEs[len(now.EVSEs)-1]
	if added.UID != "NEW" || added.Status != v230.StatusCharging || !added.LastUpdated.Equal(hour) || !now.LastUpdated.Equal(hour) {
		t.Errorf("%s", text(t, added))
	}
	if c := added.Connectors[len(added.Connectors)-1]; c.ID != "77" || c.MaxAmperage != 63 || !c.LastUpdated.Equal(hour) {
		t.Errorf("%s", text(t, c))
	}
	p.want(http.StatusNoContent, "DELETE", path+"/evses/NEW/connectors/77", "")
	p.want(http.StatusNotFound, "GET", path+"/evses/NEW/connectors/77", "")
	removed := decoded[v230.EVSE](t, p.want(http.StatusOK, "DELETE", path+"/evses/NEW", "").body)
	if removed.Status != v230.StatusRemoved {
		t.Error("a deleted EVSE is", removed.Status)
	}
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		want               []string
	}{
		"an EVSE with a mistake":          {"PUT", "/evses/NEW", with(t, evse, "colour", "red"), 422, []string{"/colour"}},
		"an EVSE with another uid":        {"PUT", "/evses/OTHER", evse, 422, []string{"/uid"}},
		"a patch to an unknown EVSE":      {"PATCH", "/evses/OTHER", `{"status":"CHARGING"}`, 404, nil},
		"a connector of an unknown EVSE":  {"PUT", "/evses/OTHER/connectors/1", with(t, connector, "id", "1"), 404, nil},
		"a connector with a mistake":      {"PUT", "/evses/NEW/connectors/1", with(t, with(t, connector, "id", "1"), "max_voltage", "high"), 422, []string{"/max_voltage"}},
		"a part of an unknown location":   {"PUT", "X/evses/NEW", evse, 404, nil},
		"an EVSE that loses its last one": {"PATCH", "/evses/NEW", `{"connectors":[]}`, 422, []string{"/connectors"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := p.want(c.status, c.method, path+c.path, c.body)
			if diff := cmp.Diff(c.want, got.pointers(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDeletingDoesWhatOCPIHasForIt(t *testing.T) {
	p := open(t, nil)
	put := func(path, body string) string {
		p.want(http.StatusCreated, "PUT", path, body)
		return path
	}
	l := put(pathOf(sample.Location(1)), location(t))
	for _, evse := range decoded[v230.Location](t, p.want(http.StatusOK, "DELETE", l, "").body).EVSEs {
		if evse.Status != v230.StatusRemoved {
			t.Errorf("EVSE %s is %s", evse.UID, evse.Status)
		}
	}
	p.want(http.StatusNoContent, "DELETE", l+"?purge=true", "")
	p.want(http.StatusNotFound, "GET", l, "")
	token := put("/api/v1/tokens/NL/GPE/"+string(sample.Token(1).UID), text(t, sample.Token(1)))
	if decoded[v230.Token](t, p.want(http.StatusOK, "DELETE", token, "").body).Valid {
		t.Error("a deleted token is valid")
	}
	session := put("/api/v1/sessions/NL/GPE/"+string(sample.ActiveSession().ID), text(t, sample.ActiveSession()))
	if s := decoded[v230.Session](t, p.want(http.StatusOK, "DELETE", session, "").body); s.Status != v230.SessionStatusInvalid {
		t.Error("a deleted session is", s.Status)
	}
	tariff := put("/api/v1/tariffs/NL/GPE/"+string(sample.Tariff(1).ID), text(t, sample.Tariff(1)))
	p.want(http.StatusNoContent, "DELETE", tariff, "")
	p.want(http.StatusNotFound, "GET", tariff, "")
	p.want(http.StatusNotFound, "DELETE", tariff, "")
	cdr := put("/api/v1/cdrs/NL/GPE/"+string(sample.CDR(1).ID), text(t, sample.CDR(1)))
	if got := p.want(http.StatusMethodNotAllowed, "DELETE", cdr, ""); !strings.Contains(got.header.Get("Allow"), "PUT") {
		t.Error("Allow is", got.header.Get("Allow"))
	}
}

func TestACDRIsNeverChanged(t *testing.T) {
	p := open(t, nil)
	path, body := "/api/v1/cdrs/NL/GPE/"+string(sample.CDR(1).ID), text(t, sample.CDR(1))
	p.want(http.StatusCreated, "PUT", path, body)
	p.want(http.StatusOK, "PUT", path, body)
	p.want(http.StatusConflict, "PUT", path, with(t, body, "remark", "other")).pointers(t)
	if got := p.call("GET", path, ""); strings.Contains(got.body, `"other"`) {
		t.Error("it was changed")
	}
	p.want(http.StatusMethodNotAllowed, "PATCH", path, `{"remark":"other"}`)
}

func TestTokensAreToldApartByTheirType(t *testing.T) {
	p := open(t, nil)
	card := sample.Token(1)
	card.Type = v230.TokenTypeRFID
	app := card
	app.Type, app.ContractID = v230.TokenTypeAppUser, "NLGPE000APP"
	path := "/api/v1/tokens/NL/GPE/" + string(card.UID)
	p.want(http.StatusCreated, "PUT", path, text(t, app))
	p.want(http.StatusCreated, "PUT", path, text(t, card))
	if got := decoded[v230.Token](t, p.want(http.StatusOK, "GET", path, "").body); got.Type != v230.TokenTypeRFID {
		t.Error("without a type it is", got.Type)
	}
	if got := decoded[v230.Token](t, p.want(http.StatusOK, "GET", path+"?type=APP_USER", "").body); got.ContractID != "NLGPE000APP" {
		t.Error("the app's token is", got.ContractID)
	}
	if got := p.want(http.StatusUnprocessableEntity, "GET", path+"?type=FOB", "").pointers(t); !cmp.Equal(got, []string{"query.type"}) {
		t.Error(got)
	}
	p.want(http.StatusNotFound, "PATCH", path+"?type=OTHER", `{"valid":false}`)
	got := decoded[v230.Token](t, p.want(http.StatusOK, "PATCH", path+"?type=APP_USER", `{"valid":false}`).body)
	if got.Valid || got.Type != v230.TokenTypeAppUser {
		t.Errorf("%+v", got)
	}
}

// What only 2.1.1 can say is kept through a PUT of what was read, though it is not shown.
func TestWhatOnlyAnOlderVersionCanSayIsKept(t *testing.T) {
	p := open(t, nil)
	l := sample.Location(1)
	l.Extra = ocpi.Extra{"ocpi_2_1_1": []byte(`{"type":"ON_STREET"}`)}
	if _, err := p.objects.Locations.Put(t.Context(), object.Item[v230.Location]{Party: own, Object: l}); err != nil {
		t.Fatal(err)
	}
	read := p.want(http.StatusOK, "GET", pathOf(l), "")
	if strings.Contains(read.body, "ocpi_2_1_1") {
		t.Error("it is shown")
	}
	key := store.Key{Module: ocpi.ModuleLocations, Party: own, ID: string(l.ID)}
	before, err := p.db.Object(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	p.want(http.StatusOK, "PUT", pathOf(l), read.body)
	after, err := p.db.Object(t.Context(), key)
	if err != nil || after.Change != before.Change {
		t.Errorf("the same again is a change: %v", err)
	}
	p.want(http.StatusOK, "PUT", pathOf(l), with(t, read.body, "name", "New"))
	if after, err = p.db.Object(t.Context(), key); err != nil || !strings.Contains(string(after.Body), "ocpi_2_1_1") {
		t.Errorf("it is gone: %s, %v", after.Body, err)
	}
}

func TestAStatusIsToldInOneLine(t *testing.T) {
	p := open(t, nil)
	l := sample.Location(1)
	evse := l.EVSEs[0]
	p.want(http.StatusCreated, "PUT", pathOf(l), location(t))
	path := "/api/v1/evses/" + string(evse.UID) + "/status"
	status := v230.StatusCharging
	if evse.Status == status {
		status = v230.StatusAvailable
	}
	got := decoded[backend.StatusChange](t, p.want(http.StatusOK, "POST", path, `{"status":"`+string(status)+`"}`).body)
	if !got.Changed || got.Location != "NL/GPE/"+string(l.ID) || !got.LastUpdated.Equal(began) {
		t.Errorf("%+v", got)
	}
	now := decoded[v230.Location](t, p.call("GET", pathOf(l), "").body)
	if now.EVSEs[0].Status != status || !now.LastUpdated.Equal(ocpi.NewDateTime(began)) {
		t.Errorf("%s at %s", now.EVSEs[0].Status, now.LastUpdated)
	}
	if again := decoded[backend.StatusChange](t, p.want(http.StatusOK, "POST", path, `{"status":"`+string(status)+`"}`).body); again.Changed {
		t.Error("the same again is a change")
	}
	for name, c := range map[string]struct {
		path, body string
		status     int
		want       []string
	}{
		"an unknown EVSE":             {"/api/v1/evses/NONE/status", `{"status":"CHARGING"}`, 404, nil},
		"a status there is not":       {path, `{"status":"SLEEPING"}`, 422, []string{"/status"}},
		"no status":                   {path, `{}`, 422, []string{""}},
		"an unknown member":           {path, `{"status":"CHARGING","colour":"red"}`, 422, []string{"/colour"}},
		"a wrong type and a bad time": {path, `{"status":5,"at":"yesterday"}`, 422, []string{"/at", "/status"}},
		"a location that is none":     {path, `{"status":"CHARGING","location":"X"}`, 422, []string{"/location"}},
		"another location":            {path, `{"status":"CHARGING","location":"NL/GPE/X"}`, 404, nil},
		"no JSON":                     {path, `{`, 400, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, p.want(c.status, "POST", c.path, c.body).pointers(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("in two locations it must be said in which", func(t *testing.T) {
		other := l
		other.ID = "OTHER"
		p.want(http.StatusCreated, "PUT", pathOf(other), text(t, other))
		if got := p.want(http.StatusConflict, "POST", path, `{"status":"BLOCKED"}`); !strings.Contains(got.body, "NL/GPE/OTHER") {
			t.Error(got.body)
		}
		p.want(http.StatusOK, "POST", path, `{"status":"BLOCKED","location":"NL/GPE/OTHER"}`)
		p.want(http.StatusOK, "DELETE", pathOf(other)+"/evses/"+string(evse.UID), "")
		got := decoded[backend.StatusChange](t, p.want(http.StatusOK, "POST", path, `{"status":"BLOCKED"}`).body)
		if got.Location != "NL/GPE/"+string(l.ID) {
			t.Error("where it was removed counts:", got.Location)
		}
	})
}
