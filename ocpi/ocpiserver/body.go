package ocpiserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// body reads the request's body within its limits of size and time.
func (c *call) body() ([]byte, error) {
	limit := c.server.config.MaxBody
	if c.r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	raw, err := readAll(http.MaxBytesReader(c.w, c.r.Body, limit), c.r.ContentLength)
	c.captureRequest(raw)
	var tooLong *http.MaxBytesError
	switch {
	case err == nil:
		c.bodyRead = true
		_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{}) // limitTime has set it
		return raw, nil
	case errors.As(err, &tooLong):
		return nil, tooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &ocpi.Error{
			HTTP: http.StatusRequestTimeout, Code: ocpi.StatusClientError,
			Message: fmt.Sprintf("the body did not arrive within %s", c.server.config.BodyTimeout),
		}
	default:
		return nil, &ocpi.Error{HTTP: http.StatusBadRequest, Code: ocpi.StatusClientError, Message: "the body did not arrive whole", Err: err}
	}
}

// readAll is io.ReadAll for bodies that mostly say how long they are. It takes memory for what has come and not for what
// was announced.
func readAll(r io.Reader, length int64) ([]byte, error) {
	const most = 64 << 10
	b := bytes.NewBuffer(make([]byte, 0, min(max(length, 0), most)+bytes.MinRead))
	_, err := b.ReadFrom(r)
	return b.Bytes(), err
}

// anyJSON reads a body of which only has to be known that it is JSON.
func (c *call) anyJSON() error {
	raw, err := c.body()
	if err != nil || jsontext.Value(raw).IsValid() {
		return err
	}
	return &ocpi.Error{HTTP: http.StatusBadRequest, Code: ocpi.StatusInvalidParameters, Message: "the body is not a JSON document"}
}

func tooLarge(limit int64) *ocpi.Error {
	return &ocpi.Error{
		HTTP: http.StatusRequestEntityTooLarge, Code: ocpi.StatusClientError,
		Message: fmt.Sprintf("the body is larger than %d bytes", limit),
	}
}
