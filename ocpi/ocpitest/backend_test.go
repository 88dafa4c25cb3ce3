package ocpitest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	errOfTest = errors.New("the test says no")
	partnerA  = &ocpi.Partner{ID: "a"}
	partnerB  = &ocpi.Partner{ID: "b"}
)

// at makes a location of a given minute.
func at(id string, minute int) v230.Location {
	return v230.Location{
		CountryCode: "NL", PartyID: "GPE", ID: ocpi.CiString(id), City: "Enschede",
		LastUpdated: ocpi.NewDateTime(time.Date(2026, 3, 4, 12, minute, 0, 0, time.UTC)),
		EVSEs:       []v230.EVSE{{UID: "E1", Status: v230.StatusAvailable}},
	}
}

func minute(m int) time.Time { return at("", m).LastUpdated.Time() }

func ids(locations []v230.Location) []string {
	var ids []string
	for _, l := range locations {
		ids = append(ids, string(l.ID))
	}
	return ids
}

func TestSenderLists(t *testing.T) {
	fill := func(s *ocpitest.Sender[v230.Location]) {
		s.Put(at("L1", 10), at("L2", 20), at("L3", 30), at("L4", 40), at("L5", 50))
	}
	cases := []struct {
		name  string
		query ocpi.Query
		ids   []string
		total int
		next  string
	}{
		{"everything in one page", ocpi.Query{Limit: 10}, []string{"L1", "L2", "L3", "L4", "L5"}, 5, ""},
		{"a page that is exactly full has no next", ocpi.Query{Limit: 5}, []string{"L1", "L2", "L3", "L4", "L5"}, 5, ""},
		{"the first of several pages", ocpi.Query{Limit: 2}, []string{"L1", "L2"}, 5, "2"},
		{"a page by offset", ocpi.Query{Limit: 2, Offset: 2}, []string{"L3", "L4"}, 5, "4"},
		{"a page by cursor, whatever the offset says", ocpi.Query{Limit: 2, Offset: 1, Cursor: "2"}, []string{"L3", "L4"}, 5, "4"},
		{"the last page by cursor", ocpi.Query{Limit: 2, Cursor: "4"}, []string{"L5"}, 5, ""},
		{"an offset beyond the end", ocpi.Query{Limit: 2, Offset: 9}, nil, 5, ""},
		{"date_from is inclusive", ocpi.Query{Limit: 9, DateFrom: minute(30)}, []string{"L3", "L4", "L5"}, 3, ""},
		{"date_to is exclusive", ocpi.Query{Limit: 9, DateTo: minute(30)}, []string{"L1", "L2"}, 2, ""},
		{"total counts the window and not the page", ocpi.Query{Limit: 1, Offset: 1, DateFrom: minute(20), DateTo: minute(50)}, []string{"L3"}, 3, "3"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var s ocpitest.Sender[v230.Location]
			fill(&s)
			page, err := s.List(t.Context(), partnerA, c.query)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.ids, ids(page.Items)); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
			if page.Total != c.total || page.Next != c.next {
				t.Errorf("total %d and next %q, want %d and %q", page.Total, page.Next, c.total, c.next)
			}
		})
	}
	t.Run("a cursor that is none of ours is refused", func(t *testing.T) {
		var s ocpitest.Sender[v230.Location]
		_, err := s.List(t.Context(), partnerA, ocpi.Query{Limit: 1, Cursor: "x"})
		if !errors.Is(err, ocpi.InvalidParameters("")) {
			t.Errorf("got %v", err)
		}
	})
}

func TestSenderKeepsTheOrderOfCreationWhileObjectsChange(t *testing.T) {
	var s ocpitest.Sender[v230.Location]
	s.Put(at("L1", 10), at("L2", 20), at("L3", 30))
	s.Put(at("L1", 59))
	if err := s.Update("L2", func(l *v230.Location) error { l.LastUpdated = at("", 58).LastUpdated; return nil }); err != nil {
		t.Fatal(err)
	}
	first, err := s.List(t.Context(), partnerA, ocpi.Query{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.Put(at("L4", 1))
	if !s.Remove("L1") || s.Remove("L1") {
		t.Error("L1 was not removed once")
	}
	rest, err := s.List(t.Context(), partnerA, ocpi.Query{Limit: 9, Offset: 1, Cursor: first.Next})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"L1", "L2", "L3", "L4"}, append(ids(first.Items), ids(rest.Items)...)); diff != "" {
		t.Errorf("two pages with changes between them (-want +got):\n%s", diff)
	}
}

