package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// start runs the program and returns its base URL. It is stopped, gracefully, at the end of the test.
func start(t *testing.T) (base string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stdout, output := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-listen", "127.0.0.1:0"}, output)
		_ = output.CloseWithError(err)
		done <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the program ended with %v", err)
		}
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "OCPI at "); ok {
			base = strings.TrimSuffix(url, "/versions")
		}
		if command, ok := strings.CutPrefix(lines.Text(), "curl "); ok {
			if !strings.HasSuffix(command, base+"/emsp/2.1.1/tokens/04A70000000001/authorize") {
				t.Errorf("the curl line is %q", command)
			}
			return base
		}
	}
	t.Fatalf("the program has printed no curl line: %v", lines.Err())
	return ""
}

const location = `{"id": "LOC1", "type": "ON_STREET", "address": "Wevershof 3", "city": "Enschede", "postal_code": "7511 AX",
	"country": "NLD", "coordinates": {"latitude": "52.221400", "longitude": "6.890800"}, "last_updated": "2026-03-04T12:00:00Z",
	"evses": [{"uid": "E1", "status": "AVAILABLE", "last_updated": "2026-03-04T12:00:00Z", "connectors": [{"id": "1",
		"standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE", "voltage": 230, "amperage": 32,
		"last_updated": "2026-03-04T12:00:00Z"}]}]}`

func TestItTakesLocationsAndAuthorizesDrivers(t *testing.T) {
	base := start(t)
	steps := []struct {
		name, method, path, body string
		http                     int
		status                   ocpi.StatusCode
		// data is a part of the answer.
		data string
	}{
		{"a location that is new", http.MethodPut, "/locations/NL/GPE/LOC1", location, 201, 1000, ""},
		{"the same location", http.MethodPut, "/locations/NL/GPE/LOC1", location, 200, 1000, ""},
		{"a charger's new status", http.MethodPatch, "/locations/NL/GPE/LOC1/E1", `{"status": "CHARGING"}`, 200, 1000, ""},
		{"the charger with its new status", http.MethodGet, "/locations/NL/GPE/LOC1/E1", "", 200, 1000, `"status":"CHARGING"`},
		{"a PATCH that cannot be used", http.MethodPatch, "/locations/NL/GPE/LOC1/E1", `{"status": null}`, 200, 2001, ""},
		{"the charger as it was", http.MethodGet, "/locations/NL/GPE/LOC1/E1", "", 200, 1000, `"status":"CHARGING"`},
		{"a location that there is not", http.MethodGet, "/locations/NL/GPE/LOC9", "", 404, 2000, ""},
		{"another party's location", http.MethodPut, "/locations/NL/XYZ/LOC1", location, 404, 2000, ""},
		{"our tokens", http.MethodGet, "/tokens", "", 200, 1000, `"uid":"04A70000000001"`},
		{"no tokens of the future", http.MethodGet, "/tokens?date_from=2100-01-01T00:00:00Z", "", 200, 1000, `[]`},
		{"a driver of ours", http.MethodPost, "/tokens/04A70000000001/authorize", `{"location_id": "LOC1"}`, 200, 1000, `"allowed":"ALLOWED"`},
		{"a driver who is none of ours", http.MethodPost, "/tokens/FF/authorize", "", 404, 2000, ""},
	}
	for _, s := range steps {
		answer, status := call(t, s.method, base+"/emsp/2.1.1"+s.path, s.body)
		if status != s.http || answer.StatusCode != s.status || !strings.Contains(string(answer.Data), s.data) {
			t.Errorf("%s: HTTP %d, OCPI %d, %s: %s", s.name, status, answer.StatusCode, answer.StatusMessage, answer.Data)
		}
	}
	answer, _ := call(t, http.MethodGet, base+"/emsp/2.1.1/locations/NL/GPE/LOC1", "")
	if _, findings, err := v211.DecodeLocation(answer.Data); err != nil || len(findings) > 0 {
		t.Errorf("the stored location: %v, %v", findings, err)
	}
}

func TestBlockedDriversAreRefused(t *testing.T) {
	lost := card("04A70000000002")
	lost.Valid = false
	info, err := drivers{lost}.Authorize(t.Context(), nil, ocpiserver.AuthorizeRequest{TokenUID: "04A70000000002", TokenType: v230.TokenTypeRFID})
	if err != nil || info.Allowed != "BLOCKED" {
		t.Errorf("%s, %v", info.Allowed, err)
	}
}

func call(t *testing.T, method, url, body string) (ocpi.Envelope[jsontext.Value], int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Token let-me-in")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer ocpi.Envelope[jsontext.Value]
	if err := json.UnmarshalRead(response.Body, &answer); err != nil {
		t.Fatal(err)
	}
	return answer, response.StatusCode
}
