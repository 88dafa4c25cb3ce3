package object_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// told are the events so far, each in a line.
func told(t *testing.T, db *sqlite.DB) (lines []string, data []object.Happening) {
	t.Helper()
	events, _, err := db.Events(t.Context(), store.EventFilter{}, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		var h object.Happening
		if err := json.Unmarshal(e.Data, &h); err != nil {
			t.Fatal(err)
		}
		line := e.Type + " " + e.Subject
		if e.Partner != "" {
			line += " of " + e.Partner
		}
		lines, data = append(lines, line), append(data, h)
	}
	return lines, data
}

// Each change of an object is told once, with what it was before and is after; what changes nothing is not told.
func TestWhatHappensToObjectsIsTold(t *testing.T) {
	db, o := open(t)
	put(t, o.Locations, twoEVSEs())
	put(t, o.Locations, twoEVSEs())
	key := ocpi.Key{Party: own, ID: string(twoEVSEs().ID)}
	if _, _, err := o.SetStatus(t.Context(), key, "B", v230.StatusCharging, time.Now()); err != nil {
		t.Fatal(err)
	}
	tariff := ocpitest.Network(own).Tariff(1)
	put(t, o.Tariffs, tariff)
	if err := o.Tariffs.Delete(t.Context(), ocpi.Key{Party: own, ID: string(tariff.ID)}); err != nil {
		t.Fatal(err)
	}
	theirs := object.ReceivedSessions(db)
	session := ocpitest.Sample{CPO: foreign, EMSP: own}.ActiveSession()
	for range 2 {
		if _, err := theirs.Put(t.Context(), partner, ocpi.Key{Party: foreign, ID: string(session.ID)}, session); err != nil {
			t.Fatal(err)
		}
	}
	lines, data := told(t, db)
	want := []string{
		"location.created locations/NL/GPE/" + key.ID,
		"location.changed locations/NL/GPE/" + key.ID,
		"tariff.created tariffs/NL/GPE/" + string(tariff.ID),
		"tariff.removed tariffs/NL/GPE/" + string(tariff.ID),
		"session.created sessions/DE/PTN/" + string(session.ID) + " of p",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Fatalf("(-want +got): %s", diff)
	}
	var before, after v230.Location
	if err := json.Unmarshal(data[1].Before, &before); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data[1].After, &after); err != nil {
		t.Fatal(err)
	}
	if !data[1].Partial || len(before.EVSEs) != 1 || len(after.EVSEs) != 1 || before.EVSEs[0].Status != v230.StatusAvailable || after.EVSEs[0].Status != v230.StatusCharging {
		t.Errorf("of a status: %s, then %s", data[1].Before, data[1].After)
	}
	for i, only := range map[int]string{0: "after", 2: "after", 3: "before", 4: "after"} {
		if (data[i].Before == nil) != (only == "after") || (data[i].After == nil) != (only == "before") {
			t.Errorf("%s: before %s, after %s", lines[i], data[i].Before, data[i].After)
		}
	}
}

// What a partner changes is told with the partner's name, and of a location no more than the EVSEs that are other.
func TestWhatAPartnerChangesIsTold(t *testing.T) {
	db, _ := open(t)
	r := object.ReceivedLocations(db)
	l := twoEVSEs()
	key := ocpi.Key{Party: foreign, ID: string(l.ID)}
	if _, err := r.Put(t.Context(), partner, key, l); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(*v230.Location) error{
		func(l *v230.Location) error { l.EVSEs[0].Status = v230.StatusBlocked; return nil },
		func(*v230.Location) error { return nil },
		func(l *v230.Location) error { l.City = "Elsewhere"; return nil },
	} {
		if err := r.Update(t.Context(), partner, key, change); err != nil {
			t.Fatal(err)
		}
	}
	lines, data := told(t, db)
	if len(lines) != 3 || lines[1] != "location.changed locations/DE/PTN/"+key.ID+" of p" || !data[1].Partial || data[2].Partial {
		t.Errorf("%q", lines)
	}
}
