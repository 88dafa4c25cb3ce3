package backend

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// An operation is one method of one path, and what the document says of it.
type operation struct {
	method, path string
	// id names it in the document, tag is the chapter it stands in.
	id, tag, summary, doc string
	scope                 Scope
	// body names the schema of the request's body, bodyType its media type. Bodies that are a struct say it themselves.
	body, bodyType string
	// result is the schema of the answer, resultType its media type; statuses are those of success. Default 200 and JSON.
	result     *huma.Schema
	resultType string
	statuses   []int
	// tagged tells that answers have an ETag.
	tagged bool
}

// An answer is what an operation returns.
type answer struct {
	Status      int
	ETag        string `header:"ETag" doc:"The state of the object, for If-Match and If-None-Match"`
	Link        string `header:"Link"`
	Location    string `header:"Location"`
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// answered is an answer with a JSON document.
func answered(status int, body any) (*answer, error) {
	raw, err := json.Marshal(body)
	return &answer{Status: status, ContentType: jsonType, Body: raw}, err
}

const scopeOf = "scope"

// add adds an operation whose input is read by huma.
func add[I any](a *API, o operation, handle func(context.Context, *I) (*answer, error)) {
	op := a.describeOperation(o)
	op.MaxBodyBytes, op.BodyReadTimeout = -1, -1 // guard has read it
	op.SkipValidateBody = o.body != ""           // bodies that are an object of the model are read by the model's tables
	if o.method == http.MethodPost {
		op.Parameters = append(op.Parameters, onceParameter)
	}
	huma.Register(a.huma, *op, func(ctx context.Context, in *I) (*answer, error) {
		out, err := handle(ctx, in)
		if err == nil {
			return out, nil
		}
		p := problemOf(err)
		p.RequestID = requestID(ctx)
		if p.Status >= http.StatusInternalServerError {
			a.config.Logger.ErrorContext(ctx, "a request failed", "operation", o.id, "error", err, "request", p.RequestID)
		}
		return nil, p
	})
	if none := op.Responses[strconv.Itoa(http.StatusNoContent)]; none != nil { // for which huma describes one
		none.Content = nil
	}
	if o.body != "" { // huma takes what it does not read for bytes
		op.RequestBody.Content[orElse(o.bodyType, jsonType)].Schema = ref(o.body)
	}
}

// addRaw adds an operation that reads and answers itself.
func (a *API) addRaw(o operation, parameters []*huma.Param, handle http.HandlerFunc) {
	op := a.describeOperation(o)
	op.Parameters = parameters
	a.huma.OpenAPI().AddOperation(op)
	a.mux.HandleFunc(o.method+" "+op.Path, func(w http.ResponseWriter, r *http.Request) {
		admitted, err := a.admit(r, o.scope)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if err := plainQuery(r, op); err != nil {
			a.fail(w, r, err)
			return
		}
		handle(w, admitted)
	})
}

// plainQuery refuses parameters that an operation does not have.
func plainQuery(r *http.Request, op *huma.Operation) error {
	var unknown []Detail
	for _, name := range slices.Sorted(maps.Keys(r.URL.Query())) {
		if !slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name }) {
			unknown = append(unknown, Detail{Parameter: "query." + name, Message: "unknown query parameter"})
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	p := problem(http.StatusUnprocessableEntity, "there are parameters that this operation does not have")
	p.Problems = unknown
	return p
}

// guard comes before every operation that huma reads: who asks, whether it may, and whether it has asked before.
func (a *API) guard(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	op := ctx.Operation()
	scope, _ := op.Metadata[scopeOf].(Scope)
	admitted, err := a.admit(r, scope)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	body, err := a.body(w, admitted, op.RequestBody)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	serve := func(w http.ResponseWriter, r *http.Request) {
		r.Body = io.NopCloser(bytes.NewReader(body))
		next(humago.NewContext(op, r, w))
	}
	if r.Method != http.MethodPost || r.Header.Get(onceHeader) == "" {
		serve(w, admitted)
		return
	}
	if err := a.once.do(w, admitted, body, serve); err != nil {
		a.fail(w, r, err)
	}
}

// body reads the body of a request whole, which must be as it is documented.
func (a *API) body(w http.ResponseWriter, r *http.Request, documented *huma.RequestBody) ([]byte, error) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(a.config.BodyTimeout)) // there is none in tests
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, a.config.MaxBody))
	_ = control.SetReadDeadline(time.Time{}) // net/http goes on reading, to see whether the client is still there
	if err != nil {
		return nil, unreadable(err)
	}
	if documented == nil || len(body) == 0 {
		return body, nil
	}
	return body, readableType(r, documented.Content)
}

