package event

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestNoAddressOfTheMachinesSecretsIsEverCalled(t *testing.T) {
	for address, want := range map[string][2]bool{ // private allowed, private refused
		"93.184.215.14": {true, true}, "2606:2800:21f::1": {true, true},
		"10.1.2.3": {true, false}, "192.168.1.1": {true, false}, "172.31.0.1": {true, false}, "100.64.0.1": {true, false},
		"127.0.0.1": {true, false}, "::1": {true, false}, "fd12::1": {true, false}, "::ffff:10.1.2.3": {true, false},
		"169.254.169.254": {}, "::ffff:169.254.169.254": {}, "fe80::1": {}, "fe80::1%eth0": {}, "fd00:ec2::254": {}, "100.100.100.200": {},
		"0.0.0.0": {}, "::": {}, "224.0.0.1": {}, "255.255.255.255": {}, "64:ff9b::a9fe:a9fe": {}, "2002:a9fe:a9fe::1": {},
	} {
		for i, p := range []*policy{newPolicy(false), newPolicy(true)} {
			if err := p.check(netip.MustParseAddr(address)); (err == nil) != want[i] {
				t.Errorf("%s, private refused %t: %v", address, p.refusePrivate, err)
			}
		}
	}
	db := open(t)
	e := New(Config{Store: db, Sealer: mirror{}, Webhooks: WebhookConfig{RefusePrivate: true}})
	at := httptest.NewTLSServer(http.NotFoundHandler())
	defer at.Close()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, at.URL, nil)
	if _, err := e.Webhooks.client.Do(r); !errors.Is(err, errAddress) {
		t.Errorf("what a name was resolved to is called: %v", err)
	}
}

func TestAPolicyThatBecomesStricterHoldsForWebhooksThatThereAre(t *testing.T) {
	db := open(t)
	add(t, New(Config{Store: db, Sealer: mirror{}}), Webhook{URL: "http://example.com/in", ID: "h"})
	strict := New(Config{Store: db, Sealer: mirror{}, Webhooks: WebhookConfig{RefusePrivate: true}})
	strict.Webhooks.client.Transport = wire(func(*http.Request) *http.Response {
		t.Error("it was called")
		return answering(http.StatusOK)
	})
	result, err := strict.Webhooks.Test(t.Context(), "h")
	if err != nil || result.Taken || result.Error != "the URL of the webhook: must be an https URL" {
		t.Errorf("%+v, %v", result, err)
	}
}
