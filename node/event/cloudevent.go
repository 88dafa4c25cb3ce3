package event

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A CloudEvent is an event as consumers get it: CloudEvents 1.0 in JSON, with the extension attributes partner and module.
type CloudEvent struct {
	SpecVersion string `json:"specversion"`
	// ID is the event's number, after which a consumer goes on.
	ID      string    `json:"id"`
	Source  string    `json:"source"`
	Type    string    `json:"type"`
	Subject string    `json:"subject,omitempty"`
	Time    time.Time `json:"time"`
	// Partner is our name for the partner it has to do with, Module the module it is about.
	Partner         string         `json:"partner,omitempty"`
	Module          ocpi.ModuleID  `json:"module,omitempty"`
	DataContentType string         `json:"datacontenttype,omitempty"`
	Data            jsontext.Value `json:"data,omitempty"`
	// DataBase64 is there instead of Data where an event's data is not JSON, which none of ours should be.
	DataBase64 []byte `json:"data_base64,omitempty"`
}

const contentTypeCloudEvent = "application/cloudevents+json"

// A message is an event as it is written, once for all that get it. It is never changed.
type message struct {
	number                int64
	id                    string
	kind, subject         string
	partner               string
	module                ocpi.ModuleID
	at                    time.Time
	frame                 []byte // for Server-Sent Events
	jsonStart, jsonLength int
}

// json is the event as CloudEvents JSON, on one line.
func (m *message) json() []byte { return m.frame[m.jsonStart : m.jsonStart+m.jsonLength] }

// write writes an event of the journal.
func write(source string, e store.Event) (*message, error) {
	return writeAs(source, strconv.FormatInt(e.Number, 10), e)
}

// writeAs writes an event with an id of its own. A consumer that has got it goes on after e.Number.
func writeAs(source, id string, e store.Event) (*message, error) {
	c := CloudEvent{
		SpecVersion: "1.0", ID: id, Source: source, Type: e.Type, Subject: e.Subject, Time: e.Time.UTC(),
		Partner: e.Partner, Module: e.Module,
	}
	if value := jsontext.Value(e.Data); len(e.Data) > 0 && value.IsValid(tolerant) {
		c.DataContentType, c.Data = "application/json", value
	} else if len(e.Data) > 0 {
		c.DataBase64 = e.Data
	}
	text, err := json.Marshal(&c, tolerant)
	if err != nil {
		return nil, fmt.Errorf("write event %s: %w", id, err)
	}
	start := fmt.Sprintf("id: %d\nevent: %s\ndata: ", e.Number, oneLine(e.Type))
	frame := make([]byte, 0, len(start)+len(text)+2)
	frame = append(append(append(frame, start...), text...), "\n\n"...)
	return &message{
		number: e.Number, id: id, kind: e.Type, subject: e.Subject, partner: e.Partner, module: e.Module, at: e.Time,
		frame: frame, jsonStart: len(start), jsonLength: len(text),
	}, nil
}

// tolerant lets data through that a partner wrote badly: it is told as it is.
var tolerant = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

func oneLine(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) }

// event is what the message was written from.
func (m *message) event() (store.Event, error) {
	var c CloudEvent
	if err := json.Unmarshal(m.json(), &c, tolerant); err != nil {
		return store.Event{}, fmt.Errorf("read event %s: %w", m.id, err)
	}
	e := store.Event{Number: m.number, Time: m.at, Type: m.kind, Subject: m.subject, Partner: m.partner, Module: m.module, Data: c.Data}
	if c.DataBase64 != nil {
		e.Data = c.DataBase64
	}
	return e, nil
}

// writeLost writes the event that tells a consumer that it has missed others.
func writeLost(source string, lost Lost, now time.Time) (*message, error) {
	data, err := json.Marshal(&lost)
	if err != nil {
		return nil, err
	}
	return writeAs(source, lostID+strconv.FormatInt(lost.Last, 10), store.Event{Number: lost.Last, Time: now, Type: EventsLost, Data: data})
}

// lostID begins the id of an event that tells of lost ones. The number after it is the last one that was lost.
const lostID = "lost-"
