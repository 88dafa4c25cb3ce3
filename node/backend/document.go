package backend

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/jsonschema"
)

const documentIntro = `The API by which an operator's own systems feed a Roamwire node and ask it.

Objects are OCPI 2.3.0, whatever versions partners speak. It is strict: an object with a mistake, or with a member that OCPI does
not have, is refused with 422 and a JSON Pointer to each mistake, and nothing of it is stored.

- **Keys**: ` + "`Authorization: Bearer rw_…`" + `, made by ` + "`roamwire key add`" + `. A key has the scope read, write or admin, each of which has the ones before.
- **Problems** are told as RFC 9457 (application/problem+json).
- **ETag, If-Match, If-None-Match**: each object has an ETag. With If-Match, a change is made only where the object is still in that state (412
  otherwise); with ` + "`If-None-Match: *`" + ` it is only created.
- **Idempotency-Key**: any POST but the bulk ones can carry one. The same request with the same key is done once, and gets the same answer for
  24 hours; another request with that key gets 422, and one that is still under way 409.
- **Partners' objects**, under /received, are as the partner has sent them: they can have members and values that OCPI does not have.
- **Lists** come in pages; ` + "`next`" + ` and the Link header say where they go on.
- **X-Request-ID** is yours, or the node makes one; it stands in problems and in the node's log.`

var tags = []*huma.Tag{
	{Name: "locations", Description: "Our locations with their EVSEs and connectors, as CPO"},
	{Name: "sessions", Description: "Our sessions, as CPO"},
	{Name: "tariffs", Description: "Our tariffs, as CPO"},
	{Name: "cdrs", Description: "Our charge detail records, as CPO"},
	{Name: "tokens", Description: "Our tokens, as eMSP"},
	{Name: "received", Description: "What partners have sent"},
	{Name: "partners", Description: "Who we talk to, and what moves between us"},
	{Name: "commands", Description: "Remote commands, in both directions"},
	{Name: "authorize", Description: "Whether a driver may charge"},
	{Name: "events", Description: "What happens"},
	{Name: "webhooks", Description: "What happens, sent to you"},
	{Name: "keys", Description: "Access keys"},
}

// describe makes the document when every operation is there, and serves it with the viewer.
func (a *API) describe() error {
	o := a.huma.OpenAPI()
	o.Info.Description = documentIntro
	o.Tags = slices.DeleteFunc(slices.Clone(tags), func(t *huma.Tag) bool { return !a.tagged(t.Name) })
	o.Servers = []*huma.Server{{URL: "/", Description: "The node that this document comes from"}}
	o.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", BearerFormat: "rw_…", Description: "An access key"},
	}
	schemaOf[Problem](a)
	for _, s := range o.Components.Schemas.Map() { // huma's own word, which stands in its messages by now
		for _, member := range s.Properties {
			member.PatternDescription = ""
		}
	}
	raw, err := o.MarshalJSON()
	if err != nil {
		return err
	}
	if raw, err = withSchemas(raw); err != nil {
		return err
	}
	value := jsontext.Value(raw)
	if err := value.Indent(); err != nil {
		return err
	}
	a.document = value
	a.serveDocument(DocumentURL, "application/openapi+json", func() ([]byte, error) { return value, nil })
	// Few ask for it, and it takes longer to make than all the rest of a node's start.
	a.serveDocument("/api/openapi.yaml", "application/openapi+yaml", sync.OnceValues(func() ([]byte, error) { return yaml.JSONToYAML(value) }))
	if a.config.Docs != nil {
		a.mux.Handle("GET "+DocsPrefix, a.config.Docs)
		a.mux.Handle("GET "+DocsPrefix+"/", a.config.Docs)
	}
	return nil
}

// serveDocument serves the document in one of its forms.
func (a *API) serveDocument(path, contentType string, text func() ([]byte, error)) {
	a.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		text, err := text()
		if err != nil {
			a.fail(w, r, err)
			return
		}
		tag := tagOf(text)
		w.Header().Set("ETag", tag)
		w.Header().Set("Cache-Control", "no-cache")
		if lists(r.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(text) // whoever does not read it misses it
	})
}

// tagged reports whether an operation stands in a chapter.
func (a *API) tagged(name string) bool {
	for _, path := range a.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{path.Get, path.Put, path.Post, path.Patch, path.Delete} {
			if op != nil && slices.Contains(op.Tags, name) {
				return true
			}
		}
	}
	return false
}

// Document returns the OpenAPI document, as JSON.
func (a *API) Document() []byte { return bytes.Clone(a.document) }

// withSchemas puts the schemas of the model into the document.
func withSchemas(raw []byte) ([]byte, error) {
	var whole, components map[string]jsontext.Value
	var all map[string]jsontext.Value
	if err := json.Unmarshal(raw, &whole); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(whole["components"], &components); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(components["schemas"], &all); err != nil {
		return nil, err
	}
	for _, object := range placeholders {
		delete(all, object+inputSuffix)
	}
	delete(all, "ErrorModel") // huma's own problems, which we tell in our form
	delete(all, "ErrorDetail")
	model, err := jsonschema.Definitions(ocpi.V230, schemas)
	if err != nil {
		return nil, err
	}
	if err := addModel(all, model); err != nil {
		return nil, err
	}
	used := reachable(whole["paths"], all)
	maps.DeleteFunc(all, func(name string, _ jsontext.Value) bool { return !used[name] })
	if components["schemas"], err = json.Marshal(all, json.Deterministic(true)); err != nil {
		return nil, err
	}
	if whole["components"], err = json.Marshal(components, json.Deterministic(true)); err != nil {
		return nil, err
	}
	return json.Marshal(whole, json.Deterministic(true))
}

// addModel adds the model's schemas, with what may be sent of them.
func addModel(all map[string]jsontext.Value, model []jsonschema.Definition) error {
	for _, d := range model {
		if all[d.Name] != nil {
			return fmt.Errorf("the name %s stands for two things in the document", d.Name)
		}
		all[d.Name] = d.Schema
	}
	return addSent(all)
}

// reachable are the names of the schemas that the paths need, directly or through others.
func reachable(paths []byte, all map[string]jsontext.Value) map[string]bool {
	used := map[string]bool{}
	var follow func(text []byte)
	follow = func(text []byte) {
		for rest := text; ; {
			_, after, found := bytes.Cut(rest, []byte(`"`+schemas))
			if !found {
				return
			}
			name, _, _ := bytes.Cut(after, []byte(`"`))
			if rest = after; !used[string(name)] {
				used[string(name)] = true
				follow(all[string(name)])
			}
		}
	}
	follow(paths)
	return used
}
