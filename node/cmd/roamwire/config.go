package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A configFile is a YAML file of settings that kong asks when a flag is not given.
type configFile string

// BeforeResolve reads the file before flags get their values.
func (f configFile) BeforeResolve(k *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	path := string(ctx.FlagValue(trace.Flag).(configFile))
	settings, err := readSettings(path)
	if err != nil {
		return err
	}
	ctx.AddResolver(settings)
	return settings.Validate(k.Model)
}

// settings are the values of one file. It is a kong.Resolver.
type settings struct {
	path   string
	values map[string]ast.Node
	names  map[string]ast.Node
}

func readSettings(path string) (*settings, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	file, err := parser.ParseBytes(raw, 0)
	if err != nil {
		return nil, fmt.Errorf("read settings %s: %s", path, yaml.FormatError(err, false, true))
	}
	s := &settings{path: path, values: map[string]ast.Node{}, names: map[string]ast.Node{}}
	for _, doc := range file.Docs {
		if err := s.add(doc.Body); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *settings) add(body ast.Node) error {
	switch node := body.(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		for _, value := range node.Values {
			name := flagName(value.Key.String())
			s.values[name], s.names[name] = value.Value, value.Key
		}
		return nil
	default:
		return s.wrong(body, "settings are written as name: value")
	}
}

// flagName accepts page_limit for page-limit.
func flagName(key string) string { return strings.ReplaceAll(strings.TrimSpace(key), "_", "-") }

func (s *settings) wrong(at ast.Node, format string, args ...any) error {
	line := 0
	if token := at.GetToken(); token != nil && token.Position != nil {
		line = token.Position.Line
	}
	return fmt.Errorf("%s:%d: %s", s.path, line, fmt.Sprintf(format, args...))
}

// Validate implements kong.Resolver: every name in the file must be a flag of some command.
func (s *settings) Validate(app *kong.Application) error {
	known := map[string]bool{}
	_ = kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			known[settingName(flag)] = true
		}
		return next(nil)
	})
	var errs []error
	for name, node := range s.names {
		if !known[name] || name == "config" || name == "help" {
			errs = append(errs, s.wrong(node, "there is no setting %q", name))
		}
	}
	return errors.Join(errs...)
}

// settingName is the flag's name in a file, which a tag may say.
func settingName(flag *kong.Flag) string {
	if flag.Tag.Has("setting") {
		return flag.Tag.Get("setting")
	}
	return flag.Name
}

// fromEnvironment reports whether a variable sets the flag, which wins over the file.
func fromEnvironment(flag *kong.Flag) bool {
	return slices.ContainsFunc(flag.Envs, func(name string) bool {
		_, ok := os.LookupEnv(name)
		return ok
	})
}

// Resolve implements kong.Resolver.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	node, ok := s.values[settingName(flag)]
	if !ok || fromEnvironment(flag) {
		return nil, nil // kong's way to say that there is no value
	}
	var value any
	if err := yaml.NodeToValue(node, &value); err != nil {
		return nil, s.wrong(node, "%v", err)
	}
	switch v := value.(type) {
	case nil:
		return nil, nil // an empty value is no value
	case []any:
		texts := make([]string, len(v))
		for i, element := range v {
			texts[i] = fmt.Sprint(element)
		}
		return strings.Join(texts, ","), nil
	case map[string]any:
		return nil, s.wrong(node, "%s is one value or a list", flag.Name)
	default:
		return fmt.Sprint(v), nil
	}
}
