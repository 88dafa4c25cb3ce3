package ocpiserver_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// asSent is an object of the partner in 2.1.1, with some of its text replaced by what partners make of it.
func asSent[T, Old any](t *testing.T, object T, down func(T, convert.Env) (Old, []convert.Loss), oldnew ...string) string {
	t.Helper()
	old, _ := down(object, convert.Env{})
	raw, err := json.Marshal(&old)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(text, oldnew[i]) {
			t.Fatalf("there is no %s in %s", oldnew[i], text)
		}
		text = strings.Replace(text, oldnew[i], oldnew[i+1], 1)
	}
	return text
}

// registrar takes whatever credentials come.
type registrar struct{}

func (registrar) Credentials(_ context.Context, _ *ocpi.Partner, role ocpi.Role, token string) (v230.Credentials, error) {
	return ocpitest.Network(own).Credentials(token, "https://gpe.example.com/"+string(role)), nil
}

func (r registrar) Register(ctx context.Context, from ocpi.Caller, _ v230.Credentials) (v230.Credentials, error) {
	return r.Credentials(ctx, from.Partner, from.Role, from.Token)
}

func (r registrar) Update(ctx context.Context, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error) {
	return r.Register(ctx, from, theirs)
}

func (registrar) Unregister(context.Context, ocpi.Caller) error { return nil }

func TestWhatIsPutRightForAPartnerIsWhatItsProfileSays(t *testing.T) {
	sample := ocpitest.Network(ocpi.NewParty("BE", "TST"))
	tests := []struct {
		name, method, path, body string
		quirks                   []string
	}{
		{
			"a CDR of the Python library", "POST", "/emsp/2.1.1/cdrs",
			asSent(t, sample.CDR(1), convert.CDRTo211, `"stop_date_time"`, `"end_date_time"`), []string{"end-date-time"},
		},
		{
			"a location with one status schedule as an object", "PUT", "/emsp/2.1.1/locations/BE/TST/LOC1",
			asSent(t, sample.Location(1), convert.LocationTo211, `"capabilities"`, `"status_schedule":{"period_begin":"2026-03-04T12:00:00Z","status":"BLOCKED"},"capabilities"`),
			[]string{"object-for-list"},
		},
		{
			"numbers as strings", "PUT", "/emsp/2.1.1/locations/BE/TST/LOC2",
			asSent(t, sample.Location(2), convert.LocationTo211, `"amperage":32`, `"amperage":"32"`), []string{"numbers-as-strings"},
		},
		{"a PATCH", "PATCH", "/emsp/2.1.1/locations/BE/TST/LOC2", `{"city":1054,"last_updated":1772625600}`, []string{"strings-as-numbers", "unix-timestamps"}},
		{"credentials", "PUT", "/cpo/2.1.1/credentials", `{"token":"abcdefgh","url":"https://tst.example.com/versions","party_id":"TST","country_code":"BE","business_details":[{"name":"Test"}]}`, []string{"list-for-object"}},
		{"references to a location", "POST", "/emsp/2.1.1/tokens/04A70000000001/authorize", `[{"location_id":"LOC1"}]`, []string{"wrapped-object"}},
		{"a command", "POST", "/cpo/2.1.1/commands/STOP_SESSION", `{"response_url":"https://tst.example.com/1","session_id":7}`, []string{"strings-as-numbers"}},
		{"the result of a command (CMD-03)", "POST", "/emsp/2.1.1/commands/START_SESSION/1", `"ACCEPTED"`, []string{"bare-command-result"}},
	}
	var mu sync.Mutex
	var last ocpi.Exchange
	_, server := newTarget(t, ocpiserver.Config{Logger: quiet(), Credentials: registrar{}, Observe: func(_ context.Context, e ocpi.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		last = e
	}})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, quirks := range []string{"standard", "", "ocpi-python"} {
				partner := server.Partner
				partner.Quirks = quirks
				server.Partners.Add(server.Token, partner)
				_, envelope := call(t, server, tt.method, tt.path, tt.body)
				mu.Lock()
				unusable := ocpi.UnusableFindings(last.Findings)
				if quirks == "standard" {
					if envelope.StatusCode != ocpi.StatusInvalidParameters || len(unusable) == 0 || len(last.Quirks) > 0 {
						t.Errorf("standard: status %d, %v, %v", envelope.StatusCode, last.Findings, last.Quirks)
					}
				} else {
					if envelope.StatusCode != ocpi.StatusSuccess || len(unusable) > 0 || len(last.Findings) == 0 {
						t.Errorf("%q: status %d (%s), %v", quirks, envelope.StatusCode, envelope.StatusMessage, last.Findings)
					}
					if diff := cmp.Diff(tt.quirks, last.Quirks); diff != "" {
						t.Error(diff)
					}
				}
				mu.Unlock()
			}
		})
	}
}

// Some partners put a path right behind the URL of an endpoint (TF-63).
func TestEndpointsEndWithASlashForAPartnerThatWantsIt(t *testing.T) {
	var mu sync.Mutex
	var last ocpi.Exchange
	_, server := newTarget(t, ocpiserver.Config{Logger: quiet(), Observe: func(_ context.Context, e ocpi.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		last = e
	}})
	for quirks, slash := range map[string]bool{"": false, "standard": false, "lenient,expect-trailing-slash": true, "ocpi-python": true} {
		partner := server.Partner
		partner.Quirks = quirks
		server.Partners.Add(server.Token, partner)
		_, envelope := call(t, server, "GET", "/cpo/2.1.1/details", "")
		var details v211.VersionDetails
		if err := json.Unmarshal(envelope.Data, &details); err != nil || len(details.Endpoints) == 0 {
			t.Fatalf("%v: %s", err, envelope.Data)
		}
		for _, e := range details.Endpoints {
			if strings.HasSuffix(e.URL, "/") != slash {
				t.Errorf("%q: %s is at %s", quirks, e.Identifier, e.URL)
			}
		}
		mu.Lock()
		if counted := slices.Contains(last.Quirks, "expect-trailing-slash"); counted != slash {
			t.Errorf("%q: counted are %v", quirks, last.Quirks)
		}
		mu.Unlock()
	}
}

func TestAProfileThatCannotBeReadIsTheDefaultAndSaidSo(t *testing.T) {
	var log bytes.Buffer
	_, server := newTarget(t, ocpiserver.Config{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	partner := server.Partner
	partner.Quirks = "lenient,telepathy"
	server.Partners.Add(server.Token, partner)
	body := asSent(t, ocpitest.Network(own).Tariff(1), convert.TariffTo211, `"step_size":1`, `"step_size":"1"`)
	for range 2 {
		_, envelope := call(t, server, "PUT", "/emsp/2.1.1/tariffs/BE/TST/AC-STANDARD", body)
		if envelope.StatusCode != ocpi.StatusSuccess {
			t.Errorf("status %d: %s", envelope.StatusCode, envelope.StatusMessage)
		}
	}
	if err := server.Close(); err != nil { // nobody writes to the log any more
		t.Error(err)
	}
	if strings.Count(log.String(), "level=WARN") != 2 || !strings.Contains(log.String(), "telepathy") {
		t.Errorf("of two requests the log says %s", &log)
	}
}
