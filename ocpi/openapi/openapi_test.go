package openapi_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/openapi"
)

// routes are a few of each kind, of a version.
func routes(v ocpi.Version) []openapi.Route {
	cpo, emsp := "/cpo/"+string(v), "/emsp/"+string(v)
	return []openapi.Route{
		{Path: "/versions", Methods: []string{"GET"}},
		{Path: "/" + string(v) + "/details", Methods: []string{"GET"}, Version: v},
		{Path: cpo, Methods: []string{"GET"}, Version: v, Role: ocpi.RoleCPO},
		{Path: cpo + "/credentials", Methods: []string{"GET", "POST", "PUT", "DELETE"}, Version: v, Role: ocpi.RoleCPO, Module: ocpi.ModuleCredentials},
		{Path: cpo + "/locations", Methods: []string{"GET"}, Version: v, Role: ocpi.RoleCPO, Module: ocpi.ModuleLocations, Open: true},
		{Path: cpo + "/sessions", Methods: []string{"GET"}, Version: v, Role: ocpi.RoleCPO, Module: ocpi.ModuleSessions},
		{Path: cpo + "/commands/{command}", Methods: []string{"POST"}, Version: v, Role: ocpi.RoleCPO, Module: ocpi.ModuleCommands},
		{Path: emsp + "/cdrs", Methods: []string{"POST"}, Version: v, Role: ocpi.RoleEMSP, Module: ocpi.ModuleCDRs},
		{Path: emsp + "/locations/{country_code}/{party_id}/{location_id}", Methods: []string{"GET", "PUT", "PATCH"}, Version: v, Role: ocpi.RoleEMSP, Module: ocpi.ModuleLocations},
		{Path: emsp + "/tariffs/{country_code}/{party_id}/{tariff_id}", Methods: []string{"DELETE"}, Version: v, Role: ocpi.RoleEMSP, Module: ocpi.ModuleTariffs},
		{Path: emsp + "/tokens/{token_uid}/authorize", Methods: []string{"POST"}, Version: v, Role: ocpi.RoleEMSP, Module: ocpi.ModuleTokens},
		{Path: emsp + "/commands/{uid}", Methods: []string{"POST"}, Version: v, Role: ocpi.RoleEMSP, Module: ocpi.ModuleCommands},
	}
}

func document(t *testing.T, routes []openapi.Route) map[string]any {
	t.Helper()
	raw, err := openapi.Document(openapi.Config{URL: "https://ocpi.example.com/ocpi", PageLimit: 100, Routes: routes})
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// at follows names into a document.
func at(d any, path ...string) any {
	for _, name := range path {
		m, ok := d.(map[string]any)
		if !ok {
			return nil
		}
		d = m[name]
	}
	return d
}

// walk calls fn for each object in a document, with where it is.
func walk(value any, where string, fn func(where string, object map[string]any)) {
	switch value := value.(type) {
	case map[string]any:
		fn(where, value)
		for key, member := range value {
			walk(member, where+"/"+key, fn)
		}
	case []any:
		for i, element := range value {
			walk(element, fmt.Sprintf("%s/%d", where, i), fn)
		}
	}
}

func TestDocumentsAreWhole(t *testing.T) {
	for name, all := range map[string][]openapi.Route{
		"2.1.1": routes(ocpi.V211), "2.2.1": routes(ocpi.V221), "2.3.0": routes(ocpi.V230),
		"all": slices.Concat(routes(ocpi.V211), routes(ocpi.V221)[1:], routes(ocpi.V230)[1:]), "none": nil,
	} {
		t.Run(name, func(t *testing.T) {
			d := document(t, all)
			if d["openapi"] != "3.1.0" || at(d, "info", "title") == "" || at(d, "info", "version") == "" {
				t.Errorf("%v %v", d["openapi"], d["info"])
			}
			checkReferences(t, d)
			checkOperations(t, d)
			component := regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)
			for kind, of := range d["components"].(map[string]any) {
				for name := range of.(map[string]any) {
					if !component.MatchString(name) {
						t.Errorf("a component of %s is named %q", kind, name)
					}
				}
			}
		})
	}
}

// checkReferences finds references that lead nowhere, and schemas that nobody refers to.
func checkReferences(t *testing.T, d map[string]any) {
	t.Helper()
	referred := map[string]bool{}
	walk(d, "#", func(where string, object map[string]any) {
		ref, ok := object["$ref"].(string)
		if !ok {
			return
		}
		referred[ref] = true
		if at(d, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...) == nil {
			t.Errorf("%s refers to %s, which is not there", where, ref)
		}
	})
	for name := range at(d, "components", "schemas").(map[string]any) {
		if name != "Envelope" && !referred["#/components/schemas/"+name] {
			t.Errorf("nobody refers to the schema %s", name)
		}
	}
}

