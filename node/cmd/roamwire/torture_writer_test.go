package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/exchange/sqlitelog"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A writer changes objects of a CPO and of an eMSP. What it has written is in their data: a write that is not acknowledged
// fails the test.
type writer struct {
	cpo, emsp *node.Data
	sample    ocpitest.Sample
	// at is the time of the latest change, which moves forward by a second each time.
	at       time.Time
	mu       sync.Mutex
	changes  int
	sessions []string
	cdrs     []string
	// gone are the tariffs that were deleted.
	gone map[string]bool
}

func newWriter(t *testing.T, cpo, emsp *node.Data) *writer {
	t.Helper()
	w := &writer{
		cpo: cpo, emsp: emsp, at: time.Now().Add(-48 * time.Hour), gone: map[string]bool{},
		sample: ocpitest.Sample{CPO: ocpi.NewParty("NL", "GPE"), EMSP: ocpi.NewParty("DE", "GWH"), At: time.Now().Add(-72 * time.Hour)},
	}
	putAll(t, cpo.Objects.Locations, w.sample.CPO, w.sample.Locations())
	putAll(t, cpo.Objects.Tariffs, w.sample.CPO, w.sample.Tariffs())
	putAll(t, emsp.Objects.Tokens, w.sample.EMSP, w.sample.Tokens())
	return w
}

func putAll[T any](t *testing.T, own *object.Own[T], party ocpi.Party, objects []T) {
	t.Helper()
	var items []object.Item[T]
	for _, o := range objects {
		items = append(items, object.Item[T]{Party: party, Object: o})
	}
	if _, err := own.Put(t.Context(), items...); err != nil {
		t.Fatal(err)
	}
}

func (w *writer) run(t *testing.T, stop <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
		if err := w.change(context.Background(), n); err != nil {
			t.Errorf("a write failed: %v", err)
			return
		}
		w.mu.Lock()
		w.changes++
		w.mu.Unlock()
	}
}

// sessionLength is how many changes there are between the beginnings of two sessions.
const sessionLength = 100

func (w *writer) change(ctx context.Context, n int) error {
	w.at = w.at.Add(time.Second)
	now := ocpi.NewDateTime(w.at).Truncate()
	switch n % 20 {
	case 7:
		return w.cdr(ctx, n)
	case 3, 8, 13, 18:
		return w.session(ctx, n, now)
	case 4:
		return w.tariff(ctx, now)
	case 9, 14:
		return w.token(ctx, now)
	}
	l := w.sample.Location(1 + rand.N(len(w.sample.Locations())))
	key := ocpi.Key{Party: w.sample.CPO, ID: string(l.ID)}
	evse := rand.N(max(1, len(l.EVSEs)))
	if len(l.EVSEs) > 0 && n%20 != 2 && n%20 != 12 {
		status := []v230.Status{v230.StatusAvailable, v230.StatusCharging, v230.StatusBlocked, v230.StatusOutOfOrder}[rand.N(4)]
		_, _, err := w.cpo.Objects.SetStatus(ctx, key, string(l.EVSEs[evse].UID), status, w.at)
		return err
	}
	return w.cpo.Objects.Locations.Update(ctx, key, func(l *v230.Location) error {
		l.LastUpdated = now
		switch {
		case len(l.EVSEs) == 0 || n%3 == 0:
			l.City = fmt.Sprint("City ", n)
		case n%3 == 1:
			l.EVSEs[evse].FloorLevel, l.EVSEs[evse].LastUpdated = new(fmt.Sprint(n%100)), now
		default:
			l.EVSEs[evse].Connectors[0].MaxVoltage, l.EVSEs[evse].Connectors[0].LastUpdated, l.EVSEs[evse].LastUpdated = 100+n%300, now, now
		}
		return nil
	})
}

func (w *writer) cdr(ctx context.Context, n int) error {
	cdr := w.sample.CDR(1)
	cdr.ID = ocpi.CiString(fmt.Sprintf("CDR-%d", n))
	_, err := w.cpo.Objects.CDRs.Put(ctx, object.Item[v230.CDR]{Party: w.sample.CPO, Object: cdr})
	w.cdrs = append(w.cdrs, string(cdr.ID))
	return err
}

