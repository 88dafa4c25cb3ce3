// Command gen writes the packages v211, v221 and v230, the mechanical halves of convert, and the JSON Schemas, from the
// tables in ocpi/spec; and into docs/versions.md what crossings between the versions lose. Run it from the root of the repository:
//
//	go run ./ocpi/internal/gen
//	go run ./ocpi/internal/gen -check    # only say whether the files are current
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	root := flag.String("root", "ocpi", "folder of the ocpi module")
	checkOnly := flag.Bool("check", false, "write nothing; fail where a generated file is not current")
	flag.Parse()
	if err := run(context.Background(), *root, *checkOnly); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root string, checkOnly bool) error {
	files := map[string][]byte{}
	versions := map[string]*version{}
	for _, number := range []string{"2.1.1", "2.2.1", "2.3.0"} {
		v, err := parseVersion(number, filepath.Join(root, "spec", number))
		if err != nil {
			return err
		}
		versions[number] = v
		for name, source := range emitVersion(v) {
			files[filepath.Join(root, v.pkg, name)] = source
		}
		if files[filepath.Join(root, "jsonschema", number+".json")], err = emitJSONSchema(v); err != nil {
			return err
		}
	}
	bridges := []*bridge{bridge211(versions["2.1.1"], versions["2.3.0"]), bridge221(versions["2.2.1"], versions["2.3.0"])}
	for _, b := range bridges {
		files[filepath.Join(root, "convert", "bulk_"+constant(b.old)+".go")] = emitBulk(b)
	}
	files[filepath.Join(root, "internal", "gen", "crossings", "table.go")] = emitCrossings(bridges)
	if err := write(files, checkOnly); err != nil {
		return err
	}
	document, err := documentCrossings(ctx, root, versionsDoc(root))
	if err != nil {
		return err
	}
	return write(map[string][]byte{versionsDoc(root): document}, checkOnly)
}

func write(files map[string][]byte, checkOnly bool) error {
	var stale []string
	for path, source := range files {
		formatted, err := formatFile(path, source)
		if err != nil {
			return fmt.Errorf("format %s: %w\n%s", path, err, source)
		}
		current, err := os.ReadFile(path)
		if err == nil && bytes.Equal(current, formatted) {
			continue
		}
		if checkOnly {
			stale = append(stale, path)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, formatted, 0o644); err != nil {
			return err
		}
	}
	if len(stale) > 0 {
		slices.Sort(stale)
		return fmt.Errorf("not current, run make generate: %v", stale)
	}
	return nil
}

func formatFile(path string, source []byte) ([]byte, error) {
	if filepath.Ext(path) != ".go" {
		return source, nil
	}
	return format.Source(source)
}
