package quirk_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi/quirk"
)

var update = flag.Bool("update", false, "write the tables of docs/quirks.md")

const documentation = "../../docs/quirks.md"

func TestTheTablesOfTheDocumentationAreThoseOfTheCode(t *testing.T) {
	raw, err := os.ReadFile(documentation)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the documentation is not beside this module: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for name, rows := range tables() {
		begin := "<!-- begin " + name + " -->\n"
		before, rest, ok := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, "<!-- end -->")
		if !ok || !closed {
			t.Fatalf("%s has no place for the table %s", documentation, name)
		}
		text = before + begin + rows + "<!-- end -->" + after
	}
	if *update {
		if err := os.WriteFile(documentation, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(text, string(raw)); diff != "" {
		t.Errorf("run go test ./ocpi/quirk -update:\n%s", diff)
	}
}

// tables are the parts of the documentation that follow from the code.
func tables() map[string]string {
	all := map[string]string{"profiles": "| profile | what | beside `lenient` |\n|---|---|---|\n"}
	lenient := quirk.Default()
	for _, p := range quirk.Presets() {
		var more []string
		for _, name := range p.Quirks {
			if !lenient.Has(name) {
				more = append(more, "`"+string(name)+"`")
			}
		}
		all["profiles"] += fmt.Sprintf("| `%s` | %s | %s |\n", p.Name, p.Summary, strings.Join(more, ", "))
	}
	for _, kind := range []quirk.Kind{quirk.Transport, quirk.Reading, quirk.Writing} {
		all[string(kind)] = "| name | what partners do | what we make of it | in `lenient` |\n|---|---|---|---|\n"
	}
	for _, q := range quirk.All() {
		in := "no"
		if lenient.Has(q.Name) {
			in = "yes"
		}
		all[string(q.Kind)] += fmt.Sprintf("| `%s` | %s | %s | %s |\n", q.Name, q.Summary, q.Remedy, in)
	}
	return all
}
