package backend_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	own    = ocpi.NewParty("NL", "GPE")
	began  = time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)
	sample = ocpitest.Sample{CPO: own, EMSP: own, At: began.Add(-time.Hour)}
)

// A place is an API over a real store.
type place struct {
	t       testing.TB
	url     string
	handler http.Handler
	db      *sqlite.DB
	file    string
	objects *object.Objects
	// clock is added to began.
	clock atomic.Int64
	// keys by scope.
	keys map[backend.Scope]string
}

// own are our objects of one module, as package node hands them to the API.
type ownObjects[T any] struct{ *object.Own[T] }

func (o ownObjects[T]) Save(ctx context.Context, items []backend.Item[T], allow func(i int, before, after *T) error) ([]backend.Outcome, error) {
	ours := make([]object.Item[T], len(items))
	for i, item := range items {
		ours[i] = object.Item[T]{Party: item.Party, Object: item.Object}
	}
	saved, err := o.Own.Save(ctx, ours, allow)
	outcomes := make([]backend.Outcome, len(saved))
	for i, s := range saved {
		outcomes[i] = backend.Outcome{Created: s.Created, Changed: s.Changed, Err: s.Err}
	}
	return outcomes, err
}

// known are partners that have sent something.
type known struct {
	backend.Partners
	names []string
}

func (k known) Relations(context.Context) ([]handshake.Relation, error) {
	var relations []handshake.Relation
	for _, name := range k.names {
		relations = append(relations, handshake.Relation{Name: name})
	}
	return relations, nil
}

func open(t testing.TB, change func(*backend.Config)) *place {
	t.Helper()
	file := filepath.Join(t.TempDir(), "test.db")
	db, err := sqlite.Open(t.Context(), file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	objects, err := object.New(db, []ocpi.Version{ocpi.V211})
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, db: db, file: file, objects: objects, keys: map[backend.Scope]string{}}
	config := backend.Config{
		Keys: db, Answers: db, Store: db,
		Parties: []ocpi.PartyRole{{Party: own, Role: ocpi.RoleCPO}, {Party: own, Role: ocpi.RoleEMSP}},
		Objects: backend.Objects{
			Locations: ownObjects[v230.Location]{objects.Locations}, Sessions: ownObjects[v230.Session]{objects.Sessions},
			CDRs: ownObjects[v230.CDR]{objects.CDRs}, Tariffs: ownObjects[v230.Tariff]{objects.Tariffs}, Tokens: ownObjects[v230.Token]{objects.Tokens},
			Statuses: objects,
		},
		Partners: known{names: []string{"alpha", "beta"}},
		Logger:   slog.New(slog.NewTextHandler(t.Output(), nil)),
		Now:      func() time.Time { return began.Add(time.Duration(p.clock.Load())) },
	}
	if change != nil {
		change(&config)
	}
	api, err := backend.New(config)
	if err != nil {
		t.Fatal(err)
	}
	p.handler = api
	for _, scope := range []backend.Scope{backend.ScopeRead, backend.ScopeWrite, backend.ScopeAdmin} {
		key, record, err := backend.NewKey(string(scope), scope, began, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.AddAccessKey(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		p.keys[scope] = key
	}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// A reply is what was answered.
type reply struct {
	status int
	header http.Header
	body   string
}

// call calls the API with the key for everything; headers come in pairs.
func (p *place) call(method, path, body string, headers ...string) reply {
	p.t.Helper()
	r, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.keys[backend.ScopeAdmin])
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(text)}
}

// want calls and wants a status.
func (p *place) want(status int, method, path, body string, headers ...string) reply {
	p.t.Helper()
	got := p.call(method, path, body, headers...)
	if got.status != status {
		p.t.Fatalf("%s %s: %d, want %d: %s", method, path, got.status, status, got.body)
	}
	return got
}

// pointers are the pointers of a problem, in order.
func (r reply) pointers(t testing.TB) []string {
	t.Helper()
	var p backend.Problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	if got := r.header.Get("Content-Type"); got != "application/problem+json" || p.Status != r.status || p.Title == "" || p.RequestID == "" {
		t.Errorf("no whole problem: %s, %s", got, r.body)
	}
	var pointers []string
	for _, d := range p.Problems {
		if d.Message == "" {
			t.Errorf("a problem without a message: %s", r.body)
		}
		pointers = append(pointers, d.Pointer+d.Parameter)
	}
	slices.Sort(pointers)
	return pointers
}

func text(t testing.TB, object any) string {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// with is a JSON object with a member changed; nil takes it away.
func with(t testing.TB, object string, member string, value any) string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		t.Fatal(err)
	}
	at := members
	names := strings.Split(member, ".")
	for _, name := range names[:len(names)-1] {
		if list, ok := at[name].([]any); ok {
			at = list[0].(map[string]any)
			continue
		}
		at = at[name].(map[string]any)
	}
	last := names[len(names)-1]
	if value == nil {
		delete(at, last)
	} else {
		at[last] = value
	}
	return text(t, members)
}

// received stores something as a partner's.
func (p *place) received(source string, module ocpi.ModuleID, party ocpi.Party, id string, body string) {
	p.t.Helper()
	err := p.db.Write(p.t.Context(), func(tx store.Tx) error {
		_, err := tx.Put(store.Object{Key: store.Key{Module: module, Source: source, Party: party, ID: id}, LastUpdated: began, Body: []byte(body)})
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
}
