package push

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// An archive is an eMSP that has its CDRs at places of its own choice.
type archive struct {
	mu    sync.Mutex
	cdrs  map[string]string // path -> CDR
	posts int
	// broken lets connections break after a POST was taken.
	broken bool
}

func (a *archive) breaks(broken bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.broken = broken
}

func (a *archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Method != http.MethodPost {
		cdr, ok := a.cdrs[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"data":%s,"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`, cdr)
		return
	}
	body, _ := io.ReadAll(r.Body)
	var cdr struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(body, &cdr)
	path := "/archive/2026/" + cdr.ID
	a.posts++
	a.cdrs[path] = string(body)
	if a.broken {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Location", "http://"+r.Host+path)
	w.WriteHeader(http.StatusCreated)
	fmt.Fprint(w, `{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`)
}

// A forgetful is a Store that remembers no delivery.
type forgetful struct{ Store }

func (forgetful) Delivery(context.Context, string, store.Key) (store.Delivery, error) {
	return store.Delivery{}, store.ErrNotFound
}
func (forgetful) KeepDelivery(context.Context, store.Delivery) error { return nil }

// Requirements CDR-05 and CDR-08: the answer is lost, and the partner has its CDRs where only the Location of another one
// leads to.
func TestACDRIsLookedForWhereOthersAre(t *testing.T) {
	partner := &archive{cdrs: map[string]string{}}
	server := httptest.NewServer(partner)
	defer server.Close()
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true})
	defer transport.Close()
	client, err := ocpiclient.New(ocpiclient.Config{
		Partner: &ocpi.Partner{Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: ocpi.NewParty("DE", "GWH")}}},
		Version: ocpi.V211, Token: "token", Transport: transport,
		Endpoints: []ocpi.Endpoint{{Module: ocpi.ModuleCDRs, URL: server.URL + "/cdrs"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	party := ocpi.NewParty("NL", "GPE")
	l := newLane(Config{Store: forgetful{}, Now: time.Now}.withDefaults(), nil, nil, Partner{Name: "archive"}, ocpi.ModuleCDRs)
	post := func(n int, m memory) memory {
		t.Helper()
		cdr := ocpitest.Network(party).CDR(n)
		body, err := json.Marshal(cdr)
		if err != nil {
			t.Fatal(err)
		}
		object := store.Object{Key: store.Key{Module: ocpi.ModuleCDRs, Party: party, ID: string(cdr.ID)}, Body: body, Change: int64(n)}
		if m.Posting {
			d, err := m.delivery("archive", object.Key, 0)
			if err != nil {
				t.Fatal(err)
			}
			l.held[object.Key] = &d
		}
		l.client = client
		l.send(t.Context(), queued{store.Change{Object: object}, 0})
		r := <-l.results
		l.take(r)
		return r.memory
	}
	post(1, memory{})
	if !strings.HasPrefix(l.state.Placed.Location, server.URL+"/archive/2026/") {
		t.Fatalf("the Location is not remembered: %+v", l.state.Placed)
	}
	partner.breaks(true)
	lost := post(2, memory{})
	if !lost.Posting {
		t.Fatalf("the lost answer is taken for certain: %+v", lost)
	}
	partner.breaks(false)
	found := post(2, lost)
	if found.Posting || !strings.Contains(found.Location, "/archive/2026/") || partner.posts != 2 {
		t.Errorf("after the lost answer: %+v and %d posts of two CDRs", found, partner.posts)
	}
}
