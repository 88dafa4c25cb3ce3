// Package openapi describes the interfaces of OCPI as OpenAPI 3.1 documents: the paths that a server really has, with their
// parameters, answers, and the objects of each version from the tables in ocpi/spec.
package openapi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/jsonschema"
)

// referTo is where schemas are in an OpenAPI document.
const referTo = "#/components/schemas/"

// Schemas returns the objects and enums of a version as JSON Schema, by name, and for each object what a PATCH of it may say,
// as in "LocationPatch". They refer to each other as in an OpenAPI document.
func Schemas(v ocpi.Version) (map[string]jsontext.Value, error) {
	definitions, err := jsonschema.Definitions(v, referTo)
	if err != nil {
		return nil, err
	}
	all := make(map[string]jsontext.Value, 2*len(definitions))
	for _, d := range definitions {
		all[d.Name] = d.Schema
		if all[d.Name+"Patch"], err = patchOf(d); err != nil {
			return nil, fmt.Errorf("schema of a patch of %s: %w", d.Name, err)
		}
	}
	return all, nil
}

// patchOf is the schema of a PATCH: the same members, none of them required.
func patchOf(d jsonschema.Definition) (jsontext.Value, error) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(d.Schema, &members); err != nil {
		return nil, err
	}
	delete(members, "required")
	members["description"] = jsontext.Value(`"What a PATCH changes. Members that it does not name stay as they are."`)
	members["minProperties"] = jsontext.Value("1")
	return json.Marshal(members, json.Deterministic(true))
}

// A Route is a path that a server has.
type Route struct {
	// Path is the path below the server's URL, with names in braces, such as /cpo/2.1.1/locations/{location_id} or, since 2.2,
	// /2.2.1/sender/locations/{location_id}.
	Path    string
	Methods []string
	// Version is empty for the paths that tell which versions there are.
	Version ocpi.Version
	// Role is ours at this path, and Module what it is about; empty for versions and their details. Credentials of all roles have
	// a Module without Role.
	Role   ocpi.Role
	Module ocpi.ModuleID
	// Open tells that reading needs no token.
	Open bool
	// Custom tells that the module is none of OCPI's.
	Custom bool
}

// Config says what a document is about.
type Config struct {
	// URL is where the paths begin.
	URL string
	// Title is the name of the document. Default "OCPI", with the version where there is one.
	Title string
	// PageLimit is the largest number of objects in a page; 0 where it is not known.
	PageLimit int
	Routes    []Route
}

// Document writes an OpenAPI 3.1 document about routes. It is an error where one of them is none that OCPI has: what a server
// has and what its document says must not differ.
func Document(config Config) ([]byte, error) {
	d := document{config: config, needed: map[ocpi.Version]map[string]bool{}}
	var versions []ocpi.Version
	for _, r := range config.Routes {
		if r.Version != "" && !slices.Contains(versions, r.Version) {
			versions = append(versions, r.Version)
		}
	}
	if d.versions = versions; len(versions) == 0 {
		d.versions = []ocpi.Version{ocpi.V211}
	}
	slices.SortFunc(d.versions, ocpi.Version.Compare)
	paths, err := d.paths()
	if err != nil {
		return nil, err
	}
	components, err := d.components()
	if err != nil {
		return nil, err
	}
	root := object{
		"openapi":    "3.1.0",
		"info":       d.info(),
		"servers":    []object{{"url": config.URL}},
		"security":   []object{{"Token": []string{}}},
		"tags":       d.tags(),
		"paths":      paths,
		"components": components,
	}
	raw, err := json.Marshal(root, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("write OpenAPI document: %w", err)
	}
	return raw, nil
}

// An object is one of JSON.
type object map[string]any

// A document is an OpenAPI document in the making.
type document struct {
	config   Config
	versions []ocpi.Version
	// needed are the schemas that are referred to.
	needed map[ocpi.Version]map[string]bool
}

