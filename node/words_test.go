package node_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/exchange/sqlitelog"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v221"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// inItsOwnWords checks all objects in the messages that a node has recorded, in both directions: each must be without fault in the
// version of its path. It returns how many there were in each version.
func inItsOwnWords(t *testing.T, n running) map[ocpi.Version]int {
	t.Helper()
	time.Sleep(300 * time.Millisecond) // until all is recorded
	log, err := sqlitelog.OpenReader(t.Context(), node.ExchangeFile(n.data))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	records, err := log.List(t.Context(), exchange.Filter{Bodies: true})
	if err != nil {
		t.Fatal(err)
	}
	count := map[ocpi.Version]int{}
	for _, r := range records {
		version, said := objectsOf(t, r)
		for _, o := range said {
			count[version]++
			if problems := faults(version, o); len(problems) > 0 {
				t.Errorf("%s %s in %s: %s is said as %s: %v", r.Method, r.URL, version, o.name, o.raw, problems)
			}
		}
	}
	return count
}

// A said is an object in a message.
type said struct {
	name string
	raw  jsontext.Value
}

// faults is what a version finds wrong with an object, and the members that it does not have.
func faults(version ocpi.Version, o said) (all []ocpi.Finding) {
	type check = func(string, []byte) ([]ocpi.Finding, error)
	checks := map[ocpi.Version][2]check{
		ocpi.V211: {v211.Check, v211.Unknown}, ocpi.V221: {v221.Check, v221.Unknown}, ocpi.V230: {v230.Check, v230.Unknown},
	}[version]
	for _, check := range checks {
		findings, err := check(o.name, o.raw)
		if err != nil {
			return []ocpi.Finding{{Message: err.Error()}}
		}
		all = append(all, findings...)
	}
	return all
}

// objectsOf are the whole objects in a message about a module.
func objectsOf(t *testing.T, r exchange.Record) (version ocpi.Version, all []said) {
	t.Helper()
	u, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range ocpi.Versions() {
		if strings.Contains(u.Path, "/"+string(v)+"/") {
			version = v
		}
	}
	_, rest, found := strings.Cut(u.Path, "/"+string(r.Module))
	names := objectNames[r.Module]
	if version == "" || !found || len(names) == 0 || r.HTTP < 200 || r.HTTP > 299 {
		return version, nil
	}
	depth := max(0, len(strings.Split(strings.Trim(rest, "/"), "/"))-3) // below country, party and the object itself
	name := names[min(depth, len(names)-1)]
	answer := name
	switch {
	case r.Method == http.MethodPatch, r.Method == http.MethodDelete:
		return version, nil
	case r.Module == ocpi.ModuleTokens && r.Method == http.MethodPost:
		name, answer = "LocationReferences", "AuthorizationInfo"
	case r.Module == ocpi.ModuleCommands && strings.HasSuffix(u.Path, "/START_SESSION"):
		name, answer = "StartSession", "CommandResponse"
	case r.Module == ocpi.ModuleCommands && strings.HasSuffix(u.Path, "/STOP_SESSION"):
		name, answer = "StopSession", "CommandResponse"
	case r.Module == ocpi.ModuleCommands && version == ocpi.V211:
		name = "CommandResponse"
	}
	if r.Request != "" {
		all = append(all, said{name, jsontext.Value(r.Request)})
	}
	for _, raw := range data(t, r) {
		all = append(all, said{answer, raw})
	}
	return version, all
}

// objectNames are what is said in a module, from the whole to its parts.
var objectNames = map[ocpi.ModuleID][]string{
	ocpi.ModuleLocations: {"Location", "EVSE", "Connector"}, ocpi.ModuleTariffs: {"Tariff"}, ocpi.ModuleSessions: {"Session"},
	ocpi.ModuleCDRs: {"CDR"}, ocpi.ModuleTokens: {"Token"}, ocpi.ModuleCommands: {"CommandResult"},
}

// data are the objects in an answer.
func data(t *testing.T, r exchange.Record) []jsontext.Value {
	t.Helper()
	var envelope ocpi.Envelope[jsontext.Value]
	if r.Response == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(r.Response), &envelope); err != nil {
		t.Fatalf("%s %s: %v: %s", r.Method, r.URL, err, r.Response)
	}
	switch envelope.Data.Kind() {
	case '[':
		var list []jsontext.Value
		if err := json.Unmarshal(envelope.Data, &list); err != nil {
			t.Fatal(err)
		}
		return list
	case '{':
		return []jsontext.Value{envelope.Data}
	default:
		return nil
	}
}