func TestSenderRefusesAnUpdateThatMakesAnotherObject(t *testing.T) {
	var s ocpitest.Sender[v230.Location]
	s.Put(at("L1", 10), at("L2", 20))
	if err := s.Update("L1", func(l *v230.Location) error { l.ID = "L2"; return nil }); err == nil {
		t.Error("L1 has become L2")
	}
	if diff := cmp.Diff([]string{"L1", "L2"}, ids(s.All())); diff != "" {
		t.Errorf("locations (-want +got):\n%s", diff)
	}
}

func TestSenderTakesAnObjectThatWasRemovedForANewOne(t *testing.T) {
	var s ocpitest.Sender[v230.Location]
	s.Put(at("L1", 10), at("L2", 20))
	s.Remove("L1")
	s.Put(at("L1", 30), at("L2", 40))
	if diff := cmp.Diff([]v230.Location{at("L2", 40), at("L1", 30)}, s.All()); diff != "" {
		t.Errorf("locations (-want +got):\n%s", diff)
	}
}

func TestSenderShowsEachPartnerItsObjects(t *testing.T) {
	var s ocpitest.Sender[v230.Location]
	other := at("L2", 20)
	other.PartyID = "XYZ"
	s.Put(at("L1", 10), other, at("L3", 30))
	s.Visible = func(to *ocpi.Partner, l *v230.Location) bool {
		l.City = "changed by Visible"
		return to.ID != "b" || l.ID != "L3"
	}
	cases := []struct {
		name string
		to   *ocpi.Partner
		ids  []string
	}{
		{"a partner that all our parties deal with", partnerA, []string{"L1", "L2", "L3"}},
		{"a partner that one of our parties deals with", &ocpi.Partner{ID: "c", Serves: []ocpi.Party{gpe}}, []string{"L1", "L3"}},
		{"a partner that may not see everything", partnerB, []string{"L1", "L2"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			page, err := s.List(t.Context(), c.to, ocpi.Query{Limit: 9})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.ids, ids(page.Items)); diff != "" || page.Total != len(c.ids) {
				t.Errorf("total %d, items (-want +got):\n%s", page.Total, diff)
			}
			for _, id := range []string{"L1", "L2", "L3"} {
				l, err := s.Get(t.Context(), c.to, id)
				if visible := slices.Contains(c.ids, id); visible != (err == nil) || !visible && !errors.Is(err, ocpi.ErrNotFound) {
					t.Errorf("%s: %v", id, err)
				} else if visible && l.City != "Enschede" {
					t.Error("Visible has changed the object")
				}
			}
		})
	}
}

// A store is what a Sender and a Receiver have in common, for tests of atomic updates and of copies.
type store struct {
	put    func(v230.Location)
	get    func() v230.Location
	update func(func(*v230.Location) error) error
}

func stores(ctx context.Context) map[string]store {
	var s ocpitest.Sender[v230.Location]
	var r ocpitest.Receiver[v230.Location]
	key := ocpi.Key{Party: gpe, ID: "L1"}
	return map[string]store{
		"a Sender": {
			put:    func(l v230.Location) { s.Put(l) },
			get:    func() v230.Location { l, _ := s.Get(ctx, partnerA, "L1"); return l },
			update: func(fn func(*v230.Location) error) error { return s.Update("L1", fn) },
		},
		"a Receiver": {
			put:    func(l v230.Location) { _, _ = r.Put(ctx, partnerA, key, l) },
			get:    func() v230.Location { l, _ := r.Get(ctx, partnerA, key); return l },
			update: func(fn func(*v230.Location) error) error { return r.Update(ctx, partnerA, key, fn) },
		},
	}
}