func (d *document) info() object {
	title := d.config.Title
	if title == "" {
		title = "OCPI"
		if len(d.versions) == 1 {
			title += " " + string(d.versions[0])
		}
	}
	var names []string
	for _, v := range d.versions {
		names = append(names, string(v))
	}
	return object{
		"title": title, "version": strings.Join(names, ", "),
		"description": "The interfaces of the Open Charge Point Interface that this server has for its partners. " +
			"Every answer comes in an envelope: HTTP tells of failures of the request itself, and `status_code` of the envelope of all others, mostly with HTTP 200. " +
			"Paths are taken with and without a slash at their end.",
	}
}

func (d *document) tags() []object {
	var tags []object
	seen := map[string]bool{}
	for _, r := range d.config.Routes {
		if name := r.tag(); !seen[name] {
			seen[name] = true
			tags = append(tags, object{"name": name, "description": r.about()})
		}
	}
	return tags
}

// tag is the heading under which a route is listed.
func (r Route) tag() string {
	if r.Module == "" {
		return "versions"
	}
	if r.Role == "" {
		return string(r.Module)
	}
	return string(r.Role) + " " + string(r.Module)
}

func (r Route) about() string {
	if r.Module == "" {
		return "Which versions there are, and where the modules of each are."
	}
	if r.Role == "" {
		return fmt.Sprintf("The module %s, as every partner calls it.", r.Module)
	}
	if r.Role == ocpi.RoleCPO {
		return fmt.Sprintf("The module %s of a charge point operator, as eMSPs call it.", r.Module)
	}
	return fmt.Sprintf("The module %s of an e-mobility service provider, as CPOs call it.", r.Module)
}

// tail is what follows in a path after the module, or after the version where it has none.
func (r Route) tail() string {
	path := r.Path
	if r.Role != "" {
		path = strings.TrimPrefix(path, "/"+strings.ToLower(string(r.Role)))
	}
	if r.Version != "" {
		path = strings.TrimPrefix(path, "/"+string(r.Version))
	}
	if r.Module != "" {
		for _, side := range []ocpi.InterfaceRole{ocpi.Sender, ocpi.Receiver} {
			path = strings.TrimPrefix(path, "/"+strings.ToLower(string(side)))
		}
		path = strings.TrimPrefix(path, "/"+string(r.Module))
	}
	return path
}

func (d *document) paths() (object, error) {
	paths := object{}
	for _, r := range d.config.Routes {
		item := object{}
		for _, method := range r.Methods {
			op, ok := find(r, method)
			if !ok {
				return nil, fmt.Errorf("OpenAPI document: %s %s is nothing that OCPI has", method, r.Path)
			}
			item[strings.ToLower(method)] = d.operation(r, method, op)
		}
		if parameters := pathParameters(r.Path); len(parameters) > 0 {
			item["parameters"] = parameters
		}
		paths[r.Path] = item
	}
	return paths, nil
}

// ref refers to a schema of a version. Where the document is about several, schemas are named after theirs.
func (d *document) ref(v ocpi.Version, name string) object {
	if v == "" {
		v = d.versions[0]
	}
	if d.needed[v] == nil {
		d.needed[v] = map[string]bool{}
	}
	d.needed[v][name] = true
	return object{"$ref": "#/components/schemas/" + d.schemaName(v, name)}
}

func (d *document) schemaName(v ocpi.Version, name string) string {
	if len(d.versions) == 1 {
		return name
	}
	return name + "_" + string(v)
}

// schema is the schema of what is sent: an object, a list of them as in "[]Location", or one of several as in "A|B".
func (d *document) schema(v ocpi.Version, name string) object {
	if list, ok := strings.CutPrefix(name, "[]"); ok {
		return object{"type": "array", "items": d.ref(v, list)}
	}
	names := strings.Split(name, "|")
	if len(names) == 1 {
		return d.ref(v, name)
	}
	var any []object
	for _, n := range names {
		any = append(any, d.ref(v, n))
	}
	return object{"anyOf": any}
}
