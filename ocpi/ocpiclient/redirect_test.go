package ocpiclient_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

func TestRedirectsOnTheSameHost(t *testing.T) {
	for _, c := range []struct {
		code        int
		followsGET  bool
		followsElse bool
	}{
		{301, true, false}, {302, true, false}, {303, false, false}, {304, false, false}, {307, true, true}, {308, true, true},
	} {
		t.Run(fmt.Sprint(c.code), func(t *testing.T) {
			var arrived []string
			partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasPrefix(r.URL.Path, "/there") {
					w.Header().Set("Location", "/there"+r.URL.Path)
					w.WriteHeader(c.code)
					return
				}
				arrived = append(arrived, fmt.Sprint(r.Method, " ", r.Header.Get("Authorization"), " ", len(bodyOf(r)) > 0))
				ok(w, tariff("T"))
			})
			_, err := partner.client.EMSP().Tariffs.Get(t.Context(), ocpi.Key{ID: "T"})
			if (err == nil) != c.followsGET {
				t.Errorf("GET: %v", err)
			}
			_, err = partner.client.EMSP().Tariffs.Put(t.Context(), ocpitest.Network(ours).ACTariff())
			if (err == nil) != c.followsElse {
				t.Errorf("PUT: %v", err)
			}
			var want []string
			if c.followsGET {
				want = append(want, "GET Token "+token+" false")
			}
			if c.followsElse {
				want = append(want, "PUT Token "+token+" true")
			}
			if strings.Join(arrived, ", ") != strings.Join(want, ", ") {
				t.Errorf("there arrived %v, want %v", arrived, want)
			}
			if n := len(partner.exchanges.taken()); n != 2+len(want) {
				t.Errorf("%d exchanges, want one for each request", n)
			}
		})
	}
}

// The reference answers 307 where the slash at the end is missing.
func TestTheRedirectToTheMissingSlash(t *testing.T) {
	for quirks, want := range map[string]string{"": "redirect-missing-slash", "standard": ""} {
		partner := newAwkward(t, ocpiclient.Config{Partner: &ocpi.Partner{Quirks: quirks}}, func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/") {
				http.Redirect(w, r, "http://"+r.Host+r.URL.Path+"/", http.StatusTemporaryRedirect)
				return
			}
			ok(w, tariffs(0, 2))
		})
		if got := all(t, partner.client.CPO().Tariffs.List(t.Context(), ocpi.Query{})); len(got) != 2 {
			t.Errorf("%d tariffs, want 2", len(got))
		}
		if got := partner.exchanges.quirks(); got != want {
			t.Errorf("quirks %q: %q was counted, want %q", quirks, got, want)
		}
	}
}

// No redirect takes the token to another host.
func TestRedirectsElsewhereAreNotFollowed(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	for name, location := range map[string]string{
		"another port":        other.URL + "/versions",
		"another host":        "http://localhost" + other.URL[strings.LastIndexByte(other.URL, ':'):],
		"the cloud's secrets": "http://169.254.169.254/latest/meta-data",
		"another scheme":      "ftp://example.com/",
		"a file":              "file:///etc/passwd",
		"nowhere":             "",
		"a user":              "http://user:secret@HOST/",
		"no URL":              "http://[::1",
	} {
		t.Run(name, func(t *testing.T) {
			partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Location"] = []string{strings.Replace(location, "HOST", r.Host, 1)}
				w.WriteHeader(http.StatusTemporaryRedirect)
			})
			_, err := partner.client.Versions(t.Context(), partner.URL)
			var failed *ocpiclient.Error
			if !errors.As(err, &failed) || failed.Kind != ocpiclient.Permanent || failed.HTTP != 307 || strings.Contains(err.Error(), "secret@") {
				t.Errorf("got %v, want a permanent error", err)
			}
			if n := len(partner.exchanges.taken()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("the other host was called %d times", n)
	}
}

func TestRedirectsInCircles(t *testing.T) {
	partner := newAwkward(t, ocpiclient.Config{}, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path+"x", http.StatusPermanentRedirect)
	})
	_, err := partner.client.Versions(t.Context(), partner.URL+"/")
	if n := len(partner.exchanges.taken()); err == nil || n != 4 {
		t.Errorf("%d requests, want 4: %v", n, err)
	}
}

// From http to https on the same host is fine, back is not.
func TestRedirectsToHTTPS(t *testing.T) {
	var plain *httptest.Server
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/back" {
			http.Redirect(w, r, plain.URL+"/versions", http.StatusTemporaryRedirect)
			return
		}
		ok(w, `[{"version":"2.1.1","url":"/details"}]`)
	}))
	t.Cleanup(secure.Close)
	plain = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, secure.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(plain.Close)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	client := newClient(t, ocpiclient.Config{Transport: loopback(t, ocpiclient.TransportConfig{TLS: &tls.Config{RootCAs: roots}})})
	versions, err := client.Versions(t.Context(), plain.URL+"/versions")
	if err != nil || versions[0].URL != secure.URL+"/details" {
		t.Errorf("got %v, %v", versions, err)
	}
	if _, err := client.Versions(t.Context(), secure.URL+"/back"); !errors.Is(err, ocpiclient.ErrOtherHost) {
		t.Errorf("back to http: %v, want ErrOtherHost", err)
	}
}

// TF-09: a certificate that nobody signed is no partner's.
func TestCertificatesAreChecked(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	_, err := newClient(t, ocpiclient.Config{}).Versions(t.Context(), server.URL)
	var failed *ocpiclient.Error
	if !errors.As(err, &failed) || failed.Kind != ocpiclient.Permanent || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v, want a permanent error about the certificate", err)
	}
}
