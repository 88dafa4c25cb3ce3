package main

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const root = "github.com/roamwire/roamwire/"

// mayImport says which of our packages each package may import, besides those below itself. It is docs/architecture.md
// as a test.
var mayImport = map[string][]string{
	"ocpi/exact":              {},
	"ocpi":                    {"ocpi/exact"},
	"ocpi/internal/schema":    {"ocpi"},
	"ocpi/v211":               {"ocpi", "ocpi/internal/schema"},
	"ocpi/v221":               {"ocpi", "ocpi/internal/schema"},
	"ocpi/v230":               {"ocpi", "ocpi/internal/schema"},
	"ocpi/convert":            {"ocpi", "ocpi/v211", "ocpi/v221", "ocpi/v230"},
	"ocpi/quirk":              {"ocpi"},
	"ocpi/wire":               {"ocpi", "ocpi/v211", "ocpi/v221", "ocpi/v230", "ocpi/convert", "ocpi/quirk"},
	"ocpi/openapi":            {"ocpi", "ocpi/jsonschema"},
	"ocpi/ocpiserver":         {"ocpi", "ocpi/openapi", "ocpi/v211", "ocpi/v230", "ocpi/convert", "ocpi/quirk", "ocpi/wire"},
	"ocpi/ocpiclient":         {"ocpi", "ocpi/v230", "ocpi/convert", "ocpi/quirk", "ocpi/wire"},
	"ocpi/handshake":          {"ocpi", "ocpi/v230", "ocpi/quirk", "ocpi/ocpiclient"},
	"ocpi/command":            {"ocpi", "ocpi/v230", "ocpi/convert", "ocpi/ocpiclient"},
	"ocpi/tariff":             {"ocpi", "ocpi/exact", "ocpi/v230"},
	"ocpi/timezone":           {"ocpi", "ocpi/v230"},
	"ocpi/jsonschema":         {"ocpi"},
	"node/store":              {"ocpi"},
	"node/store/sqlite":       {"ocpi", "node/store"},
	"node/partner":            {"ocpi", "ocpi/handshake", "node/store"},
	"node/object":             {"ocpi", "ocpi/v230", "ocpi/convert", "ocpi/quirk", "ocpi/wire", "ocpi/ocpiserver", "node/store"},
	"node/telemetry":          {"ocpi"},
	"node/exchange":           {"ocpi"},
	"node/exchange/sqlitelog": {"ocpi", "node/store", "node/exchange"},
	"node/push":               {"ocpi", "ocpi/ocpiclient", "ocpi/v230", "node/store"},
	"node/pull":               {"ocpi", "ocpi/ocpiclient", "node/store"},
	"node/command":            {"ocpi", "ocpi/v230", "ocpi/command", "ocpi/ocpiclient", "ocpi/ocpiserver", "node/store"},
	"node/audit":              {"ocpi", "ocpi/v230", "ocpi/tariff", "ocpi/timezone", "ocpi/convert", "node/store"},
	"node/hubclient":          {"ocpi", "ocpi/v230", "node/store"},
	"node/simulate":           {"ocpi", "ocpi/v230", "ocpi/tariff", "ocpi/timezone"},
	"node/event":              {"ocpi", "node/store"},
	"node/apidocs":            {},
	"node/backend":            {"ocpi", "ocpi/v230", "ocpi/convert", "ocpi/quirk", "ocpi/handshake", "ocpi/ocpiclient", "ocpi/command", "ocpi/jsonschema", "ocpi/tariff", "node/store"},
	"node/authorize":          {"ocpi", "ocpi/v230", "ocpi/convert", "ocpi/ocpiclient", "ocpi/ocpiserver", "node/store"},
	"node/transfer":           {"ocpi", "ocpi/convert", "ocpi/quirk", "ocpi/wire", "node/object"},
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", root+"ocpi/...", root+"node/...").Output()
	if err != nil {
		t.Skip("the node's module is not beside this one: ", err)
	}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&pkg); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(pkg.ImportPath, root)
		allowed, strict := mayImport[name]
		for _, path := range pkg.Imports {
			imported, ours := strings.CutPrefix(path, root)
			if !ours {
				continue
			}
			if strict && !slices.Contains(allowed, imported) {
				t.Errorf("%s must not import %s", name, imported)
			}
			if strings.HasPrefix(name, "ocpi") && strings.HasPrefix(imported, "node") {
				t.Errorf("the library's %s imports the node's %s", name, imported)
			}
		}
	}
}

// What a program inherits that imports the server, and one that imports the client.
func TestTheLibraryHasFewDependencies(t *testing.T) {
	for name, want := range map[string][]string{
		"ocpiserver": {"github.com/go-json-experiment/json", root + "ocpi", "github.com/shopspring/decimal"},
		"ocpiclient": {"code.dny.dev/ssrf", "github.com/go-json-experiment/json", root + "ocpi", "github.com/shopspring/decimal"},
	} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", root+"ocpi/"+name).Output()
		if err != nil {
			t.Fatal(err)
		}
		modules := slices.Compact(slices.Sorted(slices.Values(strings.Fields(string(out)))))
		slices.Sort(want)
		if !slices.Equal(modules, want) {
			t.Errorf("%s needs %v, want %v", name, modules, want)
		}
	}
}
