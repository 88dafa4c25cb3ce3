// Package exchange keeps a record of every message between us and our partners, in both directions, for the people who
// have to find out what went wrong between two platforms.
//
// A Recorder takes exchanges from the server and the client without holding them up, takes out what must not be kept,
// and writes them to a Log, which is in package sqlitelog. The record is for looking things up: where there is more to
// write than time to write it, service goes first, and what is left out is counted.
package exchange

import (
	"context"
	"fmt"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// Settings say what is kept, and for how long. The zero value is good for a node.
type Settings struct {
	// Off records nothing.
	Off bool
	// BodySize is how much of each body is kept, in bytes, up to 8 MiB. Default 8 KiB; negative for nothing.
	BodySize int
	// BodyAge is how long bodies are kept. Default 24 hours.
	BodyAge time.Duration
	// Age is how long all the rest is kept. Default 30 days.
	Age time.Duration
	// MaxSize bounds the file, in bytes. Default 1 GiB. The oldest exchanges go first, and bodies have no more than half
	// of it, so that a burst of them does not push out the record of weeks.
	MaxSize int64
	// Unmasked keeps the ids of drivers' tokens and contracts as they are. Credentials are masked in any case.
	Unmasked bool
}

const (
	defaultBodySize = 8 << 10
	defaultBodyAge  = 24 * time.Hour
	defaultAge      = 30 * 24 * time.Hour
	defaultMaxSize  = 1 << 30
	smallestMaxSize = 1 << 20
	// largestBodySize is not more, because bodies are in memory until they are written.
	largestBodySize = 8 << 20
)

// Check says which setting cannot be used.
func (s Settings) Check() error {
	if s.BodyAge < 0 || s.Age < 0 {
		return fmt.Errorf("the age of exchanges cannot be negative")
	}
	if s.BodySize > largestBodySize {
		return fmt.Errorf("no more than %d bytes of each body can be kept", largestBodySize)
	}
	if s.MaxSize != 0 && s.MaxSize < smallestMaxSize {
		return fmt.Errorf("the file of exchanges cannot be kept below %d bytes: there would be nothing in it", smallestMaxSize)
	}
	return nil
}

func (s Settings) withDefaults() Settings {
	if s.BodySize == 0 {
		s.BodySize = defaultBodySize
	}
	s.BodySize = max(s.BodySize, 0)
	if s.BodyAge == 0 {
		s.BodyAge = defaultBodyAge
	}
	if s.Age == 0 {
		s.Age = defaultAge
	}
	if s.MaxSize == 0 {
		s.MaxSize = defaultMaxSize
	}
	return s
}

// A Record is an exchange as it is kept: with nothing in it that must not be kept.
type Record struct {
	// ID is the exchange's place in the log; given by the log, larger with every exchange.
	ID        int64
	At        time.Time
	Direction ocpi.Direction
	// Partner is our name for the other side; empty where a caller was not recognised.
	Partner string
	Method  string
	URL     string
	Module  ocpi.ModuleID
	// Object is what the URL names below its module, such as LOC1/EVSE1; for a CDR that is posted the id in its body.
	Object                   string
	RequestID, CorrelationID string
	// HTTP and Status are 0 where there was none.
	HTTP     int
	Status   ocpi.StatusCode
	Duration time.Duration
	// RequestSize and ResponseSize are the lengths of the bodies in bytes.
	RequestSize, ResponseSize int64
	// Request and Response are the beginnings of the bodies with a note in brackets where something was left out. They
	// are empty where bodies are not kept, or no longer.
	Request, Response string
	Findings, Quirks  []string
	// Losses are the first of what did not cross between the partner's version and the model, and how many more there are.
	Losses []string
	Error  string
}

// Ended is when the exchange was over.
func (r Record) Ended() time.Time { return r.At.Add(r.Duration) }

// A QuirkCount is how often a deviation of a partner was put right.
type QuirkCount struct {
	Name     string    `json:"name"`
	Messages int64     `json:"messages"`
	Last     time.Time `json:"last"`
}

// A Log is where records are kept. A Recorder uses it from one goroutine.
type Log interface {
	// Append adds records at the end of the log.
	Append(ctx context.Context, records []Record) error
	// Trim removes some of what is beyond the limits, and reports whether there is more of it.
	Trim(ctx context.Context, limits Limits) (more bool, err error)
	// Close closes the log.
	Close() error
}

// Limits are what a log may keep.
type Limits struct {
	// Bodies and Records of exchanges that ended before these times go.
	Bodies, Records time.Time
	// Size bounds the file, in bytes.
	Size int64
}

func (s Settings) limits(now time.Time) Limits {
	return Limits{Bodies: now.Add(-s.BodyAge), Records: now.Add(-s.Age), Size: s.MaxSize}
}