// session lets a session begin, go on or end.
func (w *writer) session(ctx context.Context, n int, now ocpi.DateTime) error {
	id := fmt.Sprintf("SES-%d", n/sessionLength)
	if len(w.sessions) == 0 || w.sessions[len(w.sessions)-1] != id {
		s := w.sample.ActiveSession()
		s.ID, s.Status, s.LastUpdated = ocpi.CiString(id), v230.SessionStatusPending, now
		w.sessions = append(w.sessions, id)
		_, err := w.cpo.Objects.Sessions.Put(ctx, object.Item[v230.Session]{Party: w.sample.CPO, Object: s})
		return err
	}
	return w.cpo.Objects.Sessions.Update(ctx, ocpi.Key{Party: w.sample.CPO, ID: id}, func(s *v230.Session) error {
		s.KWh, s.LastUpdated, s.Status = ocpi.NumberOf(int64(n)), now, v230.SessionStatusActive
		if n%sessionLength > sessionLength*9/10 {
			s.Status, s.EndDateTime = v230.SessionStatusCompleted, &now
		}
		return nil
	})
}

// tariff deletes a tariff or, where it is gone, creates it anew.
func (w *writer) tariff(ctx context.Context, now ocpi.DateTime) error {
	t := w.sample.Tariff(1 + rand.N(3))
	if id := string(t.ID); !w.gone[id] && rand.N(2) == 0 {
		w.gone[id] = true
		return w.cpo.Objects.Tariffs.Delete(ctx, ocpi.Key{Party: w.sample.CPO, ID: id})
	}
	delete(w.gone, string(t.ID))
	t.LastUpdated = now
	_, err := w.cpo.Objects.Tariffs.Put(ctx, object.Item[v230.Tariff]{Party: w.sample.CPO, Object: t})
	return err
}

func (w *writer) token(ctx context.Context, now ocpi.DateTime) error {
	t := w.sample.Tokens()[0]
	key := ocpi.Key{Party: w.sample.EMSP, ID: string(t.UID), TokenType: string(t.Type)}
	return w.emsp.Objects.Tokens.Update(ctx, key, func(t *v230.Token) error {
		t.Valid, t.LastUpdated = rand.N(2) == 0, now
		return nil
	})
}

func (w *writer) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changes
}

func (w *writer) summary() string {
	return fmt.Sprintf("%d sessions, %d CDRs", len(w.sessions), len(w.cdrs))
}

// settled waits until no lane has anything before it.
func (w *writer) settled(t *testing.T) {
	t.Helper()
	var lanes []node.Status
	for range 1200 {
		lanes = nil
		busy := false
		for _, side := range []*node.Data{w.cpo, w.emsp} {
			all, err := side.Status(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			lanes = append(lanes, all...)
			for _, lane := range all[0].Push {
				if len(lane.Parked) > 0 {
					t.Fatalf("parked: %+v", lane.Parked)
				}
				busy = busy || lane.Backlog > 0 || len(lane.Held) > 0
			}
		}
		if !busy {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("stuck: %+v", lanes)
}

// compare asks each side for what it has of the other, and compares all of it.
func (w *writer) compare(t *testing.T) {
	t.Helper()
	emsp := clientOf(t, w.cpo, "emsp")
	toEMSP, toCPO := emsp.EMSP(), clientOf(t, w.emsp, "cpo").CPO()
	sent, ok := wire.For(emsp.Version())
	if !ok {
		t.Fatalf("they speak %q", emsp.Version())
	}
	locations := map[string]v230.Location{}
	for _, l := range everyOwn(t, w.cpo.Objects.Locations, w.sample.CPO) {
		locations[string(l.ID)] = l
	}
	env := convert.Env{Owner: w.sample.CPO, Location: func(id string) (v230.Location, bool) { l, ok := locations[id]; return l, ok }}
	for id, l := range locations {
		got, err := toEMSP.Locations.Get(t.Context(), ocpi.Key{Party: w.sample.CPO, ID: id})
		equalAs(t, "location "+id, l, got, err, env, sent.Locations)
	}
	for _, s := range everyOwn(t, w.cpo.Objects.Sessions, w.sample.CPO) {
		got, err := toEMSP.Sessions.Get(t.Context(), ocpi.Key{Party: w.sample.CPO, ID: string(s.ID)})
		equalAs(t, "session "+string(s.ID), s, got, err, env, sent.Sessions)
	}
	for _, c := range everyOwn(t, w.cpo.Objects.CDRs, w.sample.CPO) {
		got, _, err := toEMSP.CDRs.Find(t.Context(), ocpi.Key{Party: w.sample.CPO, ID: string(c.ID)})
		equalAs(t, "CDR "+string(c.ID), c, got, err, env, sent.CDRs)
	}
	for _, tariff := range everyOwn(t, w.cpo.Objects.Tariffs, w.sample.CPO) {
		got, err := toEMSP.Tariffs.Get(t.Context(), ocpi.Key{Party: w.sample.CPO, ID: string(tariff.ID)})
		equalAs(t, "tariff "+string(tariff.ID), tariff, got, err, env, sent.Tariffs)
	}
	for id := range w.gone {
		if _, err := toEMSP.Tariffs.Get(t.Context(), ocpi.Key{Party: w.sample.CPO, ID: id}); !errors.Is(err, ocpi.ErrNotFound) {
			t.Errorf("tariff %s was deleted and is there: %v", id, err)
		}
	}
	env = convert.Env{Owner: w.sample.EMSP}
	for _, token := range everyOwn(t, w.emsp.Objects.Tokens, w.sample.EMSP) {
		got, err := toCPO.Tokens.Get(t.Context(), ocpi.Key{Party: w.sample.EMSP, ID: string(token.UID), TokenType: string(token.Type)})
		equalAs(t, "token "+string(token.UID), token, got, err, env, sent.Tokens)
	}
}

func clientOf(t *testing.T, data *node.Data, partner string) *ocpiclient.Client {
	t.Helper()
	h, err := data.Registration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client, err := h.Client(t.Context(), partner)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func everyOwn[T any](t *testing.T, own *object.Own[T], party ocpi.Party) (all []T) {
	t.Helper()
	for q := (ocpi.Query{Limit: 100}); ; {
		page, err := own.All(t.Context(), []ocpi.Party{party}, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			all = append(all, item.Object)
		}
		if page.Next == "" {
			return all
		}
		q.Cursor = page.Next
	}
}

// equalAs compares what was written with what is there in the terms of the version in which it was sent.
func equalAs[T any](t *testing.T, what string, want, got T, err error, env convert.Env, sent wire.Codec[T]) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	texts := [2]string{}
	for i, object := range []T{want, got} {
		raw, _, err := sent.Write(object, env)
		if err != nil {
			t.Fatal(err)
		}
		text := jsontext.Value(convert.StripLeftovers(raw))
		if err := text.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	if diff := cmp.Diff(texts[0], texts[1]); diff != "" {
		t.Errorf("%s (-written +there): %s", what, diff)
	}
}

// countPosts reads the eMSP's record of messages, which may lack the last moments before a kill: no CDR was taken twice.
func (w *writer) countPosts(t *testing.T, data string) {
	t.Helper()
	log, err := sqlitelog.OpenReader(t.Context(), node.ExchangeFile(data))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	records, err := log.List(t.Context(), exchange.Filter{Module: ocpi.ModuleCDRs})
	if err != nil {
		t.Fatal(err)
	}
	posts := map[string]int{}
	for _, r := range records {
		if r.Direction == ocpi.Inbound && r.Method == http.MethodPost && r.Status == ocpi.StatusSuccess {
			posts[r.Object]++
		}
	}
	if len(posts) == 0 {
		t.Error("no CDR was recorded")
	}
	for id, n := range posts {
		if n > 1 {
			t.Errorf("CDR %s was taken %d times", id, n)
		}
	}
}
