package ocpitest

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// An Answer is what a Partner is about to answer.
type Answer struct {
	HTTP   int
	Header http.Header
	Body   []byte
}

// Change lets a request be carried out and changes the answer before it goes out. The length in the header is made to
// fit the body.
func Change(change func(r *http.Request, a *Answer)) Action {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := answerOf(next, r)
			change(r, a)
			a.send(w)
		})
	}
}

// ChangeData is Change for the data of answers that are an envelope; others go out as they are. It must return JSON.
func ChangeData(change func(r *http.Request, data jsontext.Value) jsontext.Value) Action {
	return Change(func(r *http.Request, a *Answer) {
		var envelope ocpi.Envelope[jsontext.Value]
		if json.Unmarshal(a.Body, &envelope) != nil {
			return
		}
		envelope.Data = change(r, envelope.Data)
		a.Body = encode(envelope)
	})
}

// instead answers without carrying out the request.
func instead(answer func(r *http.Request) Answer) Action {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := answer(r)
			a.send(w)
		})
	}
}

// Status answers with this HTTP status and this OCPI status in the envelope, and does not carry out the request.
func Status(httpStatus int, code ocpi.StatusCode) Action {
	return instead(func(*http.Request) Answer {
		return Answer{HTTP: httpStatus, Header: jsonHeader(), Body: encode(ocpi.Envelope[jsontext.Value]{
			StatusCode: code, StatusMessage: http.StatusText(httpStatus), Timestamp: ocpi.NewDateTime(time.Now()).Truncate(),
		})}
	})
}

func jsonHeader() http.Header { return http.Header{"Content-Type": {"application/json"}} }

// encode writes what cannot fail to be written: values that were read from JSON, and our own.
func encode(v any) []byte {
	raw, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic("ocpitest: unreachable: " + err.Error())
	}
	return raw
}

// answerOf lets a handler answer and keeps the answer.
func answerOf(handler http.Handler, r *http.Request) *Answer {
	recorder := &recorder{answer: Answer{HTTP: http.StatusOK, Header: http.Header{}}}
	handler.ServeHTTP(recorder, r)
	recorder.answer.Body = recorder.body.Bytes()
	return &recorder.answer
}

func (a *Answer) send(w http.ResponseWriter) {
	a.sendHeader(w, len(a.Body))
	_, _ = w.Write(a.Body) // the client is gone; net/http has noticed
}

func (a *Answer) sendHeader(w http.ResponseWriter, length int) {
	h := w.Header()
	maps.Copy(h, a.Header)
	h.Set("Content-Length", strconv.Itoa(length))
	w.WriteHeader(a.HTTP)
}

// A recorder is a http.ResponseWriter that keeps the answer.
type recorder struct {
	answer  Answer
	body    bytes.Buffer
	started bool
}

func (r *recorder) Header() http.Header { return r.answer.Header }

func (r *recorder) WriteHeader(status int) {
	if !r.started {
		r.started, r.answer.HTTP = true, status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.started = true
	return r.body.Write(b)
}