// spoil writes to everything a location points to.
func spoil(l *v230.Location) {
	l.City = "spoiled"
	l.EVSEs[0].Status = v230.StatusRemoved
	*l.Name = "spoiled"
	l.Extra["x"][1] = '9'
	l.Extra["y"] = []byte(`"spoiled"`)
	l.EVSEs = append(l.EVSEs[:0], v230.EVSE{UID: "spoiled"})
}

func full() v230.Location {
	l := at("L1", 10)
	l.Name = new("Stationsplein")
	l.Extra = ocpi.Extra{"x": []byte(`[1]`)}
	return l
}

func TestStoredObjectsAreNobodyElses(t *testing.T) {
	for name, s := range stores(t.Context()) {
		t.Run(name, func(t *testing.T) {
			unspoiled := func(what string) {
				t.Helper()
				if diff := cmp.Diff(full(), s.get()); diff != "" {
					t.Errorf("%s changed what is stored (-want +got):\n%s", what, diff)
				}
			}
			given := full()
			s.put(given)
			spoil(&given)
			unspoiled("writing to what was put")
			got := s.get()
			spoil(&got)
			unspoiled("writing to what was got")
			if err := s.update(func(l *v230.Location) error { spoil(l); return errOfTest }); !errors.Is(err, errOfTest) {
				t.Errorf("update returned %v", err)
			}
			unspoiled("an update that failed")
			var kept *v230.Location
			if err := s.update(func(l *v230.Location) error { kept = l; return nil }); err != nil {
				t.Fatal(err)
			}
			spoil(kept)
			unspoiled("a pointer kept from an update")
			func() {
				defer func() { _ = recover() }()
				_ = s.update(func(l *v230.Location) error { spoil(l); panic("in the middle") })
			}()
			unspoiled("an update that panicked")
		})
	}
}

func TestUpdatesAreAtomic(t *testing.T) {
	for name, s := range stores(t.Context()) {
		t.Run(name, func(t *testing.T) {
			l := full()
			s.put(l)
			var group sync.WaitGroup
			for range 50 {
				group.Go(func() {
					_ = s.update(func(l *v230.Location) error {
						l.EVSEs[0].Connectors = append(l.EVSEs[0].Connectors, v230.Connector{})
						return nil
					})
				})
				group.Go(func() { _ = s.get() })
			}
			group.Wait()
			if n := len(s.get().EVSEs[0].Connectors); n != 50 {
				t.Errorf("%d of 50 updates are left", n)
			}
		})
	}
}

