package ocpiserver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// body reads the request's body within its limits of size and time.
func (c *call) body() ([]byte, error) {
	limit := c.server.config.MaxBody
	if c.r.ContentLength > limit {
		c.w.Header().Set("Connection", "close")
		return nil, tooLarge(limit)
	}
	control := http.NewResponseController(c.w)
	// Writers that have no connection, as in tests, cannot set deadlines; they do not need them either.
	_ = control.SetReadDeadline(time.Now().Add(c.server.config.BodyTimeout))
	raw, err := readAll(http.MaxBytesReader(c.w, c.r.Body, limit), c.r.ContentLength)
	var tooLong *http.MaxBytesError
	switch {
	case err == nil:
		_ = control.SetReadDeadline(time.Time{})
		return raw, nil
	case errors.As(err, &tooLong):
		return nil, tooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.w.Header().Set("Connection", "close")
		return nil, &ocpi.Error{
			HTTP: http.StatusRequestTimeout, Code: ocpi.StatusClientError,
			Message: fmt.Sprintf("the body did not arrive within %s", c.server.config.BodyTimeout),
		}
	default:
		c.w.Header().Set("Connection", "close")
		return nil, &ocpi.Error{HTTP: http.StatusBadRequest, Code: ocpi.StatusClientError, Message: "the body did not arrive whole", Err: err}
	}
}

// readAll is io.ReadAll for bodies that mostly say how long they are.
func readAll(r io.Reader, length int64) ([]byte, error) {
	if length < 0 {
		return io.ReadAll(r)
	}
	raw := make([]byte, length)
	_, err := io.ReadFull(r, raw)
	return raw, err
}

func tooLarge(limit int64) *ocpi.Error {
	return &ocpi.Error{
		HTTP: http.StatusRequestEntityTooLarge, Code: ocpi.StatusClientError,
		Message: fmt.Sprintf("the body is larger than %d bytes", limit),
	}
}
