package ocpiclient

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// An envelope is the wrapper of an answer, as far as it can be read.
type envelope struct {
	// data is nil where it is absent. It is part of the body.
	data    jsontext.Value
	status  ocpi.StatusCode
	message string
	// timestamp is as it was written; nil where it is absent.
	timestamp jsontext.Value
	// found tells that there is a status: without one it is no envelope.
	found bool
	// broken is why the body is not one JSON document; nil where it is.
	broken error
}

// readEnvelope reads what can be read of an envelope: data may be anything or absent, the status a number or a text with
// one, the timestamp missing, and members that are not known are passed over (requirements TF-51 to TF-56, TF-74).
func readEnvelope(body []byte) envelope {
	var e envelope
	e.broken = walk(bytes.TrimPrefix(body, []byte("\ufeff")), func(name string, value jsontext.Value) {
		switch name {
		case "data":
			e.data = value
		case "status_code":
			e.status, e.found = statusCode(value)
		case "status_message":
			e.message = text(value)
		case "timestamp":
			e.timestamp = value
		}
	})
	if e.broken != nil {
		return envelope{broken: e.broken}
	}
	return e
}

func statusCode(value jsontext.Value) (ocpi.StatusCode, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(text(value)))
	if err != nil {
		return 0, false
	}
	return ocpi.StatusCode(n), true
}

// text is a JSON string without its quotes, nothing for null, and any other value as it is written.
func text(value jsontext.Value) string {
	switch value.Kind() {
	case '"':
		unquoted, _ := jsontext.AppendUnquote(nil, value) // what is broken in it is replaced
		return string(unquoted)
	case 'n':
		return ""
	default:
		return string(value)
	}
}

// foreignMessage is what a body without an envelope says about a failure, in the ways frameworks have: a detail,
// message, error or title in an object, or plain text.
func foreignMessage(body []byte, contentType string) string {
	said := map[string]string{}
	err := walk(body, func(name string, value jsontext.Value) { said[strings.ToLower(name)] = text(value) })
	if err != nil && strings.HasPrefix(contentType, "text/plain") {
		return string(body)
	}
	for _, name := range []string{"detail", "message", "error_description", "error", "title"} {
		if said[name] != "" {
			return said[name]
		}
	}
	return ""
}
