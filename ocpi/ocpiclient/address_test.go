package ocpiclient_test

import (
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

func TestCheckURL(t *testing.T) {
	public, private := ocpiclient.NewTransport(ocpiclient.TransportConfig{}), loopback(t, ocpiclient.TransportConfig{})
	for url, want := range map[string]struct{ public, private bool }{
		"https://ocpi.example.com/versions":      {true, true},
		"https://ocpi.example.com:8443/versions": {true, true},
		"https://93.184.215.14/versions":         {true, true},
		"https://[2606:2800:21f::1]/versions":    {true, true},
		"http://ocpi.example.com/versions":       {false, true},
		"https://127.0.0.1/versions":             {false, true},
		"https://10.1.2.3/versions":              {false, true},
		"https://192.168.0.1:8443/versions":      {false, true},
		"https://172.31.255.1/versions":          {false, true},
		"https://169.254.169.254/latest":         {false, true},
		"https://100.64.0.1/":                    {false, true},
		"https://0.0.0.0/":                       {false, true},
		"https://224.0.0.1/":                     {false, true},
		"https://255.255.255.255/":               {false, true},
		"https://[::1]/versions":                 {false, true},
		"https://[::]/versions":                  {false, true},
		"https://[fe80::1%25eth0]/versions":      {false, true},
		"https://[fd00::1]/versions":             {false, true},
		"https://[ff02::1]/versions":             {false, true},
		"https://[::ffff:127.0.0.1]/versions":    {false, true},
		"https://[64:ff9b::7f00:1]/versions":     {false, true},
		"https://[2002:7f00:1::]/versions":       {false, true},
		"https://localhost/versions":             {false, true},
		"https://LOCALHOST./versions":            {false, true},
		"https://a.localhost/versions":           {false, true},
		"https://127.0.0.1./versions":            {false, true},
		"https://user:secret@example.com/":       {false, false},
		"https://user@example.com/":              {false, false},
		"ftp://example.com/":                     {false, false},
		"file:///etc/passwd":                     {false, false},
		"javascript:alert(1)":                    {false, false},
		"https:///versions":                      {false, false},
		"https:example.com":                      {false, false},
		"//example.com/versions":                 {false, false},
		"/versions":                              {false, false},
		"":                                       {false, false},
		"https://exa mple.com/":                  {false, false},
		"https://example.com/\n":                 {false, false},
	} {
		for transport, fine := range map[*ocpiclient.Transport]bool{public: want.public, private: want.private} {
			err := transport.CheckURL(url)
			if (err == nil) != fine {
				t.Errorf("%q, private addresses allowed %v: %v", url, transport == private, err)
			}
			if err != nil && (!errors.Is(err, ocpiclient.ErrAddress) || strings.Contains(err.Error(), "secret")) {
				t.Errorf("%q: %v, want ErrAddress and no secret", url, err)
			}
		}
	}
}

// What a name resolves to is checked when it is called: a public name may lead inside.
func TestTheResolvedAddressIsChecked(t *testing.T) {
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{})
	for address, fine := range map[string]bool{
		"93.184.215.14:443":            true,
		"93.184.215.14:8443":           true,
		"[2606:2800:21f::1]:443":       true,
		"127.0.0.1:443":                false,
		"10.0.0.1:443":                 false,
		"169.254.169.254:80":           false,
		"[::1]:443":                    false,
		"[fe80::1%eth0]:443":           false,
		"[::ffff:10.0.0.1]:443":        false,
		"[64:ff9b::a9fe:a9fe]:443":     false,
		"224.0.0.251:5353":             false,
		"not an address":               false,
		"/run/docker.sock":             false,
		"[fd12:3456:789a:1::1]:443":    false,
		"198.18.0.1:443":               false,
		"[2001:db8::1]:443":            false,
		"240.0.0.1:443":                false,
		"192.0.0.192:443":              false,
		"172.16.0.1:443":               false,
		"172.15.255.255:443":           true,
		"[2a00:1450:4001:80b::1]:8443": true,
	} {
		if err := transport.Allowed(address); (err == nil) != fine || err != nil && !errors.Is(err, ocpiclient.ErrAddress) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// A name that resolves to loopback is refused before a byte is sent, and the error says which address it was.
func TestANameThatLeadsInsideIsRefused(t *testing.T) {
	called := false
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	port := server.URL[strings.LastIndexByte(server.URL, ':'):]
	transport := ocpiclient.NewTransport(ocpiclient.TransportConfig{})
	transport.Resolve("127.0.0.1")
	client := newClient(t, ocpiclient.Config{Transport: transport})
	_, err := client.Versions(t.Context(), "https://ocpi.example.com"+port+"/versions")
	if !errors.Is(err, ocpiclient.ErrAddress) || !strings.Contains(err.Error(), "127.0.0.1 is private, local or reserved") {
		t.Errorf("got %v, want an error that names the address", err)
	}
	if called {
		t.Error("it was called")
	}
}

// Every URL that a partner gives us passes the policy.
func TestURLsOfPartnersAreChecked(t *testing.T) {
	inside := "https://10.0.0.1/ocpi/emsp/2.1.1/"
	client := newClient(t, ocpiclient.Config{
		Transport: ocpiclient.NewTransport(ocpiclient.TransportConfig{}),
		Endpoints: []ocpi.Endpoint{
			{Module: ocpi.ModuleCredentials, URL: inside + "credentials"}, {Module: ocpi.ModuleTariffs, URL: inside + "tariffs"},
			{Module: ocpi.ModuleCDRs, URL: inside + "cdrs"}, {Module: ocpi.ModuleCommands, URL: inside + "commands"},
		},
	})
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"versions":     func() error { _, err := client.Versions(ctx, inside); return err },
		"plain http":   func() error { _, err := client.Versions(ctx, "http://ocpi.example.com/versions"); return err },
		"details":      func() error { _, err := client.Details(ctx, inside); return err },
		"credentials":  func() error { _, err := client.Credentials(ctx); return err },
		"endpoint":     func() error { return client.EMSP().Tariffs.Delete(ctx, ocpi.Key{ID: "T"}) },
		"CDR":          func() error { _, err := client.EMSP().CDRs.Get(ctx, inside+"cdrs/1"); return err },
		"response_url": func() error { return client.EMSP().CommandResult(ctx, inside+"commands/1", result()) },
	} {
		err := call()
		var failed *ocpiclient.Error
		if !errors.Is(err, ocpiclient.ErrAddress) || !errors.As(err, &failed) || failed.Kind != ocpiclient.Permanent {
			t.Errorf("%s: %v, want a permanent error that is ErrAddress", name, err)
		}
	}
}

// A result goes to the partner's own hosts, and to those that we have decided to trust (requirement CMD-17).
func TestWhereResultsMayGo(t *testing.T) {
	client := newClient(t, ocpiclient.Config{
		Transport: ocpiclient.NewTransport(ocpiclient.TransportConfig{}),
		Endpoints: []ocpi.Endpoint{{Module: ocpi.ModuleCommands, URL: "https://ocpi.example.com/emsp/2.1.1/commands"}},
	})
	trusting := client.WithTokenHosts("results.example.com", "other.example.com:8443", "10.0.0.1")
	for url, want := range map[string]struct{ own, trusting bool }{
		"https://ocpi.example.com/x":          {true, true},
		"https://OCPI.example.com:443/x":      {true, true},
		"https://ocpi.example.com:8443/x":     {false, false},
		"https://results.example.com/x":       {false, true},
		"https://RESULTS.example.com/x":       {false, true},
		"https://results.example.com:8443/x":  {false, false},
		"https://other.example.com:8443/x":    {false, true},
		"https://other.example.com/x":         {false, false},
		"http://results.example.com/x":        {false, false},
		"https://10.0.0.1/x":                  {false, false},
		"https://user@results.example.com/x":  {false, false},
		"https://results.example.com.evil.io": {false, false},
		"":                                    {false, false},
	} {
		for c, fine := range map[*ocpiclient.Client]bool{client: want.own, trusting: want.trusting} {
			if err := c.EMSP().CheckResponseURL(url); (err == nil) != fine {
				t.Errorf("%q, trusting %v: %v", url, c == trusting, err)
			}
		}
	}
	if client.Version() != ocpi.V211 {
		t.Errorf("the version is %s", client.Version())
	}
}
