package push

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
)

// A memory is what is remembered of one object at one partner; most objects need none. It is the State of a
// store.Delivery.
type memory struct {
	// Since is the cursor at which the partner had the object's state, for an object that is held.
	Since int64 `json:"since,omitzero"`
	// Attempts counts failures, Reason is the last one, and Failed when that was.
	Attempts int       `json:"attempts,omitzero"`
	Reason   string    `json:"reason,omitempty"`
	Failed   time.Time `json:"failed,omitzero"`
	// Refused counts those failures in which the partner refused the object itself.
	Refused int `json:"refused,omitzero"`

	// Posting tells that a CDR was sent and that it is not known whether it arrived.
	Posting bool `json:"posting,omitzero"`
	// Location is where the partner has a CDR.
	Location string `json:"location,omitempty"`
	// Body is a session as the partner has it; Ended tells of one that the partner has as ended.
	Body  jsontext.Value `json:"body,omitempty"`
	Ended bool           `json:"ended,omitzero"`
}

// delivery is the record of a memory.
func (m *memory) delivery(partner string, key store.Key, sent int64) (store.Delivery, error) {
	state, err := json.Marshal(m)
	if err != nil {
		return store.Delivery{}, fmt.Errorf("write what is known of %s %s at %s: %w", key.Module, key.ID, partner, err)
	}
	return store.Delivery{Partner: partner, Key: key, Sent: sent, State: state}, nil
}

func readMemory(d store.Delivery) (memory, error) {
	var m memory
	if len(d.State) == 0 {
		return m, nil
	}
	if err := json.Unmarshal(d.State, &m); err != nil {
		return m, fmt.Errorf("read what is known of %s %s at %s: %w", d.Key.Module, d.Key.ID, d.Partner, err)
	}
	return m, nil
}

// lasting reports whether there is something to remember of an object that is not held.
func (m *memory) lasting() bool { return m.Location != "" || len(m.Body) > 0 || m.Ended }

// A laneState is the State of a store.Lane.
type laneState struct {
	Breaker breaker `json:"breaker,omitzero"`
	// Sent counts messages that got through, Success is when the last one did.
	Sent    int64     `json:"sent,omitzero"`
	Success time.Time `json:"success,omitzero"`
	// Error is the last failure, Failed when it was.
	Error  string    `json:"error,omitempty"`
	Failed time.Time `json:"failed,omitzero"`
	// Placed is a CDR of which it is known where the partner has it: others are looked for at places like it.
	Placed placed `json:"placed,omitzero"`
}

// A placed is a CDR that the partner has, and where.
type placed struct {
	ID       string `json:"id"`
	Location string `json:"location"`
}

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }
