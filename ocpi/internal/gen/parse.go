package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A version is everything the tables of one version say.
type version struct {
	number  string // "2.1.1"
	pkg     string // "v211"
	modules []*module
	objects map[string]*object
	enums   map[string]*enum
}

// A module is one file of tables.
type module struct {
	name    string // "locations"
	objects []*object
	enums   []*enum
}

type object struct {
	name, section, doc string
	patch              bool
	checks             []string
	fields             []*field
}

type field struct {
	name, typ, card, meaning string
	max                      int
	rules                    []string
}

type enum struct {
	name, section, doc string
	open               bool
	values             []value
}

type value struct{ text, meaning string }

func parseVersion(number, dir string) (*version, error) {
	v := &version{
		number: number, pkg: "v" + strings.ReplaceAll(number, ".", ""),
		objects: map[string]*object{}, enums: map[string]*enum{},
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no tables in %s", dir)
	}
	slices.Sort(paths)
	for _, path := range paths {
		m, err := parseModule(path)
		if err != nil {
			return nil, err
		}
		v.modules = append(v.modules, m)
		for _, o := range m.objects {
			v.objects[o.name] = o
		}
		for _, e := range m.enums {
			v.enums[e.name] = e
		}
	}
	return v, v.check()
}

// check finds types that no table defines.
func (v *version) check() error {
	for _, o := range v.objects {
		if len(o.fields) > 64 {
			return fmt.Errorf("%s: %s has more fields than a check can keep track of", v.number, o.name)
		}
		for _, f := range o.fields {
			if _, ok := scalars[f.typ]; !ok && v.objects[f.typ] == nil && v.enums[f.typ] == nil {
				return fmt.Errorf("%s: %s.%s has the unknown type %s", v.number, o.name, f.name, f.typ)
			}
		}
	}
	return nil
}

// A reader goes through the lines of one file.
type reader struct {
	path   string
	lines  []string
	number int
}

func (r *reader) fail(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", r.path, r.number, fmt.Sprintf(format, args...))
}

func parseModule(path string) (*module, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m := &module{name: strings.TrimSuffix(filepath.Base(path), ".md")}
	r := &reader{path: path, lines: strings.Split(string(raw), "\n")}
	var o *object
	var e *enum
	for i, line := range r.lines {
		r.number = i + 1
		line = strings.TrimSpace(line)
		kind, name, _ := strings.Cut(strings.TrimPrefix(line, "## "), " ")
		switch {
		case strings.HasPrefix(line, "## ") && kind == "Object":
			o, e = &object{name: name}, nil
			m.objects = append(m.objects, o)
		case strings.HasPrefix(line, "## ") && kind == "Enum":
			o, e = nil, &enum{name: name}
			m.enums = append(m.enums, e)
		case strings.HasPrefix(line, "## "):
			return nil, r.fail("%q is neither an object nor an enum", line)
		case o != nil:
			err = r.objectLine(o, line)
		case e != nil:
			err = r.enumLine(e, line)
		}
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (r *reader) objectLine(o *object, line string) error {
	key, text, _ := strings.Cut(line, ": ")
	switch {
	case key == "Section":
		o.section = text
	case key == "Patch":
		o.patch = text == "yes"
	case key == "Checks":
		o.checks = strings.Split(text, ", ")
		for _, name := range o.checks {
			if checkNames[name] == "" {
				return r.fail("there is no check %q", name)
			}
		}
	case strings.HasPrefix(line, "| `"):
		f, err := r.field(line)
		if err != nil {
			return err
		}
		o.fields = append(o.fields, f)
	case strings.HasPrefix(line, "|") || line == "":
	default:
		o.doc = strings.TrimSpace(o.doc + " " + line)
	}
	return nil
}

func (r *reader) enumLine(e *enum, line string) error {
	key, text, _ := strings.Cut(line, ": ")
	switch {
	case key == "Section":
		e.section = text
	case key == "Open":
		e.open = text == "yes"
	case strings.HasPrefix(line, "| `"):
		cells := cells(line)
		if len(cells) != 2 {
			return r.fail("an enum row has 2 cells, not %d", len(cells))
		}
		e.values = append(e.values, value{strings.Trim(cells[0], "`"), cells[1]})
	case strings.HasPrefix(line, "|") || line == "":
	default:
		e.doc = strings.TrimSpace(e.doc + " " + line)
	}
	return nil
}

var typeForm = regexp.MustCompile(`^([A-Za-z0-9]+)(?:\((\d+)\))?$`)

func (r *reader) field(line string) (*field, error) {
	cells := cells(line)
	if len(cells) != 5 {
		return nil, r.fail("a field row has 5 cells, not %d", len(cells))
	}
	typ := typeForm.FindStringSubmatch(cells[1])
	if typ == nil {
		return nil, r.fail("%q is no type", cells[1])
	}
	if !slices.Contains([]string{"1", "?", "*", "+"}, cells[2]) {
		return nil, r.fail("%q is no cardinality", cells[2])
	}
	f := &field{name: strings.Trim(cells[0], "`"), typ: typ[1], card: cells[2], meaning: cells[4]}
	f.max, _ = strconv.Atoi(typ[2])
	if cells[3] != "" {
		f.rules = strings.Split(cells[3], ", ")
	}
	return f, nil
}

// cells splits a row of a Markdown table.
func cells(line string) []string {
	line = strings.ReplaceAll(line, `\|`, "\x00")
	parts := strings.Split(strings.Trim(line, "|"), "|")
	for i, p := range parts {
		parts[i] = strings.TrimSpace(strings.ReplaceAll(p, "\x00", "|"))
	}
	return parts
}
