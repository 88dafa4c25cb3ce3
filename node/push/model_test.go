package push

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	v230 "github.com/roamwire/roamwire/ocpi/v230"
)

var moods = flag.Int("moods", 6, "how many partners TestAMoodyPartnerIsToldTheTruth tries")

// A moody partner takes what it gets or fails at random, before or after it has done what it was asked for.
type moody struct {
	mu   sync.Mutex
	rand *rand.Rand
	// well ends the moods; share is how many of 16 requests fail until then.
	well  bool
	share int
	// has are the objects by path, bills how often each CDR was taken.
	has   map[string]map[string]jsontext.Value
	bills map[string]int
	// stages are the statuses of sessions as they were told.
	stages map[string][]v230.SessionStatus
}

const done, not = true, false

// fits are how it fails. A CDR that is answered as if it had not been taken was not.
var fits = []struct {
	after  bool
	status int
	body   string
	header http.Header
}{
	{not, 0, "", nil}, {done, 0, "", nil},
	{not, http.StatusOK, `{"status_code":3000,"timestamp":"2026-01-01T00:00:00Z"}`, nil},
	{done, http.StatusOK, `{"status_code":3000,"timestamp":"2026-01-01T00:00:00Z"}`, nil},
	{not, http.StatusOK, `{"status_code":2001,"timestamp":"2026-01-01T00:00:00Z"}`, nil},
	{not, http.StatusBadRequest, notThere, nil},
	{not, http.StatusInternalServerError, "", nil}, {done, http.StatusInternalServerError, "<html>", nil},
	{not, http.StatusServiceUnavailable, "", http.Header{"Retry-After": {"-1"}}},
	{not, http.StatusTooManyRequests, "", http.Header{"Retry-After": {"soon"}}},
	{not, http.StatusUnauthorized, "", nil}, {not, http.StatusForbidden, "", nil},
	{not, http.StatusNotFound, "<html>", nil}, {not, http.StatusNotImplemented, "", nil},
	{not, http.StatusBadGateway, "", nil}, {done, http.StatusGatewayTimeout, "", nil},
	{not, http.StatusFound, "", http.Header{"Location": {"/login"}}},
	{done, http.StatusOK, `{"status_code":1000,"time`, nil}, {done, http.StatusOK, "", nil},
}

func (m *moody) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	m.mu.Lock()
	defer m.mu.Unlock()
	fit := fits[m.rand.IntN(len(fits))]
	fails := !m.well && m.rand.IntN(16) < m.share
	if fails && (!fit.after || req.Method == http.MethodGet) {
		answer(w, fit.status, fit.body, fit.header)
		return
	}
	status, text, where := m.do(req, body)
	if fails {
		status, text = fit.status, fit.body
	}
	answer(w, status, text, where)
}

func answer(w http.ResponseWriter, status int, body string, header http.Header) {
	if status == 0 {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), header)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// do does what it is asked for.
func (m *moody) do(req *http.Request, body []byte) (status int, text string, header http.Header) {
	const taken = `{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}`
	var members map[string]jsontext.Value
	_ = json.Unmarshal(body, &members)
	at, has := req.URL.Path, m.has[req.URL.Path]
	if at == "/login" {
		return http.StatusOK, "<html>", nil
	}
	switch req.Method {
	case http.MethodPost:
		var id string
		_ = json.Unmarshal(members["id"], &id)
		m.bills[id]++
		m.has["/cdrs/"+id] = members
		return http.StatusCreated, taken, http.Header{"Location": {"/cdrs/" + id}}
	case http.MethodGet, http.MethodPatch:
		if has == nil {
			return http.StatusNotFound, notThere, nil
		}
		if req.Method == http.MethodGet {
			object, _ := json.Marshal(has)
			return http.StatusOK, fmt.Sprintf(`{"data":%s,%s`, object, taken[1:]), nil
		}
		maps.Copy(has, members)
	case http.MethodPut:
		m.has[at] = members
	case http.MethodDelete:
		delete(m.has, at)
	}
	if strings.HasPrefix(at, "/sessions/") && members["status"] != nil {
		var status v230.SessionStatus
		_ = json.Unmarshal(members["status"], &status)
		m.stages[at] = append(m.stages[at], status)
	}
	return http.StatusOK, taken, nil
}

// A world is what the partner ought to know.
type world struct {
	*rig
	rand     *rand.Rand
	n        int
	tariffs  map[string]bool
	sessions map[string]v230.Session
	cdrs     []string
}

