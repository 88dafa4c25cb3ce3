package ocpi

// An Envelope is the wrapper of every response (2.1.1 transport_and_format, response format).
type Envelope[T any] struct {
	// Data is the answer. It may be anything or absent unless the status is 1xxx (requirement TF-54).
	Data T `json:"data,omitzero"`
	// StatusCode says how the request was handled.
	StatusCode StatusCode `json:"status_code"`
	// StatusMessage helps people.
	StatusMessage string `json:"status_message,omitzero"`
	// Timestamp is when the response was made.
	Timestamp DateTime `json:"timestamp"`
}
