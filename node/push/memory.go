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
// store.Delivery, which only the object's lane writes, and a person by way of Change.
type memory struct {
	// Since is the cursor at which the partner had the object's state, for an object that is held.
	Since int64 `json:"since,omitzero"`
	// Attempts counts failures; First and Failed are when the first and the last one were, Reason is why.
	Attempts int       `json:"attempts,omitzero"`
	Reason   string    `json:"reason,omitempty"`
	First    time.Time `json:"first,omitzero"`
	Failed   time.Time `json:"failed,omitzero"`
	// Change is the state that was sent then. Refused counts how often the partner refused that state, Faults how often it
	// failed over it while others got through.
	Change  int64 `json:"change,omitzero"`
	Refused int   `json:"refused,omitzero"`
	Faults  int   `json:"faults,omitzero"`
	// Parked tells that the object waits for a person, and is tried by itself only now and then; Parks counts those tries.
	Parked bool `json:"parked,omitzero"`
	Parks  int  `json:"parks,omitzero"`

	// Posting tells that a CDR was sent, at the time Posted, and that it is not known whether it arrived. Asks counts how
	// often the partner could not tell, Misses how often in a row it said that it does not have it, or a tariff to be deleted.
	Posting bool      `json:"posting,omitzero"`
	Posted  time.Time `json:"posted,omitzero"`
	Asks    int       `json:"asks,omitzero"`
	Misses  int       `json:"misses,omitzero"`
	// Location is where the partner has a CDR.
	Location string `json:"location,omitempty"`
	// Body is a session as the partner has it, and Stage how far the partner was told that it is. Of one that has ended there
	// is no Body.
	Body  jsontext.Value `json:"body,omitempty"`
	Stage int            `json:"stage,omitzero"`
	// Ended is what stood for the last Stage before.
	Ended bool `json:"ended,omitzero"`
}

// settle forgets what came before the object got through, or was deleted. Of a CDR that may have arrived that stays known: it
// may be stored again.
func (m *memory) settle() {
	before := *m
	*m = memory{Location: m.Location, Body: m.Body, Stage: m.Stage}
	if before.Posting {
		m.Posting, m.Posted = true, before.Posted
	}
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
	if m.Ended {
		m.Stage, m.Ended = ended, false
	}
	m.Parked = m.Parked || d.Held && d.Due.IsZero()
	return m, nil
}

// lasting reports whether there is something to remember of an object that is not held.
func (m *memory) lasting() bool {
	return m.Location != "" || len(m.Body) > 0 || m.Stage == ended || m.Posting
}

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }
