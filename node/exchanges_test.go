package node_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/exchange/sqlitelog"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/ocpitest/servertest"
)

// Whatever the suite sends and gets, in both roles and with all its mistakes, is recorded, and nobody can call us or
// charge a car with what is in the record.
func TestEverythingIsRecordedButSecrets(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.PageLimit, c.Versions = 3, ocpi.Versions()
	n := start(t, c)
	sample := ocpitest.Network(own)
	sample.EMSP = ocpi.NewParty("BE", "AAA")
	put(t, n.Objects.Locations, sample.Locations()...)
	put(t, n.Objects.Sessions, sample.Sessions()...)
	put(t, n.Objects.CDRs, sample.CDRs()...)
	put(t, n.Objects.Tariffs, sample.Tariffs()...)
	put(t, n.Objects.Tokens, sample.Tokens()...)
	partners := [2]servertest.Partner{addPartner(t, n.Node, ocpi.NewParty("BE", "AAA")), addPartner(t, n.Node, ocpi.NewParty("DE", "BBB"))}
	if !t.Run("suite", func(t *testing.T) {
		servertest.Run(t, servertest.Target{URL: n.URL(), Own: own, Sample: sample, PageLimit: 3, Versions: ocpi.Versions(), Partners: partners})
	}) {
		return
	}
	metrics := metricsOf(t, n)
	n.stop()

	secrets := []string{partners[0].Token, partners[1].Token}
	for _, token := range sample.Tokens() {
		secrets = append(secrets, string(token.UID), string(token.ContractID))
		if token.VisualNumber != nil {
			secrets = append(secrets, *token.VisualNumber)
		}
	}
	records := recorded(t, c)
	modules := map[ocpi.ModuleID]int{}
	for _, r := range records {
		modules[r.Module]++
		text := fmt.Sprintf("%+v", r)
		for _, s := range secrets {
			if len(s) > 4 && strings.Contains(text, s) {
				t.Errorf("%s is in %s", s, text)
			}
		}
	}
	for _, m := range []ocpi.ModuleID{"", "credentials", "locations", "sessions", "cdrs", "tariffs", "tokens", "commands"} {
		if modules[m] == 0 {
			t.Errorf("nothing of module %q is recorded", m)
		}
	}
	if want := fmt.Sprintf("roamwire_exchanges_recorded_total %d", len(records)); !strings.Contains(metrics, want) || !strings.Contains(metrics, "roamwire_exchanges_dropped_total 0") {
		t.Errorf("%s is not in the metrics", want)
	}
}

// metricsOf waits until all is recorded.
func metricsOf(t *testing.T, n running) string {
	t.Helper()
	time.Sleep(300 * time.Millisecond)
	response, err := http.Get(n.AdminURL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func recorded(t *testing.T, c node.Config) []exchange.Record {
	t.Helper()
	log, err := sqlitelog.OpenReader(t.Context(), node.ExchangeFile(c.Data))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	records, err := log.List(t.Context(), exchange.Filter{Bodies: true})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// What we send is recorded by whoever sends it, in a node and in commands that only open its data.
func TestWhatWeSendIsRecordedToo(t *testing.T) {
	c := config(t)
	for range 2 {
		data, err := node.OpenData(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		data.Exchanges.Observe(t.Context(), ocpi.Exchange{At: time.Now(), Direction: ocpi.Outbound, URL: "https://x.example.com/versions"})
		if err := data.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if records := recorded(t, c); len(records) != 2 || records[1].Direction != ocpi.Outbound {
		t.Errorf("%+v", records)
	}
}

// A record that cannot be written keeps nobody from being served.
func TestANodeServesWithoutItsRecord(t *testing.T) {
	c := config(t)
	data, err := node.OpenData(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := data.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(node.ExchangeFile(c.Data), 0o700); err != nil { // where the file should be
		t.Fatal(err)
	}
	n := start(t, c)
	partner := addPartner(t, n.Node, ocpi.NewParty("BE", "AAA"))
	if _, _, response := get(t, partner, n.URL()+"/versions"); response.StatusCode != http.StatusOK {
		t.Errorf("HTTP %d", response.StatusCode)
	}
}
