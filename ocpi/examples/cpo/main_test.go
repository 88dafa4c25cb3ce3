package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
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
			if !strings.HasSuffix(command, base+"/cpo/2.1.1/locations") {
				t.Errorf("the curl line is %q", command)
			}
			return base
		}
	}
	t.Fatalf("the program has printed no curl line: %v", lines.Err())
	return ""
}

func TestItServesItsLocations(t *testing.T) {
	base := start(t)
	cases := []struct {
		name, token, path string
		http              int
		ids               []string
		link              bool
	}{
		{"all locations in one page", "let-me-in", "", http.StatusOK, []string{"LOC1", "LOC2"}, false},
		{"the first page", "let-me-in", "?limit=1", http.StatusOK, []string{"LOC1"}, true},
		{"the second page", "let-me-in", "?limit=1&offset=1", http.StatusOK, []string{"LOC2"}, false},
		{"nothing that is older than the program", "let-me-in", "?date_to=2026-01-01T00:00:00Z", http.StatusOK, nil, false},
		{"nothing without a token", "guess", "", http.StatusUnauthorized, nil, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var locations ocpi.Envelope[[]v211.Location]
			status, link := get(t, c.token, base+"/cpo/2.1.1/locations"+c.path, &locations)
			if status != c.http || (link != "") != c.link || len(locations.Data) != len(c.ids) {
				t.Fatalf("HTTP %d, Link %q, %d locations", status, link, len(locations.Data))
			}
			for i, l := range locations.Data {
				if l.ID != c.ids[i] {
					t.Errorf("location %d is %s, want %s", i, l.ID, c.ids[i])
				}
				if findings := l.Validate(); len(findings) > 0 {
					t.Errorf("location %s: %v", l.ID, findings)
				}
			}
		})
	}
	t.Run("one connector", func(t *testing.T) {
		var connector ocpi.Envelope[v211.Connector]
		if status, _ := get(t, "let-me-in", base+"/cpo/2.1.1/locations/LOC1/LOC1-1/1", &connector); status != http.StatusOK || connector.Data.Amperage != 32 {
			t.Errorf("HTTP %d, %v", status, connector.Data)
		}
	})
	t.Run("not what there is not", func(t *testing.T) {
		var nothing ocpi.Envelope[v211.Location]
		if status, _ := get(t, "let-me-in", base+"/cpo/2.1.1/locations/LOC9", &nothing); status != http.StatusNotFound {
			t.Errorf("HTTP %d", status)
		}
	})
}

func get(t *testing.T, token, url string, answer any) (status int, link string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Token "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.UnmarshalRead(response.Body, answer); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("Link")
}

func TestItRefusesFlagsItDoesNotKnow(t *testing.T) {
	if err := run(t.Context(), []string{"-h"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
	if err := run(t.Context(), []string{"-listen", "nowhere"}, io.Discard); err == nil {
		t.Error("it listens nowhere")
	}
}