// checkOperations finds operations that are not as they must be.
func checkOperations(t *testing.T, d map[string]any) {
	t.Helper()
	ids := map[any]bool{}
	tags := map[any]bool{}
	if list, ok := d["tags"].([]any); ok {
		for _, tag := range list {
			tags[at(tag, "name")] = true
		}
	}
	for path, item := range d["paths"].(map[string]any) {
		names := map[string]bool{}
		if parameters, ok := at(item, "parameters").([]any); ok {
			for _, p := range parameters {
				names["{"+at(p, "name").(string)+"}"] = true
				if at(p, "in") != "path" || at(p, "required") != true || at(p, "schema", "type") != "string" {
					t.Errorf("%s: parameter %v", path, p)
				}
			}
		}
		for segment := range strings.SplitSeq(path, "/") {
			if strings.HasPrefix(segment, "{") != names[segment] {
				t.Errorf("%s: parameters %v", path, names)
			}
		}
		for method, op := range item.(map[string]any) {
			if method == "parameters" {
				continue
			}
			if ids[at(op, "operationId")] {
				t.Errorf("%s %s: its id %v is another's too", method, path, at(op, "operationId"))
			}
			ids[at(op, "operationId")] = true
			if at(op, "summary") == "" || at(op, "description") == "" || !tags[at(op, "tags").([]any)[0]] {
				t.Errorf("%s %s: %v", method, path, op)
			}
			for status, response := range at(op, "responses").(map[string]any) {
				if at(response, "$ref") == nil && at(response, "description") == "" {
					t.Errorf("%s %s: response %s says nothing", method, path, status)
				}
			}
			if body := at(op, "requestBody"); (body != nil) != (method == "put" || method == "post" || method == "patch") {
				t.Errorf("%s %s: body %v", method, path, body)
			}
		}
	}
}

func TestListsHaveTheParametersAndHeadersOfPages(t *testing.T) {
	d := document(t, routes(ocpi.V211))
	for path, from := range map[string]string{"/cpo/2.1.1/locations": "DateFrom", "/cpo/2.1.1/sessions": "DateFromRequired"} { // requirement SES-02
		list := at(d, "paths", path, "get")
		text := fmt.Sprint(at(list, "parameters"))
		for _, name := range []string{"/" + from + "]", "/DateTo", "/Offset", "/Limit", "/Cursor"} {
			if !strings.Contains(text, name) {
				t.Errorf("%s lacks the parameter %s: %s", path, name, text)
			}
		}
		for _, header := range []string{"Link", "X-Total-Count", "X-Limit"} {
			if at(list, "responses", "200", "headers", header) == nil {
				t.Errorf("%s lacks the header %s", path, header)
			}
		}
	}
	if at(d, "components", "parameters", "Limit", "schema", "default") != float64(100) {
		t.Error("it does not tell how long pages are")
	}
	if at(d, "paths", "/emsp/2.1.1/cdrs", "post", "responses", "201", "headers", "Location") == nil {
		t.Error("a CDR that was sent has no Location")
	}
	if text := fmt.Sprint(at(d, "paths", "/cpo/2.1.1/locations", "get", "security")); text != "[map[] map[Token:[]]]" {
		t.Errorf("open data: security %s", text)
	}
	if at(d, "components", "securitySchemes", "Token", "name") != "Authorization" {
		t.Error("it does not tell how to say who calls")
	}
}

func TestARouteThatOCPIDoesNotHaveIsAnError(t *testing.T) {
	for _, r := range []openapi.Route{
		{Path: "/cpo/2.1.1/locations", Methods: []string{"POST"}, Version: ocpi.V211, Role: ocpi.RoleCPO, Module: ocpi.ModuleLocations},
		{Path: "/cpo/2.1.1/locations", Methods: []string{"GET"}, Version: "9.9", Role: ocpi.RoleCPO, Module: ocpi.ModuleLocations},
		{Path: "/elsewhere", Methods: []string{"GET"}},
	} {
		if _, err := openapi.Document(openapi.Config{Routes: []openapi.Route{r}}); err == nil {
			t.Errorf("%+v was taken", r)
		}
	}
}

// The schemas of every version stand by themselves.
func TestSchemasAreThereForEveryVersion(t *testing.T) {
	for _, v := range ocpi.Versions() {
		schemas, err := openapi.Schemas(v)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Location", "LocationPatch", "EVSE", "Connector", "Session", "CDR", "Tariff", "Token", "Credentials", "WhitelistType"} {
			if schemas[name] == nil {
				t.Errorf("%s lacks %s", v, name)
			}
		}
	}
	if _, err := openapi.Schemas("1.0"); err == nil {
		t.Error("there are schemas of a version that is none")
	}
}
