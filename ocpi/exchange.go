package ocpi

import "time"

// A Direction says who sent the request of an exchange.
type Direction string

// The two directions of an exchange.
const (
	Inbound  Direction = "in"  // the partner called us
	Outbound Direction = "out" // we called the partner
)

// An Exchange is one request and what became of it, in either direction. It holds what was on the wire, secrets
// included, except the Authorization header: who keeps exchanges masks them, and keeps nothing of Secrets.
type Exchange struct {
	// At is when the request began.
	At        time.Time
	Direction Direction
	// Partner is our name for the other side; empty where a caller was not recognised.
	Partner string
	Method  string
	// URL is the whole URL of a request we sent, and the path with the query of one we got.
	URL string
	// Route is the pattern that an inbound request matched, such as
	// /emsp/2.1.1/locations/{country_code}/{party_id}/{location_id}.
	Route                    string
	Module                   ModuleID
	RequestID, CorrelationID string
	// Version is that of the messages; empty where they are in none, as the list of versions.
	Version Version
	// HTTP is the HTTP status, 0 where there was no answer; Status that of the envelope, 0 where there was none.
	HTTP     int
	Status   StatusCode
	Duration time.Duration
	// RequestSize and ResponseSize are the lengths of the bodies in bytes, as far as they were read.
	RequestSize, ResponseSize int64
	// RequestBody and ResponseBody are the beginnings of the bodies, up to the size that was asked for. Their memory is
	// used again for other bodies: who keeps an exchange copies them.
	RequestBody, ResponseBody []byte
	// Findings are the deviations of what the partner sent, Quirks the names of those that were put right.
	Findings []Finding
	Quirks   []string
	// Losses are what an older version could not say of the objects in either body, and what the model could not take over.
	// Pages that a backend has in the partner's version already were translated before, and have none here.
	Losses Losses
	// Error is why there is no answer, or none that can be used.
	Error string

	// Secrets are the tokens of the exchange as they are, of which nothing else here need tell: what partners called each
	// other with, and what they were given to do so. They are never stored. Who keeps exchanges removes each of them from
	// all the rest, also where it is in Base64, with padding or without, or in hex: partners repeat them.
	Secrets []string
}