// step changes one thing.
func (w *world) step() {
	w.n++
	switch w.rand.IntN(12) {
	case 0, 1, 2:
		w.tariffs[w.putTariff(1+w.rand.IntN(6))] = true
	case 3:
		for id := range w.tariffs {
			w.deleteTariff(id)
			break
		}
	case 4, 5, 6:
		w.progress(fmt.Sprint("S", w.rand.IntN(4)))
	case 7, 8:
		w.cdrs = append(w.cdrs, w.putCDR(len(w.cdrs)+1))
	case 9:
		w.start()
	case 10:
		if _, err := Retry(w.Context(), w.db, time.Now(), "p", "", ""); err != nil {
			w.Fatal(err)
		}
	case 11:
		time.Sleep(time.Duration(w.rand.IntN(40)) * time.Millisecond)
	}
}

func (w *world) deleteTariff(id string) {
	w.Helper()
	delete(w.tariffs, id)
	err := w.db.Write(w.Context(), func(tx store.Tx) error {
		return tx.Delete(store.Key{Module: ocpi.ModuleTariffs, Party: us, ID: id})
	})
	if err != nil {
		w.Fatal(err)
	}
}

// progress begins a session, or goes on with it.
func (w *world) progress(id string) {
	s, ok := w.sessions[id]
	switch {
	case !ok:
		s = session(v230.SessionStatusPending, 0)
		s.ID = ocpi.CiString(id)
	case stage(s.Status) == ended:
		return
	case w.rand.IntN(5) == 0:
		s.Status = v230.SessionStatusCompleted
	default:
		s.Status = v230.SessionStatusActive
	}
	s.KWh, s.LastUpdated = ocpi.NumberOf(int64(w.n)), ocpi.NewDateTime(noon.Add(time.Duration(w.n)*time.Second))
	w.sessions[id] = s
	put(w.rig, ocpi.ModuleSessions, id, s)
}

// told compares what the partner has with what is true.
func (w *world) told(m *moody) {
	w.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	got, want := map[string]string{}, map[string]string{}
	for at, object := range m.has {
		switch {
		case strings.HasPrefix(at, "/tariffs/"):
			got[path.Base(at)] = "tariff"
		case strings.HasPrefix(at, "/sessions/"):
			got[path.Base(at)] = string(object["status"]) + " " + string(object["kwh"])
		}
	}
	for id := range w.tariffs {
		want[id] = "tariff"
	}
	for id, s := range w.sessions {
		want[id] = fmt.Sprintf("%q %s", s.Status, s.KWh)
	}
	for _, id := range w.cdrs {
		got["bills for "+id], want["bills for "+id] = fmt.Sprint(m.bills[id]), "1"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Error(diff)
	}
	for at, all := range m.stages {
		if !slices.IsSortedFunc(all, func(a, b v230.SessionStatus) int { return stage(a) - stage(b) }) {
			w.Errorf("session %s was told as %v", path.Base(at), all)
		}
	}
}

// Whatever a partner does for a while, and however often the lanes are stopped meanwhile: in the end it has what is true, each
// CDR was taken once, and no session has gone back (requirements CDR-08, SES-08, TAR-04).
func TestAMoodyPartnerIsToldTheTruth(t *testing.T) {
	for seed := range *moods {
		t.Run(fmt.Sprint("partner ", seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(uint64(seed), 1))
			m := &moody{
				rand: rand.New(rand.NewPCG(uint64(seed), 2)), share: 2 + random.IntN(15),
				has: map[string]map[string]jsontext.Value{}, bills: map[string]int{}, stages: map[string][]v230.SessionStatus{},
			}
			w := &world{rig: moodyRig(t, m), rand: random, tariffs: map[string]bool{}, sessions: map[string]v230.Session{}}
			w.start()
			for range 60 {
				w.step()
			}
			m.mu.Lock()
			m.well = true
			m.mu.Unlock()
			for _, module := range w.partner.Modules {
				w.until("all is told", module, func(s Status) bool {
					if len(s.Parked) > 0 {
						if _, err := Retry(t.Context(), w.db, time.Now(), "p", module, ""); err != nil {
							t.Fatal(err)
						}
					}
					return s.Backlog == 0 && len(s.Held)+len(s.Parked) == 0
				})
			}
			w.told(m)
		})
	}
}

// moodyRig pushes three modules to a partner.
func moodyRig(t *testing.T, m *moody) *rig {
	r := newRig(t, Policy{})
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{AllowPrivate: true})
	t.Cleanup(transport.Close)
	r.partner.Modules = []ocpi.ModuleID{ocpi.ModuleTariffs, ocpi.ModuleSessions, ocpi.ModuleCDRs}
	r.config.Backoff.Parked = 50 * time.Millisecond
	var endpoints []ocpi.Endpoint
	for _, module := range r.partner.Modules {
		endpoints = append(endpoints, ocpi.Endpoint{Module: module, URL: server.URL + "/" + string(module)})
	}
	r.config.Client = func(context.Context, string) (*ocpiclient.Client, error) {
		return ocpiclient.New(ocpiclient.Config{
			Partner: &ocpi.Partner{Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: them}}},
			Version: ocpi.V211, Token: "token", Transport: transport, Endpoints: endpoints, Retries: -1,
		})
	}
	return r
}
