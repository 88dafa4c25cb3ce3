package ocpitest

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// detail is an error that is not about a field.
func detail(httpStatus int, text string) *Answer {
	return &Answer{HTTP: httpStatus, Body: encode(map[string]string{"detail": text})}
}

// A pythonError is what is wrong with a field.
type pythonError struct {
	Loc  []any  `json:"loc"`
	Msg  string `json:"msg"`
	Type string `json:"type"`
}

func unprocessable(errors ...pythonError) *Answer {
	return &Answer{HTTP: http.StatusUnprocessableEntity, Body: encode(map[string][]pythonError{"detail": errors})}
}

func tooLong(name, value string) []pythonError {
	most, ok := pythonLengths()[name]
	if !ok || len(value) <= most {
		return nil
	}
	return []pythonError{{[]any{"path", name}, fmt.Sprintf("%s length must be lower or equal to %d", name, most), "value_error"}}
}

// pythonMessages are the texts of the statuses.
func pythonMessages() map[ocpi.StatusCode]string {
	return map[ocpi.StatusCode]string{
		ocpi.StatusSuccess:              "Generic success code",
		ocpi.StatusNotEnoughInformation: "Not enough information",
		ocpi.StatusUnknownLocation:      "Unknown Location",
		ocpi.StatusServerError:          "Generic server error",
		ocpi.StatusCannotUseClientAPI:   "Unable to use the client’s API",
		ocpi.StatusUnsupportedVersion:   "Unsupported version",
	}
}

// pythonEnvelope is an envelope as they write it: data first, and HTTP 200 in any case.
func pythonEnvelope(data jsontext.Value, code ocpi.StatusCode) Answer {
	return Answer{HTTP: http.StatusOK, Body: encode(struct {
		Data          jsontext.Value  `json:"data"`
		StatusCode    ocpi.StatusCode `json:"status_code"`
		StatusMessage string          `json:"status_message"`
		Timestamp     ocpi.DateTime   `json:"timestamp"`
	}{data, code, pythonMessages()[code], ocpi.NewDateTime(time.Now()).Truncate()})}
}

func success(data jsontext.Value) Answer { return pythonEnvelope(data, ocpi.StatusSuccess) }

func pythonFailure(code ocpi.StatusCode) *Answer {
	a := pythonEnvelope(pythonList(), code)
	return &a
}

func pythonList(items ...jsontext.Value) jsontext.Value {
	return append(append(jsontext.Value{'['}, joined(items)...), ']')
}

func joined(items []jsontext.Value) jsontext.Value {
	parts := make([][]byte, len(items))
	for i, item := range items {
		parts[i] = item
	}
	return bytes.Join(parts, []byte(","))
}

// dataOf is what the Partner's server has answered, or how they would have refused the same.
func dataOf(a *Answer) (jsontext.Value, *Answer) {
	var envelope ocpi.Envelope[jsontext.Value]
	if json.Unmarshal(a.Body, &envelope) != nil {
		return nil, pythonFailure(ocpi.StatusServerError)
	}
	switch {
	case a.HTTP == http.StatusNotFound:
		return nil, detail(http.StatusNotFound, "Object not found.")
	case a.HTTP == http.StatusConflict: // another registration at the same time
		return nil, detail(http.StatusMethodNotAllowed, "Client is already registered")
	case a.HTTP/100 == 4 || envelope.StatusCode == ocpi.StatusInvalidParameters:
		return nil, unprocessable(pythonError{[]any{"body"}, envelope.StatusMessage, "value_error"})
	case envelope.StatusCode.Success():
		return envelope.Data, nil
	case pythonMessages()[envelope.StatusCode] == "":
		return nil, pythonFailure(ocpi.StatusServerError)
	default:
		return nil, pythonFailure(envelope.StatusCode)
	}
}
