package ocpiclient

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

// A Message is a change of one of our objects, ready to be sent. It is composed once, and can be sent to every partner
// whose Client has the same Dialect, by many goroutines at once. It never changes.
//
// The Compose methods of Receivers make it. It says whose the object is: the party in the object, or else Config.Own of
// the Client that composed it. Which of the partner's parties it is for is up to the Client that sends it.
type Message struct {
	dialect string
	method  string
	module  ocpi.ModuleID
	// role is the partner's.
	role ocpi.Role
	// routing names our party whose object it is, and the partner's that the object is about; zero where there is none.
	routing ocpi.Routing
	// id is the object's. path leads from the endpoint to what changes, escaped, and is empty where it is posted to the
	// endpoint itself; query are parameters, encoded.
	id, path, query string
	writing
}

// Size is the length of the body in bytes.
func (m Message) Size() int { return len(m.body) }

// String says in short what the Message does, such as PATCH locations/NL/GPE/LOC1/3256.
func (m Message) String() string {
	text := m.method + " " + string(m.module)
	switch {
	case m.path == "":
		return text + " " + escape(m.id)
	case m.query == "":
		return text + "/" + m.path
	default:
		return text + "/" + m.path + "?" + m.query
	}
}

// Dialect says how Messages to this partner are written: in which version, and with which quirks. Clients with equal
// Dialects can share Messages; nothing else can be read from it.
func (c *Client) Dialect() string { return c.dialect }

// dialectOf names all that decides how a Message is written.
func dialectOf(version ocpi.Version, profile quirk.Profile) string {
	parts := []string{string(version)}
	for _, q := range quirk.All() {
		if profile.Has(q.Name) && (q.Kind == quirk.Writing || q.Name == quirk.ExpectPutForRemovals) {
			parts = append(parts, string(q.Name))
		}
	}
	return strings.Join(parts, ",")
}

// Sent is what a partner answered to a Message that it took.
type Sent struct {
	// HTTP is the HTTP status.
	HTTP int
	// Created is what the partner says by HTTP 201; many answer 200 for what is new.
	Created bool
	// Location is where the partner has a CDR, as CDRReceiver.Post returns it; empty for all else.
	Location string
}

// Send sends a Message once, and never again by itself (requirement TF-65). The error is an *Error where the call was
// made.
func (c *Client) Send(ctx context.Context, m Message) (Sent, error) {
	if m.dialect != c.dialect {
		return Sent{}, fmt.Errorf("ocpiclient: %s: it is written in %q, and this partner reads %q", m, m.dialect, c.dialect)
	}
	call, err := c.request(m)
	if err != nil {
		return Sent{}, err
	}
	ctx = correlated(ctx)
	a, err := c.do(ctx, call)
	if err != nil {
		return Sent{}, err
	}
	sent := Sent{HTTP: a.http, Created: a.http == http.StatusCreated}
	if m.method == http.MethodPost {
		sent.Location = c.cdrLocation(a, m)
	}
	c.tell(ctx, a.exchange)
	return sent, nil
}

// message begins a Message about an object, or a part of it below.
func (r Receiver[T]) message(method string, key ocpi.Key, parts ...string) (Message, error) {
	c := r.client
	if _, err := c.endpoint(r.kind.module, ocpi.Receiver, r.role); err != nil {
		return Message{}, err
	}
	party := c.owner(key.Party)
	path, err := joined(append([]string{party.CountryCode, party.PartyID, key.ID}, parts...))
	if err != nil {
		return Message{}, fmt.Errorf("ocpiclient: %s %s: %w", method, r.kind.module, err)
	}
	return Message{
		dialect: c.dialect, method: method, module: r.kind.module, role: r.role, routing: ocpi.Routing{From: party},
		id: key.ID, path: path, query: c.typeQuery(key),
	}, nil
}

// request is the call that sends a Message to this partner.
func (c *Client) request(m Message) (request, error) {
	endpoint, err := c.endpoint(m.module, ocpi.Receiver, m.role)
	if err != nil {
		return request{}, err
	}
	target, quirks := c.at(endpoint, m.path, m.query)
	return request{
		method: m.method, url: target, module: m.module, role: m.role, routing: m.routing, body: m.body, quirks: append(quirks, m.quirks...), losses: m.losses,
	}, nil
}
