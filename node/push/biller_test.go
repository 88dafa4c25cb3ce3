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

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// biller is an eMSP that bills every POST.
type biller struct {
	mu     sync.Mutex
	posts  map[string]int
	gets   int
	at     map[string]string // path -> CDR
	answer func(id string) (status int, hang time.Duration, broken bool, where string)
	// get answers questions; nil shows what is there.
	get http.HandlerFunc
}

func (b *biller) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodGet {
		b.mu.Lock()
		b.gets++
		get := b.get
		cdr, ok := b.at[req.URL.Path]
		b.mu.Unlock()
		if get != nil {
			get(w, req)
			return
		}
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"data":%s,"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`, cdr)
		return
	}
	body, _ := io.ReadAll(req.Body)
	var cdr struct{ ID string }
	_ = json.Unmarshal(body, &cdr)
	id := struct {
		ID string `json:"id"`
	}{}
	_ = json.Unmarshal(body, &id)
	b.mu.Lock()
	answer := b.answer
	b.mu.Unlock()
	status, hang, broken, where := answer(id.ID)
	if status == http.StatusCreated {
		b.mu.Lock()
		b.posts[id.ID]++
		if where == "" {
			where = "/cdrs/" + id.ID
		}
		b.at[where] = string(body)
		b.mu.Unlock()
	}
	time.Sleep(hang)
	if broken {
		panic(http.ErrAbortHandler)
	}
	if where != "nowhere" {
		w.Header().Set("Location", "http://"+req.Host+where)
	}
	w.WriteHeader(status)
	fmt.Fprint(w, `{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`)
}

func (b *biller) set(answer func(id string) (int, time.Duration, bool, string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

func (b *biller) count(id string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.posts[id]
}

func cdrRig(t *testing.T, policy Policy) (*rig, *biller) {
	return cdrRigOf(t, policy, ocpi.Party{})
}

// cdrRigOf is one where a party of ours deals with the partner.
func cdrRigOf(t *testing.T, policy Policy, own ocpi.Party) (*rig, *biller) {
	r := newRig(t, policy)
	b := &biller{posts: map[string]int{}, at: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { b.ServeHTTP(w, req) }))
	t.Cleanup(server.Close)
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true})
	r.partner.Modules = []ocpi.ModuleID{ocpi.ModuleCDRs}
	r.config.Client = func(context.Context, string) (*ocpiclient.Client, error) {
		return ocpiclient.New(ocpiclient.Config{
			Partner: &ocpi.Partner{Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: them}}},
			Version: ocpi.V211, Own: own, Token: "token", Transport: transport,
			Endpoints: []ocpi.Endpoint{{Module: ocpi.ModuleCDRs, URL: server.URL + "/cdrs"}},
		})
	}
	return r, b
}

// putCDRThat stores a CDR after something was done with its id.
func (r *rig) putCDRThat(n int, first func(id string)) string {
	first(string(ocpitest.Network(us).CDR(n).ID))
	return r.putCDR(n)
}

// body is a CDR as the partner would have it.
func (b *biller) body(id string) string {
	for _, cdr := range b.at {
		if _, rest, ok := strings.Cut(cdr, `"id":"`); ok {
			its, _, _ := strings.Cut(rest, `"`)
			return strings.Replace(cdr, `"id":"`+its, `"id":"`+id, 1)
		}
	}
	return ""
}

func (r *rig) putCDR(n int) string {
	cdr := ocpitest.Network(us).CDR(n)
	put(r, ocpi.ModuleCDRs, string(cdr.ID), cdr)
	return string(cdr.ID)
}
