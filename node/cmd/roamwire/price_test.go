package main

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// The example of docs/pricing.md is the one that the script runs.
func TestPricingDocumentHasTheExampleOfTheScript(t *testing.T) {
	document, err := os.ReadFile("../../../docs/pricing.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := txtar.ParseFile("testdata/price.txtar")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{"tariff.json": false, "cdr.json": false, "agrees.txt": false}
	for _, f := range script.Files {
		if _, is := shown[f.Name]; is {
			shown[f.Name] = strings.Contains(string(document), "\n"+string(f.Data)+"```\n")
		}
	}
	for name, is := range shown {
		if !is {
			t.Errorf("docs/pricing.md does not have %s as testdata/price.txtar has it", name)
		}
	}
}