func TestUpdateOfWhatIsNotThereIsNotFound(t *testing.T) {
	for name, s := range stores(t.Context()) {
		t.Run(name, func(t *testing.T) {
			err := s.update(func(*v230.Location) error { t.Error("fn was called"); return nil })
			if !errors.Is(err, ocpi.ErrNotFound) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestReceiverKeepsPartnersAndPartiesApart(t *testing.T) {
	var r ocpitest.Receiver[v230.Location]
	mine, other := ocpi.Key{Party: gpe, ID: "L1"}, ocpi.Key{Party: ocpi.NewParty("NL", "XYZ"), ID: "L1"}
	steps := []struct {
		name    string
		from    *ocpi.Partner
		key     ocpi.Key
		created bool
	}{
		{"the first is new", partnerA, mine, true},
		{"the same again is not", partnerA, mine, false},
		{"another party's of the same partner is new", partnerA, other, true},
		{"another partner's is new", partnerB, mine, true},
	}
	for i, s := range steps {
		created, err := r.Put(t.Context(), s.from, s.key, at("L1", i))
		if err != nil || created != s.created {
			t.Errorf("%s: created %t, error %v", s.name, created, err)
		}
	}
	got, err := r.Get(t.Context(), partnerA, mine)
	if err != nil || !got.LastUpdated.Time().Equal(minute(1)) {
		t.Errorf("the first partner has %s, error %v", got.LastUpdated, err)
	}
	if n, m := len(r.From("a")), len(r.From("b")); n != 2 || m != 1 {
		t.Errorf("%d and %d objects, want 2 and 1", n, m)
	}
	if _, err := r.Get(t.Context(), partnerB, other); !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("another partner's object: %v", err)
	}
}

func TestReceiverFindsTokensByType(t *testing.T) {
	token := func(kind v230.TokenType) v230.Token {
		return v230.Token{CountryCode: "DE", PartyID: "TUB", UID: "T1", Type: kind, ContractID: ocpi.CiString(kind)}
	}
	cases := []struct {
		name   string
		stored []v230.TokenType
		asked  string
		found  v230.TokenType
	}{
		{"the type that was asked for", []v230.TokenType{v230.TokenTypeRFID, v230.TokenTypeOther}, "OTHER", v230.TokenTypeOther},
		{"in lower case too", []v230.TokenType{v230.TokenTypeRFID, v230.TokenTypeOther}, "other", v230.TokenTypeOther},
		{"RFID where no type was asked for", []v230.TokenType{v230.TokenTypeOther, v230.TokenTypeRFID}, "", v230.TokenTypeRFID},
		{"any other where there is no RFID", []v230.TokenType{v230.TokenTypeAppUser, v230.TokenTypeOther}, "", v230.TokenTypeAppUser},
		{"none where the type is missing", []v230.TokenType{v230.TokenTypeOther}, "RFID", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var r ocpitest.Receiver[v230.Token]
			for _, kind := range c.stored {
				if created, err := r.Put(t.Context(), partnerA, ocpi.Key{Party: tub, ID: "T1", TokenType: string(kind)}, token(kind)); !created || err != nil {
					t.Fatalf("created %t, error %v", created, err)
				}
			}
			got, err := r.Get(t.Context(), partnerA, ocpi.Key{Party: tub, ID: "T1", TokenType: c.asked})
			if got.Type != c.found || (err == nil) != (c.found != "") {
				t.Errorf("found %q, error %v", got.Type, err)
			}
		})
	}
}

func TestTariffsCanBeDeletedOnce(t *testing.T) {
	var r ocpitest.TariffReceiver
	key := ocpi.Key{Party: gpe, ID: "FREE"}
	if _, err := r.Put(t.Context(), partnerA, key, sample().FreeTariff()); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), partnerB, key); !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("another partner's tariff: %v", err)
	}
	if err := r.Delete(t.Context(), partnerA, key); err != nil {
		t.Error(err)
	}
	if err := r.Delete(t.Context(), partnerA, key); !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("the second time: %v", err)
	}
}

func TestCDRsAreNeverOverwritten(t *testing.T) {
	var r ocpitest.CDRReceiver
	first := sample().CDR(1)
	key := ocpi.Key{Party: gpe, ID: "CDR1"}
	if _, created, err := r.Create(t.Context(), partnerA, key, first); !created || err != nil {
		t.Fatalf("created %t, error %v", created, err)
	}
	second := sample().CDR(2)
	stored, created, err := r.Create(t.Context(), partnerA, ocpi.Key{Party: gpe, ID: "cdr1"}, second)
	if created || err != nil {
		t.Errorf("the same id in lower case: created %t, error %v", created, err)
	}
	compare := cmp.AllowUnexported(ocpi.Number{})
	if diff := cmp.Diff(first, stored, compare); diff != "" {
		t.Errorf("the second Create returned (-want +got):\n%s", diff)
	}
	if got, err := r.Get(t.Context(), partnerA, ocpi.Key{Party: gpe, ID: "cDr1"}); err != nil || !cmp.Equal(first, got, compare) {
		t.Errorf("stored is %v, error %v", got.ID, err)
	}
	if _, err := r.Get(t.Context(), partnerB, key); !errors.Is(err, ocpi.ErrNotFound) {
		t.Errorf("another partner's CDR: %v", err)
	}
	if n := len(r.From("a")); n != 1 {
		t.Errorf("%d CDRs, want 1", n)
	}
}

