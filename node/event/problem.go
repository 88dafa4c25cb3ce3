package event

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
)

// Invalid tells what is wrong with what somebody wants.
type Invalid struct {
	// Findings have JSON Pointers into what was given. For a request of the stream they begin with /query and /header.
	Findings []ocpi.Finding
}

func (e *Invalid) Error() string {
	var all []string
	for _, f := range e.Findings {
		all = append(all, f.String())
	}
	return strings.Join(all, "; ")
}

func invalid(pointer string, code ocpi.FindingCode, format string, args ...any) *Invalid {
	return &Invalid{Findings: []ocpi.Finding{{Pointer: pointer, Code: code, Message: fmt.Sprintf(format, args...)}}}
}

// A problem is what a request gets that is not granted (RFC 9457).
type problem struct {
	Title  string          `json:"title"`
	Status int             `json:"status"`
	Detail string          `json:"detail,omitempty"`
	Errors []problemDetail `json:"errors,omitempty"`
}

type problemDetail struct {
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

func writeProblem(w http.ResponseWriter, status int, detail string, found []ocpi.Finding) {
	p := problem{Title: http.StatusText(status), Status: status, Detail: detail}
	for _, f := range found {
		p.Errors = append(p.Errors, problemDetail{Pointer: f.Pointer, Code: string(f.Code), Detail: f.Message})
	}
	text, err := json.Marshal(&p)
	if err != nil {
		http.Error(w, detail, status)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client is gone if it fails
}
