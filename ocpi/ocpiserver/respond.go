package ocpiserver

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// An answer is what a handler wants to say.
type answer struct {
	// http is the HTTP status; 0 means 200.
	http int
	// data is the value of the envelope's data; nil leaves it out (requirement TF-56).
	data []byte
	// items are the elements of data where it is a list; not nil for every list, also an empty one.
	items []jsontext.Value
	// written tells that the whole answer has gone out already.
	written bool
}

func created(isNew bool) answer {
	if isNew {
		return answer{http: http.StatusCreated}
	}
	return answer{}
}

// respond writes an answer in its envelope (requirements TF-51 to TF-55).
func (c *call) respond(a answer) {
	b := append(c.buffer(), '{')
	switch {
	case a.items != nil:
		b = append(b, `"data":[`...)
		for i, item := range a.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, item...)
		}
		b = append(b, "],"...)
	case a.data != nil:
		b = append(append(append(b, `"data":`...), a.data...), ',')
	}
	c.write(b, a.http, ocpi.StatusSuccess, "Success")
}

// fail writes an error in the envelope. The cause of an error goes to the log, never to the partner.
func (c *call) fail(err error) {
	var e *ocpi.Error
	if !errors.As(err, &e) {
		e = ocpi.ServerError(err)
	}
	c.logFailure(e, err)
	for _, f := range e.Findings {
		if !slices.Contains(c.findings, f) { // most were found in the body, and are known
			c.findings = append(c.findings, f)
		}
	}
	c.write(append(c.buffer(), '{'), e.HTTP, e.Code, e.StatusMessage())
}

// logFailure tells the log what the partner is told, and why. Failures of ours are errors; the client's own, and clients
// that went away, are for those who look into one partner's trouble.
func (c *call) logFailure(e *ocpi.Error, cause error) {
	level, message := slog.LevelDebug, "request refused"
	switch {
	case c.r.Context().Err() != nil:
		message = "client is gone"
	case e.Code == ocpi.StatusServerError, e.Code.HubError() && e.Code != ocpi.StatusUnknownReceiver:
		level, message = slog.LevelError, "request failed"
	}
	c.server.config.Logger.Log(c.ctx(), level, message, "partner", c.partnerID(), "request_id", c.requestID,
		"method", c.r.Method, "path", c.logPath(), "error", cause)
}

// write completes the envelope begun in b, which is the call's buffer, and sends it.
func (c *call) write(b []byte, httpStatus int, code ocpi.StatusCode, message string) {
	if httpStatus == 0 {
		httpStatus = http.StatusOK
	}
	c.http, c.status = httpStatus, code
	b = strconv.AppendInt(append(b, `"status_code":`...), int64(code), 10)
	if message != "" {
		b = append(b, `,"status_message":`...)
		b, _ = jsontext.AppendQuote(b, strings.ToValidUTF8(message, "\ufffd")) // fails for invalid UTF-8 only
	}
	b = append(b, `,"timestamp":"`...)
	b = append(b, ocpi.NewDateTime(c.server.config.Now()).Truncate().String()...)
	b = append(b, `"}`...)

	*c.envelope = b
	c.captureResponse(b)
	c.forgetBody()
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	c.w.WriteHeader(httpStatus)
	_, _ = c.w.Write(b) // the client is gone; net/http has noticed
}

// captureResponse keeps the beginning of the answer for the observer.
func (c *call) captureResponse(b []byte) {
	c.responseSize = int64(len(b))
	if n := min(c.server.config.Capture, len(b)); n > 0 {
		c.responseBody = b[:n:n]
	}
}

// captureRequest keeps the beginning of a body for the observer.
func (c *call) captureRequest(raw []byte) {
	c.requestSize = int64(len(raw))
	if n := min(c.server.config.Capture, len(raw)); n > 0 {
		c.requestBody = raw[:n:n]
	}
}

// A body that nobody reads is still taken, for as long as some of it keeps coming: many clients send everything before
// they read, and would see a broken connection instead of their answer.
const (
	bodyPause = time.Second
	bodyGrace = 5 * time.Second
	bodyPiece = 32 << 10
)

// forgetBody keeps net/http from waiting for a body that nobody has read: it would wait before it answers. A connection
// of HTTP/2 goes on with its other streams.
func (c *call) forgetBody() {
	if c.bodyRead || c.r.ContentLength == 0 {
		return
	}
	c.bodyForgotten = true
	if c.r.ProtoMajor == 1 {
		c.w.Header().Set("Connection", "close")
	}
}

// takeBody takes the rest of a body that was forgotten, after the answer.
func (c *call) takeBody() {
	if !c.bodyForgotten {
		return
	}
	control := http.NewResponseController(c.w)
	end := time.Now().Add(bodyGrace)
	err := control.Flush()
	for now := time.Now(); err == nil && now.Before(end); now = time.Now() {
		if err = control.SetReadDeadline(now.Add(bodyPause)); err == nil {
			_, err = io.CopyN(io.Discard, c.r.Body, bodyPiece)
		}
	}
	// What ends it is of no interest: the body is whole, or the client has gone or stopped sending.
}

// buffers hold envelopes while they are put together.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

// buffer is where the call's envelope is put together.
func (c *call) buffer() []byte {
	if c.envelope == nil {
		c.envelope = buffers.Get().(*[]byte)
	}
	return (*c.envelope)[:0]
}

// giveBack keeps the buffer for the next envelope, unless this one has made it uncommonly large.
func (c *call) giveBack() {
	if c.envelope != nil && cap(*c.envelope) <= 1<<20 {
		buffers.Put(c.envelope)
	}
	c.envelope = nil
}