func TestCDRsAreCreatedOnceByMany(t *testing.T) {
	var r ocpitest.CDRReceiver
	var group sync.WaitGroup
	created := make(chan bool, 20)
	for range cap(created) {
		group.Go(func() {
			_, isNew, _ := r.Create(t.Context(), partnerA, ocpi.Key{Party: gpe, ID: "CDR1"}, sample().CDR(1))
			created <- isNew
		})
	}
	group.Wait()
	close(created)
	n := 0
	for isNew := range created {
		if isNew {
			n++
		}
	}
	if n != 1 {
		t.Errorf("created %d times", n)
	}
}

func TestTokenSenderAuthorizes(t *testing.T) {
	s := sample()
	here := s.LocationReferences()
	refuse := func(*ocpi.Partner, ocpiserver.AuthorizeRequest, v230.Token) (v230.AuthorizationInfo, error) {
		return v230.AuthorizationInfo{}, &ocpi.Error{Code: ocpi.StatusNotEnoughInformation}
	}
	cases := []struct {
		name    string
		token   v230.Token
		at      *v230.LocationReferences
		decide  ocpitest.Decide
		allowed v230.AllowedType
		err     error
	}{
		{"a valid token is allowed", s.Token(1), &here, nil, v230.AllowedTypeAllowed, nil},
		{"a valid token is allowed without a place", s.Token(4), nil, nil, v230.AllowedTypeAllowed, nil},
		{"a token that is not valid is blocked", s.Token(3), &here, nil, v230.AllowedTypeBlocked, nil},
		{"a token that is not ours is not found", s.Token(99), &here, nil, "", ocpi.ErrNotFound},
		{"the test decides", s.Token(1), nil, refuse, "", &ocpi.Error{Code: ocpi.StatusNotEnoughInformation}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var emsp ocpitest.EMSP
			emsp.Fill(s)
			emsp.Tokens.Decide(c.decide)
			request := ocpiserver.AuthorizeRequest{TokenUID: string(c.token.UID), TokenType: c.token.Type, At: c.at}
			info, err := emsp.Tokens.Authorize(t.Context(), partnerA, request)
			if info.Allowed != c.allowed || !errors.Is(err, c.err) {
				t.Errorf("allowed %q, error %v", info.Allowed, err)
			}
			if err == nil && info.Allowed == v230.AllowedTypeAllowed && !cmp.Equal(info.Location, c.at) {
				t.Errorf("allowed at %v, asked for %v", info.Location, c.at)
			}
			if diff := cmp.Diff([]ocpiserver.AuthorizeRequest{request}, emsp.Tokens.Asked()); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPartnersAreKnownByTheirTokens(t *testing.T) {
	var p ocpitest.Partners
	p.Add("one", *partnerA)
	p.Add("two", *partnerA)
	p.Add("three", *partnerB)
	p.Remove("two")
	for token, want := range map[string]string{"one": "a", "two": "", "three": "b", "": "", "ONE": ""} {
		partner, err := p.PartnerByToken(t.Context(), token)
		switch {
		case want == "" && !errors.Is(err, ocpi.ErrUnauthorized):
			t.Errorf("token %q: %v", token, err)
		case want != "" && (err != nil || partner.ID != want):
			t.Errorf("token %q is of %v, error %v", token, partner, err)
		}
	}
}

func TestBackendsMayBeUsedByMany(t *testing.T) {
	var cpo ocpitest.CPO
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			cpo.Locations.Put(sample().Location(i + 1))
			_, _ = cpo.Locations.List(t.Context(), partnerA, ocpi.Query{Limit: 5})
			_ = cpo.Locations.Update("LOC1", func(l *v230.Location) error { l.City = fmt.Sprint(i); return nil })
			_, _ = cpo.Commands.StopSession(t.Context(), partnerA, v230.StopSession{SessionID: "S"})
			cpo.Commands.Respond(nil)
			_ = cpo.Commands.Taken()
		})
	}
	group.Wait()
	if n, m := len(cpo.Locations.All()), len(cpo.Commands.Taken()); n != 20 || m != 20 {
		t.Errorf("%d locations and %d commands, want 20 of each", n, m)
	}
}
