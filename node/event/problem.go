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

// A problem is what a request gets that is not granted (RFC 9457), as the rest of the backend API tells it.
type problem struct {
	Title     string          `json:"title"`
	Status    int             `json:"status"`
	Detail    string          `json:"detail,omitempty"`
	RequestID string          `json:"request_id,omitempty"`
	Problems  []problemDetail `json:"problems,omitempty"`
}

// A problemDetail is one thing that is wrong. A request of the stream has no document, so Pointer is always empty.
type problemDetail struct {
	Pointer   string           `json:"pointer"`
	Parameter string           `json:"parameter"`
	Code      ocpi.FindingCode `json:"code"`
	Message   string           `json:"message"`
}

func writeProblem(w http.ResponseWriter, status int, detail string, found []ocpi.Finding) {
	// Whoever admitted the request has given it its id.
	p := problem{Title: http.StatusText(status), Status: status, Detail: detail, RequestID: w.Header().Get("X-Request-ID")}
	for _, f := range found {
		p.Problems = append(p.Problems, problemDetail{Parameter: parameterOf(f.Pointer), Code: f.Code, Message: f.Message})
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

// parameterOf names the parameter that a pointer of readQuery is about, as in query.after or query.type[1].
func parameterOf(pointer string) string {
	parts := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, part := range parts {
		parts[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
	}
	if len(parts) == 3 { // the third is the place in a list
		return parts[0] + "." + parts[1] + "[" + parts[2] + "]"
	}
	return strings.Join(parts, ".")
}
