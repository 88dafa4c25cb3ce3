package event

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A Webhook is an endpoint that events are sent to.
type Webhook struct {
	// ID is its name, of letters, digits, "-", "_" and "."; one is made where none is given.
	ID          string `json:"id"`
	URL         string `json:"url"`
	Description string `json:"description,omitempty"`
	// Types, Partners and Modules are what it is told of; empty for everything. A type may end with "*".
	Types    []string        `json:"types,omitempty"`
	Partners []string        `json:"partners,omitempty"`
	Modules  []ocpi.ModuleID `json:"modules,omitempty"`
	// Disabled tells that nothing is sent. What happens meanwhile is sent later, as far as it is kept.
	Disabled bool `json:"disabled,omitzero"`
	// Secret signs what is sent, as "whsec_" and Base64. It is given or made when the webhook is added, and can be changed;
	// for a day both the old and the new one sign. It is not told again.
	Secret string `json:"secret,omitempty"`
}

func (w *Webhook) filter() store.EventFilter {
	return store.EventFilter{Types: w.Types, Partners: w.Partners, Modules: w.Modules}
}

// A webhookState is what is on disk beside the cursor. Management writes what a webhook is, its lane how far it has come.
type webhookState struct {
	Webhook
	Created time.Time `json:"created"`
	// Reason is why it was disabled, where no person did it.
	Reason string `json:"reason,omitempty"`
	// Untold is set while nobody has been told of that.
	Untold bool `json:"untold,omitzero"`
	// Secrets are what signs, the newest first.
	Secrets []sealedSecret `json:"secrets"`
	// Birth tells the webhook from one of the same ID that was removed before it was made.
	Birth string `json:"birth,omitempty"`
	// Revision changes whenever a person changes something, Epoch when that is the cursor: a lane then reads it anew.
	Revision int64 `json:"revision"`
	Epoch    int64 `json:"epoch,omitzero"`
	// Again is the number up to which events are sent that were sent before, some of which may be among the dead ones.
	Again int64 `json:"again,omitzero"`
	// Replays are dead events that are to be sent again.
	Replays []replay `json:"replays,omitempty"`
	Lane    progress `json:"lane,omitzero"`
}

// A version is a webhook as a person has made or changed it.
type version struct {
	birth    string
	revision int64
}

func (s *webhookState) version() version { return version{s.Birth, s.Revision} }

// A sealedSecret is a secret as it is on disk.
type sealedSecret struct {
	Sealed []byte `json:"sealed"`
	// Until is when it signs no longer; zero for the newest.
	Until time.Time `json:"until,omitzero"`
}

// A replay asks for the dead events after one number and up to another to be sent again.
type replay struct {
	ID    int64 `json:"id"`
	After int64 `json:"after"`
	Upto  int64 `json:"upto"`
}

// A progress is how a lane is doing.
type progress struct {
	// Failures is how many requests in a row have failed, Until when the next one is made, Since when the first of them
	// failed.
	Failures int       `json:"failures,omitzero"`
	Until    time.Time `json:"until,omitzero"`
	Since    time.Time `json:"since,omitzero"`
	// Refused is how often in a row the endpoint has refused the event that is next, whose id is Refusing.
	Refused  int    `json:"refused,omitzero"`
	Refusing string `json:"refusing,omitempty"`

	Sent    int64     `json:"sent,omitzero"`
	Success time.Time `json:"success,omitzero"`
	Error   string    `json:"error,omitempty"`
	Failed  time.Time `json:"failed,omitzero"`
	// Lost is what the endpoint has to be told that it has missed, LastLost what it missed last.
	Lost     *Lost `json:"lost,omitempty"`
	LastLost *Lost `json:"last_lost,omitempty"`
}

// A hook is a webhook as it was read.
type hook struct {
	record store.Hook
	state  webhookState
}

func readHook(record store.Hook) (hook, error) {
	h := hook{record: record}
	if err := json.Unmarshal(record.State, &h.state); err != nil {
		return h, fmt.Errorf("read webhook %s: %w", record.ID, err)
	}
	return h, nil
}

// save writes a webhook's state into its record.
func (s *webhookState) save(record *store.Hook) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write webhook %s: %w", record.ID, err)
	}
	record.State = text
	return nil
}

var webhookID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

const longestDescription = 500

// check returns what is wrong with a webhook that is to be.
func (w *Webhook) check(p *policy) error {
	var found []ocpi.Finding
	add := func(pointer string, code ocpi.FindingCode, message string) {
		if message != "" {
			found = append(found, ocpi.Finding{Pointer: pointer, Code: code, Message: message})
		}
	}
	if w.ID != "" && !webhookID.MatchString(w.ID) {
		add("/id", ocpi.FindingFormat, "is not 1 to 64 letters, digits, hyphens, underscores and dots")
	}
	code, message := p.checkURL(w.URL)
	add("/url", code, message)
	if utf8.RuneCountInString(w.Description) > longestDescription {
		add("/description", ocpi.FindingLength, "is longer than "+strconv.Itoa(longestDescription)+" characters")
	}
	if w.Secret != "" {
		if _, err := readSecret(w.Secret); err != nil {
			add("/secret", ocpi.FindingFormat, err.Error())
		}
	}
	found = append(found, checkFilter(w.filter(), "/types", "/partners", "/modules")...)
	if len(found) > 0 {
		return &Invalid{Findings: found}
	}
	return nil
}

// A WebhookStatus is a webhook, and how it is doing.
type WebhookStatus struct {
	Webhook
	Created time.Time `json:"created"`
	// Reason is why it is disabled, where no person has done it.
	Reason string `json:"disabled_reason,omitempty"`
	// Cursor is the number of the event up to which everything was dealt with.
	Cursor int64 `json:"cursor"`
	// Backlog is how many events wait, counted up to 1,000; More tells that there are more. Oldest is when the first of them
	// happened.
	Backlog int       `json:"backlog"`
	More    bool      `json:"backlog_is_more,omitzero"`
	Oldest  time.Time `json:"oldest_waiting,omitzero"`
	// Dead is how many events are kept that the endpoint did not take, counted up to 1,000.
	Dead int `json:"dead"`
	// Replaying tells that dead events are to be sent again.
	Replaying bool `json:"replaying,omitzero"`
	// Sent counts what the endpoint took, LastSuccess is when that was last.
	Sent        int64     `json:"sent"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastError   string    `json:"last_error,omitempty"`
	LastFailure time.Time `json:"last_failure,omitzero"`
	// Failures is how many requests in a row have failed; NextTry is when the next is made.
	Failures int       `json:"failures,omitzero"`
	NextTry  time.Time `json:"next_try,omitzero"`
	// Lost are events that were removed before the endpoint had them.
	Lost *Lost `json:"lost,omitempty"`
}
