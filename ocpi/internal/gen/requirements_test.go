package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var updateRequirements = flag.Bool("update", false, "name the tests of the requirements in docs/versions.md")

// numbered are the requirements by which later versions differ from those before: how many there are by their letters.
var numbered = map[string]int{
	"DT": 35, "DV": 3, "DC": 6, "DL": 12, "DS": 11, "DD": 16, "DTA": 10, "DK": 12, "DM": 10, "DP": 11, "DH": 6,
	"ZE": 4, "ZX": 4, "ZY": 5, "ZV": 2, "ZC": 3, "ZL": 9, "ZS": 1, "ZD": 3, "ZT": 7, "ZK": 3, "ZM": 1, "ZI": 7, "ZP": 12, "ZB": 11,
}

const (
	requirementsDoc = "../../../docs/versions.md"
	// notTested begins what a line says in the place of tests.
	notTested = "–"
	mostTests = 2
)

// Each requirement has a line, and the line names tests that are there and name the requirement, or says why there is none.
func TestEveryRequirementHasATestOrAReason(t *testing.T) {
	raw, err := os.ReadFile(requirementsDoc)
	if err != nil {
		t.Skip("the documentation is not beside this module: ", err)
	}
	if _, err := os.Stat("../../../node"); err != nil {
		t.Skip("the node's module is not beside this one: ", err)
	}
	tests := namedTests(t, "../..", "../../../node")
	text, seen := string(raw), map[string]bool{}
	for line := range strings.Lines(text) {
		numbers, words, by, ok := requirementLine(line)
		if !ok {
			continue
		}
		for _, n := range numbers {
			if seen[n] {
				t.Errorf("%s has two lines", n)
			}
			seen[n] = true
		}
		if *updateRequirements && (by == "" || !strings.HasPrefix(by, notTested) && !allThere(tests, numbers, by)) {
			by = codes(tests[numbers[0]])
			text = strings.Replace(text, line, fmt.Sprintf("| %s | %s | %s |\n", numbers[0], words, by), 1)
		}
		switch {
		case strings.HasPrefix(by, notTested) && len(by) > len(notTested)+10:
		case by == "" || strings.HasPrefix(by, notTested):
			t.Errorf("%v has neither a test nor a reason; tests that name it: %v", numbers, tests[numbers[0]])
		case !allThere(tests, numbers, by):
			t.Errorf("%v: of %s not all are there and name it; those that do: %v", numbers, by, tests[numbers[0]])
		}
	}
	for letters, count := range numbered {
		for n := range count {
			if number := fmt.Sprintf("%s-%02d", letters, n+1); !seen[number] {
				t.Errorf("%s has no line", number)
			}
		}
	}
	if *updateRequirements && text != string(raw) {
		if err := os.WriteFile(requirementsDoc, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	requirement = regexp.MustCompile(`\b(D[A-Z]{1,2}|Z[A-Z])-(\d\d)(?: to (?:[A-Z]+-)?(\d\d))?`)
	requirer    = regexp.MustCompile(`^\| ((?:D[A-Z]{1,2}|Z[A-Z])-\d\d(?: to (?:[A-Z]+-)?\d\d)?) \| (.*) \| ?(.*) ?\|$`)
)

// requirementLine reads a line of the table: numbers, what they ask for, and what is said of tests.
func requirementLine(line string) (numbers []string, words, by string, ok bool) {
	m := requirer.FindStringSubmatch(strings.TrimSpace(line))
	if m == nil {
		return nil, "", "", false
	}
	return slices.Sorted(maps.Keys(requirementsIn(m[1]))), m[2], strings.TrimSpace(m[3]), true
}

// requirementsIn are the numbers in a text, with those in between where it says from which to which.
func requirementsIn(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range requirement.FindAllStringSubmatch(text, -1) {
		first, _ := strconv.Atoi(m[2])
		last := first
		if m[3] != "" {
			last, _ = strconv.Atoi(m[3])
		}
		for n := first; n <= last; n++ {
			all[fmt.Sprintf("%s-%02d", m[1], n)] = true
		}
	}
	return all
}

// namedTests are the tests below folders by the requirements that they name, as "convert.TestTariffTo221".
func namedTests(t *testing.T, folders ...string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") && (!strings.HasSuffix(path, ".go") || !strings.Contains(path, "/servertest/")) {
				return err
			}
			return testsIn(path, all)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tests := range all {
		slices.Sort(tests)
	}
	return all
}

func testsIn(path string, all map[string][]string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, raw, parser.ParseComments)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(file.Name.Name, "_test")
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(strings.ToLower(f.Name.Name), "test") && !strings.HasPrefix(f.Name.Name, "Fuzz") {
			continue
		}
		begin := f.Pos()
		if f.Doc != nil {
			begin = f.Doc.Pos()
		}
		text := string(raw[files.Position(begin).Offset:files.Position(f.End()).Offset])
		for number := range requirementsIn(text) {
			if test := name + "." + f.Name.Name; !slices.Contains(all[number], test) {
				all[number] = append(all[number], test)
			}
		}
	}
	return nil
}

// allThere reports whether a line names tests, each of which names one of the requirements.
func allThere(tests map[string][]string, numbers []string, by string) bool {
	named := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(by, -1)
	for _, m := range named {
		if !slices.ContainsFunc(numbers, func(n string) bool { return slices.Contains(tests[n], m[1]) }) {
			return false
		}
	}
	return len(named) > 0
}

func codes(tests []string) string {
	quoted := make([]string, 0, mostTests)
	for _, test := range tests[:min(mostTests, len(tests))] {
		quoted = append(quoted, "`"+test+"`")
	}
	return strings.Join(quoted, ", ")
}
