package tariff_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/roamwire/roamwire/ocpi/tariff"
)

// docs/pricing.md has every question that OCPI leaves open, every field of Policy, and every code.
func TestPricingDocumentIsComplete(t *testing.T) {
	raw, err := os.ReadFile("../../docs/pricing.md")
	if err != nil {
		t.Fatal(err)
	}
	document := string(raw)
	for n := 1; n <= 23; n++ {
		if row := fmt.Sprintf("\n| A%d | ", n); strings.Count(document, row) != 1 {
			t.Errorf("there is not one row for A%d", n)
		}
	}
	for field := range reflect.TypeFor[tariff.Policy]().Fields() {
		if !strings.Contains(document, "`"+field.Name+"`") {
			t.Errorf("Policy.%s is not in it", field.Name)
		}
	}
	for _, s := range tariff.Settings() {
		if row := fmt.Sprintf(" `%s` | `%s` |\n", s.Name, strings.Join(s.Values, "`, `")); s.Question != "" && !strings.Contains(document, row) {
			t.Errorf("it has no %q", row)
		}
	}
	all := append(codes(t, "check.go"), codes(t, "lint.go")...)
	if len(all) < 30 {
		t.Fatalf("only %d codes", len(all))
	}
	for _, code := range all {
		if !strings.Contains(document, "\n| `"+code+"` | ") {
			t.Errorf("%s is not in it", code)
		}
	}
}

// codes are the constants of type Code in a file.
func codes(t *testing.T, file string) (out []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Code" {
			code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, code)
		}
		return true
	})
	return out
}
