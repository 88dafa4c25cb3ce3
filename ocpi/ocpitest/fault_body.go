package ocpitest

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"net/http"
)

// NotJSON answers 200 with a web page, and does not carry out the request.
func NotJSON() Action {
	const page = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>\n"
	return instead(func(*http.Request) Answer {
		return Answer{HTTP: http.StatusOK, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, Body: []byte(page)}
	})
}

// EmptyBody carries out a request and answers without a body.
func EmptyBody() Action {
	return Change(func(_ *http.Request, a *Answer) { a.Body = nil })
}

// WrongJSON carries out a request and breaks the syntax of the answer.
func WrongJSON() Action {
	return Change(func(_ *http.Request, a *Answer) { a.Body = bytes.Replace(a.Body, []byte(":"), []byte("="), 1) })
}

// TruncatedJSON carries out a request and answers with the first half of the body as if that were all.
func TruncatedJSON() Action {
	return Change(func(_ *http.Request, a *Answer) { a.Body = a.Body[:len(a.Body)/2] })
}

// CutBody carries out a request, announces the whole answer, and ends the connection after half of it.
func CutBody() Action {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := answerOf(next, r)
			a.sendHeader(w, len(a.Body))
			_, _ = w.Write(a.Body[:len(a.Body)/2])
			flush(w)
			panic(http.ErrAbortHandler)
		})
	}
}

// HugeBody answers with an envelope whose data is a list of texts, at least this many bytes long, and does not carry
// out the request. The length is not announced.
func HugeBody(bytes int64) Action {
	return streamed(http.Header{}, func(w io.Writer) { writeHuge(w, bytes) })
}

// GzipBomb is HugeBody compressed, to about a thousandth. It comes whether or not the client said that it takes gzip;
// Go's own, which asks for it by itself, unpacks it without being told.
func GzipBomb(bytes int64) Action {
	return streamed(http.Header{"Content-Encoding": {"gzip"}}, func(w io.Writer) {
		packed := gzip.NewWriter(w)
		writeHuge(packed, bytes)
		_ = packed.Close() // the client is gone
	})
}

func streamed(header http.Header, write func(io.Writer)) Action {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			maps.Copy(w.Header(), header)
			w.Header().Set("Content-Type", "application/json")
			write(untilGone{w, r})
		})
	}
}

// untilGone stops writing for a client that has gone, or a Partner that is closed.
type untilGone struct {
	io.Writer
	request *http.Request
}

func (u untilGone) Write(b []byte) (int, error) {
	if err := u.request.Context().Err(); err != nil {
		return 0, err
	}
	return u.Writer.Write(b)
}

func writeHuge(w io.Writer, size int64) {
	const begin, end = `{"status_code":1000,"timestamp":"2026-03-04T12:00:00Z","data":["`, `"]}`
	piece := append(bytes.Repeat([]byte("a"), 8<<10), `","`...)
	if _, err := io.WriteString(w, begin); err != nil {
		return
	}
	for written := int64(len(begin) + len(end)); written < size; written += int64(len(piece)) {
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
	_, _ = io.WriteString(w, end)
}
