package backend

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A Problem is why a request was not done, as RFC 9457 has it.
type Problem struct {
	Type   string `json:"type,omitempty" doc:"What kind of problem it is; about:blank, which is meant where it is missing, for what the status says"`
	Title  string `json:"title" doc:"The status in words"`
	Status int    `json:"status" doc:"The HTTP status"`
	Detail string `json:"detail,omitempty" doc:"What is wrong, for people"`
	// RequestID is the one in the header X-Request-ID, by which the request is found in the log.
	RequestID string   `json:"request_id,omitempty" doc:"The request's id, as in the header X-Request-ID and in the node's log"`
	Problems  []Detail `json:"problems,omitempty" doc:"Everything that is wrong with the request, one by one"`

	// header are headers of the answer.
	header http.Header
	// cause is for our own log.
	cause error
}

// A Detail is one thing that is wrong with a request.
type Detail struct {
	Pointer   string           `json:"pointer" doc:"The place in the JSON document that was sent, as a JSON Pointer (RFC 6901); empty for the document itself"`
	Parameter string           `json:"parameter,omitempty" doc:"The parameter, where it is about one and not about the document, as in query.limit"`
	Code      ocpi.FindingCode `json:"code,omitempty" doc:"The kind of mistake, as in missing, type, enum, length, unknown"`
	Message   string           `json:"message" doc:"What is wrong, for people"`
}

// Error is the detail.
func (p *Problem) Error() string {
	if p.cause != nil {
		return fmt.Sprintf("%d %s: %v", p.Status, p.Detail, p.cause)
	}
	return fmt.Sprintf("%d %s", p.Status, p.Detail)
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus is for huma.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders is for huma.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType is for huma.
func (p *Problem) ContentType(string) string { return problemType }

const (
	problemType = "application/problem+json"
	jsonType    = "application/json"
	linesType   = "application/x-ndjson"
)

func problem(status int, format string, args ...any) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: short(fmt.Sprintf(format, args...))}
}

// short is a text as long as somebody might read: a message can have a whole path in it, as deep as the document is.
func short(text string) string {
	const most = 1000
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

func (p *Problem) with(header, value string) *Problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(header, value)
	return p
}

// invalid is an object that cannot be taken as it is.
func invalid(what string, findings []ocpi.Finding) *Problem {
	p := problem(http.StatusUnprocessableEntity, "%s is not valid; nothing was stored", what)
	p.Problems = details(findings)
	return p
}

// mistake is one mistake in a document.
func mistake(pointer string, code ocpi.FindingCode, format string, args ...any) *Problem {
	return invalid("the document", []ocpi.Finding{{Pointer: pointer, Code: code, Message: fmt.Sprintf(format, args...)}})
}

// details are findings, up to as many as somebody might look at.
func details(findings []ocpi.Finding) []Detail {
	const most = 1000
	if len(findings) > most {
		more := ocpi.Finding{Code: ocpi.FindingMore, Message: fmt.Sprintf("%d more", len(findings)-most)}
		findings = append(findings[:most:most], more)
	}
	all := make([]Detail, len(findings))
	for i, f := range findings {
		all[i] = Detail{Pointer: f.Pointer, Code: f.Code, Message: short(f.Message)}
	}
	return all
}

// problemOf is the Problem that an error is told as.
func problemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	if model, ok := errors.AsType[*huma.ErrorModel](err); ok {
		return problemOfModel(model)
	}
	var told *ocpi.Error
	switch {
	case errors.As(err, &told):
		return problemOfOCPI(told)
	case errors.Is(err, store.ErrNotFound):
		return problem(http.StatusNotFound, "there is no such thing")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		p = problem(http.StatusGatewayTimeout, "it was not done in time")
	default:
		p = problem(http.StatusInternalServerError, "the node could not do it; its log says why")
	}
	p.cause = err
	return p
}

func problemOfOCPI(told *ocpi.Error) *Problem {
	var p *Problem
	switch {
	case errors.Is(told, ocpi.ErrNotFound):
		p = problem(http.StatusNotFound, "%s", told.Message)
	case told.HTTP == http.StatusBadRequest:
		p = problem(http.StatusBadRequest, "%s", told.Message)
	case told.Code == ocpi.StatusInvalidParameters || told.Code == ocpi.StatusUnknownLocation:
		p = problem(http.StatusUnprocessableEntity, "%s", told.Message)
	default:
		p = problem(http.StatusInternalServerError, "the node could not do it; its log says why")
	}
	p.Problems, p.cause = details(told.Findings), told.Err
	return p
}

// problemOfModel is what huma finds wrong with parameters and bodies.
func problemOfModel(model *huma.ErrorModel) *Problem {
	p := problem(model.Status, "%s", model.Detail)
	for _, e := range model.Errors {
		detail := Detail{Message: short(e.Message)}
		if at, below, _ := strings.Cut(e.Location, "."); at == "body" || strings.HasPrefix(at, "body[") {
			detail.Pointer = pointerOf(strings.TrimPrefix(at, "body") + "." + below)
		} else {
			detail.Parameter = e.Location
		}
		p.Problems = append(p.Problems, detail)
	}
	return p
}

var index = regexp.MustCompile(`\[(\d+)\]`)

// pointerOf makes a JSON Pointer of a place that is written as in terms.serves[0].
func pointerOf(place string) string {
	place = strings.Trim(index.ReplaceAllString(place, ".$1"), ".")
	if place == "" {
		return ""
	}
	return "/" + strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(place, "~", "~0"), "/", "~1"), ".", "/")
}

// writeProblem answers with a problem.
func writeProblem(w http.ResponseWriter, r *http.Request, p *Problem) {
	p.RequestID = requestID(r.Context())
	maps.Copy(w.Header(), p.header)
	body, err := json.Marshal(p, jsontext.AllowInvalidUTF8(true)) // what is wrong may be just that
	if err != nil {
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // whoever does not read it misses it
}