// readableType refuses bodies of a media type that an operation does not read. One without a type is taken for what is
// documented, and JSON for every kind of JSON, because many clients know no other.
func readableType(r *http.Request, documented map[string]*huma.MediaType) error {
	types := slices.Sorted(maps.Keys(documented))
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return problem(http.StatusUnsupportedMediaType, "the body is encoded as %q: send it as it is", encoding).with("Accept-Encoding", "identity")
	}
	named := r.Header.Get("Content-Type")
	if named == "" {
		return nil
	}
	is, _, err := mime.ParseMediaType(named)
	if err == nil && (documented[is] != nil || is == jsonType || documented[linesType] != nil && slices.Contains(otherLinesTypes, is)) {
		return nil
	}
	return problem(http.StatusUnsupportedMediaType, "a body of type %q cannot be read here: send %s", named, strings.Join(types, " or ")).
		with("Accept", strings.Join(types, ", "))
}

// otherLinesTypes are further names of JSON lines, of which none is registered.
var otherLinesTypes = []string{"application/jsonl", "application/jsonlines", "application/x-jsonlines", "application/ndjson"}

func (a *API) describeOperation(o operation) *huma.Operation {
	op := &huma.Operation{
		OperationID: o.id, Method: o.method, Path: Prefix + o.path, Tags: []string{o.tag}, Summary: o.summary, Description: o.doc,
		Metadata: map[string]any{scopeOf: o.scope}, Security: []map[string][]string{{"key": {}}},
		Extensions:                   map[string]any{"x-scope": string(o.scope)},
		RejectUnknownQueryParameters: true,
	}
	if o.body != "" {
		contentType := orElse(o.bodyType, jsonType)
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{contentType: {Schema: ref(o.body)}}}
	}
	op.Responses = map[string]*huma.Response{"default": problemResponse}
	for i, status := range o.statusesOrOK() {
		response := &huma.Response{Description: http.StatusText(status)}
		if o.result != nil && status != http.StatusNoContent && status != http.StatusNotModified {
			response.Content = map[string]*huma.MediaType{orElse(o.resultType, jsonType): {Schema: o.result}}
		}
		if o.tagged && status != http.StatusNoContent {
			response.Headers = map[string]*huma.Param{"ETag": {Description: "The state of the object", Schema: &huma.Schema{Type: "string"}}}
		}
		op.Responses[strconv.Itoa(status)] = response
		if i == 0 {
			op.DefaultStatus = status
		}
	}
	for status, words := range map[int]string{
		http.StatusUnauthorized: "No access key, or one that is not good",
		http.StatusForbidden:    fmt.Sprintf("The key lacks the scope %s", o.scope),
	} {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Description: words, Content: problemResponse.Content}
	}
	return op
}

func (o operation) statusesOrOK() []int {
	if len(o.statuses) == 0 {
		return []int{http.StatusOK}
	}
	return o.statuses
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

const schemas = "#/components/schemas/"

// anyObject is the schema of an object that huma does not look into.
func anyObject() *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
	s.PrecomputeMessages()
	return s
}

func ref(name string) *huma.Schema { return &huma.Schema{Ref: schemas + name} }

var problemResponse = &huma.Response{
	Description: "What is wrong",
	Content:     map[string]*huma.MediaType{problemType: {Schema: ref("Problem")}},
}

var onceParameter = &huma.Param{
	Name: onceHeader, In: "header", Schema: &huma.Schema{Type: "string", MaxLength: new(longestOnce)},
	Description: "The request with this key is done once. Repeated within a day, it gets the first answer again",
}

// schemaOf is the schema of a Go type.
func schemaOf[T any](a *API) *huma.Schema {
	return a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[T](), true, "")
}

// listOf is the schema of a page of a list.
func listOf(items *huma.Schema) *huma.Schema {
	return &huma.Schema{
		Type: "object", Required: []string{"items"},
		Properties: map[string]*huma.Schema{
			"items": {Type: "array", Items: items},
			"next":  {Type: "string", Description: "The cursor of the next page; missing on the last one"},
			"total": {Type: "integer", Description: "How many there are in the whole list; missing where that would have to be searched for"},
		},
	}
}

// humaConfig lets huma read and write JSON as the rest of the node does, and tell mistakes as we do.
func humaConfig(version string) huma.Config {
	config := huma.DefaultConfig("Roamwire backend API", version)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath, config.CreateHooks = "", "", "", nil
	format := huma.Format{
		Marshal:   func(w io.Writer, v any) error { return json.MarshalWrite(w, v, jsontext.AllowInvalidUTF8(true)) },
		Unmarshal: func(raw []byte, v any) error { return json.Unmarshal(raw, v, jsontext.AllowDuplicateNames(false)) },
	}
	config.Formats = map[string]huma.Format{jsonType: format, "json": format, "application/merge-patch+json": format}
	config.Transformers = []huma.Transformer{func(ctx huma.Context, _ string, v any) (any, error) {
		model, ok := v.(*huma.ErrorModel)
		if !ok {
			return v, nil
		}
		p := problemOfModel(model)
		p.RequestID = requestID(ctx.Context())
		return p, nil
	}}
	return config
}
