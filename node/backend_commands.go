package node

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// commands are those under way, in the API's words.
type commands struct{ n *Node }

// firstAnswer is how long the CPO's own answer is waited for where nobody wants to wait for the result.
const firstAnswer = 2 * time.Second

// Send implements backend.Commands.
func (c commands) Send(ctx context.Context, r backend.CommandRequest, wait time.Duration) (backend.Command, error) {
	partner, err := c.receiver(ctx, &r)
	if err != nil {
		return backend.Command{}, err
	}
	token, err := c.token(ctx, &r)
	if err != nil {
		return backend.Command{}, err
	}
	owner := cmp.Or(r.Location.Party, r.Session.Party)
	if err := c.reach(ctx, partner, owner); err != nil {
		return backend.Command{}, err
	}
	ctx = withOwner(ctx, owner)
	waiting, done := c.n.whileRunning(ctx, max(wait, firstAnswer))
	defer done()
	sent, err := c.send(waiting, partner, &r, token)
	if err == nil && wait > 0 && sent.Open() {
		sent, err = c.n.Commands.Sender.Await(waiting, sent.ID)
		if waiting.Err() != nil && sent.ID != "" { // it goes on
			err = nil
		}
	}
	if err != nil {
		return backend.Command{}, sendError(partner, err)
	}
	return commandOut(&sent), nil
}

// reach refuses what is for a CPO that is away, as its hub says: nobody would answer (requirement DH-04).
func (c commands) reach(ctx context.Context, partner string, owner ocpi.Party) error {
	if owner == (ocpi.Party{}) {
		return nil
	}
	reachable, err := c.n.hubClients.Reachable(ctx, partner, owner, ocpi.RoleCPO)
	if err != nil {
		return err
	}
	if !reachable {
		return backend.Refuse(http.StatusConflict, "%s says that %s is not connected", partner, owner)
	}
	return nil
}

func (c commands) send(ctx context.Context, partner string, r *backend.CommandRequest, token v230.Token) (command.Command, error) {
	sender, location := c.n.Commands.Sender, ocpi.CiString(r.Location.ID)
	switch r.Type {
	case v230.CommandTypeStartSession:
		return sender.StartSession(ctx, partner, v230.StartSession{
			Token: token, LocationID: location, EVSEUID: optional(r.EVSEUID), ConnectorID: optional(r.ConnectorID),
			AuthorizationReference: optional(r.AuthorizationReference),
		})
	case v230.CommandTypeStopSession:
		return sender.StopSession(ctx, partner, v230.StopSession{SessionID: ocpi.CiString(r.Session.ID)})
	case v230.CommandTypeReserveNow:
		if r.ReservationID == "" {
			r.ReservationID = newReservation()
		}
		return sender.ReserveNow(ctx, partner, v230.ReserveNow{
			Token: token, ExpiryDate: ocpi.NewDateTime(r.ExpiryDate), ReservationID: ocpi.CiString(r.ReservationID), LocationID: location,
			EVSEUID: optional(r.EVSEUID), AuthorizationReference: optional(r.AuthorizationReference),
		})
	case v230.CommandTypeCancelReservation:
		return sender.CancelReservation(ctx, partner, v230.CancelReservation{ReservationID: ocpi.CiString(r.ReservationID)})
	case v230.CommandTypeUnlockConnector:
		return sender.UnlockConnector(ctx, partner, v230.UnlockConnector{
			LocationID: location, EVSEUID: ocpi.CiString(r.EVSEUID), ConnectorID: ocpi.CiString(r.ConnectorID),
		})
	case command.GetProfile:
		return sender.GetChargingProfile(ctx, partner, r.Session.ID, r.Duration)
	case command.SetProfile:
		return sender.SetChargingProfile(ctx, partner, r.Session.ID, r.Profile)
	case command.ClearProfile:
		return sender.ClearChargingProfile(ctx, partner, r.Session.ID)
	default:
		return command.Command{}, fmt.Errorf("%s is not sent", r.Type)
	}
}

func optional(text string) *ocpi.CiString {
	if text == "" {
		return nil
	}
	return new(ocpi.CiString(text))
}

// newReservation is a number that no other reservation has: version 2.1.1 has numbers for them.
func newReservation() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1<<31-1))
	if err != nil {
		return "1" // never: the source of random numbers does not fail
	}
	return n.String()
}

// sendError is why there is no command.
func sendError(partner string, err error) error {
	if _, ok := errors.AsType[*ocpi.Error](err); ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if errors.Is(err, handshake.ErrUnknown) {
		return partnerUnknown(partner, err)
	}
	if errors.Is(err, command.ErrVersion) {
		return backend.Refuse(http.StatusConflict, "the version agreed with %s has no such command", partner)
	}
	return backend.Refuse(http.StatusConflict, "%v", err)
}

func partnerUnknown(name string, err error) error {
	if errors.Is(err, handshake.ErrUnknown) {
		return backend.Refuse(http.StatusNotFound, "there is no partner %s", name)
	}
	return err
}

// receiver is the CPO that a command goes to: the one that is named, or the one whose location, session or reservation it is about.
// Of a location or a session that is here it notes the owner in the request.
func (c commands) receiver(ctx context.Context, r *backend.CommandRequest) (string, error) {
	if r.Type == v230.CommandTypeCancelReservation {
		return c.reserver(ctx, r)
	}
	relations, err := c.n.Partners.Relations(ctx)
	if err != nil {
		return "", err
	}
	module, about, pointer := ocpi.ModuleLocations, &r.Location, "/location_id"
	if r.Type == v230.CommandTypeStopSession || command.IsProfile(r.Type) {
		module, about, pointer = ocpi.ModuleSessions, &r.Session, "/session_id"
	}
	var found []string
	var owner ocpi.Party
	for i := range relations {
		p := relations[i].Partner()
		if r.Partner != "" && p.ID != r.Partner || relations[i].State != handshake.Registered || !p.Has(ocpi.RoleCPO) {
			continue
		}
		object, err := c.theirs(ctx, p, module, *about)
		switch {
		case errors.Is(err, errSeveral):
			return "", badCommand(pointer, ocpi.FindingMissing, "several parties of %s have %s: name one, as in %s/%s", p.ID, about.ID, object.Party, about.ID)
		case errors.Is(err, store.ErrNotFound) && r.Partner != "": // it may have come to the CPO's mind since
			return r.Partner, nil
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil:
			return "", err
		}
		if err := checkPlace(module, object, r, anyCase(p.Version)); err != nil {
			return "", err
		}
		found, owner = append(found, p.ID), object.Party
	}
	switch {
	case len(found) == 1:
		about.Party = owner
		return found[0], nil
	case r.Partner != "": // the client says why it cannot be called
		return r.Partner, nil
	case len(found) == 0:
		return "", badCommand(pointer, ocpi.FindingMismatch, "no partner that is registered as CPO has sent %s", about.ID)
	default:
		return "", badCommand("/partner", ocpi.FindingMissing, "several partners have %s: %s", about.ID, strings.Join(found, ", "))
	}
}

// reservationsSeen is how many of the reservations that we have asked for are looked through for one, newest first.
const reservationsSeen = 1000

// reserver is the CPO that was asked for a reservation.
func (c commands) reserver(ctx context.Context, r *backend.CommandRequest) (string, error) {
	if r.Partner != "" {
		return r.Partner, nil
	}
	made, err := c.n.reservations(ctx, ocpi.CiString(r.ReservationID))
	if err != nil {
		return "", err
	}
	var found []string
	for i := range made {
		if !slices.Contains(found, made[i].Partner) {
			found = append(found, made[i].Partner)
		}
	}
	switch len(found) {
	case 0:
		return "", badCommand("/reservation_id", ocpi.FindingMismatch, "no partner was asked for reservation %s", r.ReservationID)
	case 1:
		return found[0], nil
	default:
		return "", badCommand("/partner", ocpi.FindingMissing, "several partners were asked for this reservation: %s", strings.Join(found, ", "))
	}
}

// reservations are the commands by which a reservation was asked for, newest first.
func (n *Node) reservations(ctx context.Context, id ocpi.CiString) (found []command.Command, err error) {
	made, err := n.Commands.List(ctx, store.CommandFilter{Sent: true, Type: string(v230.CommandTypeReserveNow), Limit: reservationsSeen})
	if err != nil {
		return nil, err
	}
	for i := range made {
		reserved, err := command.As[v230.ReserveNow](made[i])
		if err != nil {
			return nil, err
		}
		if reserved.ReservationID.Equal(id) {
			found = append(found, made[i])
		}
	}
	return found, nil
}

// errSeveral tells that several parties of a partner have an object of this id.
var errSeveral = errors.New("several parties have it")

// theirs finds a location or a session of a partner's. It is errSeveral, with one of them, where the owner is not given and
// several have one.
func (c commands) theirs(ctx context.Context, p *ocpi.Partner, module ocpi.ModuleID, about ocpi.Key) (found store.Object, err error) {
	if about.Party != (ocpi.Party{}) {
		return c.n.db.Find(ctx, theirs(p, module, about.Party), about.ID)
	}
	for _, party := range p.Parties(ocpi.RoleCPO) {
		object, err := c.n.db.Find(ctx, theirs(p, module, party), about.ID)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil:
			return object, err
		case found.ID != "":
			return object, errSeveral
		}
		found = object
	}
	if found.ID != "" {
		return found, nil
	}
	return c.n.db.Find(ctx, theirs(p, module, ocpi.Party{}), about.ID) // of a party that it does not speak for any more
}

// theirs selects the objects of a partner; those of one of its parties where one is given.
func theirs(partner *ocpi.Partner, module ocpi.ModuleID, owner ocpi.Party) store.Selection {
	sel := store.Selection{Module: module, Source: partner.ID, AnyAudience: true, AnyCase: anyCase(partner.Version)}
	if owner != (ocpi.Party{}) {
		sel.Parties = []ocpi.Party{owner}
	}
	return sel
}

// checkPlace refuses an EVSE or a connector that a location has not, and a start without a connector where that is needed
// (requirements DL-10, DM-09).
func checkPlace(module ocpi.ModuleID, object store.Object, r *backend.CommandRequest, anyCase bool) error {
	switch {
	case module != ocpi.ModuleLocations:
		return nil
	case r.EVSEUID == "" && r.ConnectorID != "":
		return badCommand("/evse_uid", ocpi.FindingMissing, "which EVSE has connector %s?", r.ConnectorID)
	case r.EVSEUID == "":
		return nil
	}
	var location v230.Location
	if err := json.Unmarshal(object.Body, &location, jsontext.AllowDuplicateNames(true)); err != nil {
		return fmt.Errorf("read location %s: %w", object.ID, err)
	}
	same := func(is ocpi.CiString, asked string) bool {
		return string(is) == asked || anyCase && is.Equal(ocpi.CiString(asked))
	}
	for i := range location.EVSEs {
		evse := &location.EVSEs[i]
		if !same(evse.UID, r.EVSEUID) {
			continue
		}
		if r.Type == v230.CommandTypeStartSession && r.ConnectorID == "" && slices.Contains(evse.Capabilities, v230.CapabilityStartSessionConnectorRequired) {
			return badCommand("/connector_id", ocpi.FindingMissing, "EVSE %s has START_SESSION_CONNECTOR_REQUIRED", r.EVSEUID)
		}
		for j := range evse.Connectors {
			if same(evse.Connectors[j].ID, r.ConnectorID) {
				return nil
			}
		}
		if r.ConnectorID == "" {
			return nil
		}
		return badCommand("/connector_id", ocpi.FindingMismatch, "EVSE %s has no such connector", r.EVSEUID)
	}
	return badCommand("/evse_uid", ocpi.FindingMismatch, "location %s has no such EVSE", object.ID)
}

// token is who charges: a token of ours.
func (c commands) token(ctx context.Context, r *backend.CommandRequest) (v230.Token, error) {
	switch {
	case r.Token != nil:
		owner := ocpi.NewParty(string(r.Token.CountryCode), string(r.Token.PartyID))
		if !c.n.config.speaksFor(owner, ocpi.RoleEMSP) {
			return v230.Token{}, badCommand("/token/party_id", ocpi.FindingMismatch, "%s is no eMSP of this node", owner)
		}
		return *r.Token, nil
	case r.TokenKey.ID == "":
		return v230.Token{}, nil
	}
	sel := store.Selection{Module: ocpi.ModuleTokens, TokenType: r.TokenKey.TokenType, AnyAudience: true, AnyCase: c.n.Objects.AnyCase()}
	stored, err := c.n.db.Find(ctx, sel, r.TokenKey.ID)
	if errors.Is(err, store.ErrNotFound) {
		return v230.Token{}, badCommand("/token_uid", ocpi.FindingMismatch, "there is no such token of ours")
	}
	var token v230.Token
	if err == nil {
		err = json.Unmarshal(stored.Body, &token, jsontext.AllowDuplicateNames(true))
	}
	return token, err
}

// badCommand is what is wrong with a command that is to be sent, or with what is said about one.
func badCommand(pointer string, code ocpi.FindingCode, format string, args ...any) error {
	return &ocpi.Error{Code: ocpi.StatusInvalidParameters, Message: "the command is not valid; nothing was sent", Findings: []ocpi.Finding{
		{Pointer: pointer, Code: code, Message: fmt.Sprintf(format, args...)},
	}}
}

// Command implements backend.Commands.
func (c commands) Command(ctx context.Context, id string) (backend.Command, error) {
	found, err := c.n.Commands.Get(ctx, id)
	if err != nil {
		return backend.Command{}, replyError(id, err)
	}
	return commandOut(&found), nil
}

// Commands implements backend.Commands.
func (c commands) Commands(ctx context.Context, want backend.CommandFilter) (shown []backend.Command, next string, err error) {
	found, err := c.n.Commands.List(ctx, store.CommandFilter{
		Received: want.Direction == directionReceived, Sent: want.Direction == directionSent, Partner: want.Partner, Type: want.Type, State: want.State,
		Since: want.Since, Before: want.Before, Limit: want.Limit + 1,
	})
	if err != nil {
		return nil, "", err
	}
	if want.Limit > 0 && len(found) > want.Limit {
		found = found[:want.Limit]
		next = found[want.Limit-1].ID
	}
	for i := range found {
		shown = append(shown, commandOut(&found[i]))
	}
	return shown, next, nil
}

// Answer implements backend.Commands. The same answer again is no mistake: the first may have been lost on its way.
func (c commands) Answer(ctx context.Context, id string, answer backend.CommandAnswer) (backend.Command, error) {
	told, err := c.answer(ctx, id, answer)
	if errors.Is(err, command.ErrAnswered) && !told.Answer.Default && string(told.Answer.Result) == answer.Result {
		err = nil
	}
	if err != nil {
		return backend.Command{}, replyError(id, err)
	}
	return commandOut(&told), nil
}

// Result implements backend.Commands. The same result again is no mistake.
func (c commands) Result(ctx context.Context, id string, result backend.CommandAnswer) (backend.Command, error) {
	told, err := c.result(ctx, id, result)
	if errors.Is(err, command.ErrEnded) && (told.End.By == command.Resulted && string(told.End.Outcome) == result.Result || canceled(&told, result)) {
		err = nil
	}
	if err != nil {
		return backend.Command{}, replyError(id, err)
	}
	return commandOut(&told), nil
}

// canceled reports whether a result says what was said before: that a reservation is no more.
func canceled(c *command.Command, result backend.CommandAnswer) bool {
	return c.Canceled != nil && result.Result == string(v230.CommandResultTypeCanceledReservation)
}

// replyError is why nothing could be said to a command.
func replyError(id string, err error) error {
	switch {
	case errors.Is(err, command.ErrUnknown):
		return backend.Refuse(http.StatusNotFound, "there is no command %s, or none that a partner has sent", id)
	case errors.Is(err, command.ErrAnswered), errors.Is(err, command.ErrEnded):
		return backend.Refuse(http.StatusConflict, "%v", err)
	case errors.Is(err, command.ErrInvalid):
		return &ocpi.Error{Code: ocpi.StatusInvalidParameters, Message: err.Error(), Findings: []ocpi.Finding{
			{Pointer: "/result", Code: ocpi.FindingEnum, Message: "is none that the specification lists"},
		}}
	default:
		return err
	}
}

// The directions of commands in the API.
const (
	directionSent     = "sent"
	directionReceived = "received"
)

// commandOut is a command in the API's words.
func commandOut(c *command.Command) backend.Command {
	out := backend.Command{
		ID: c.ID, Type: string(c.Type), Direction: directionSent, Partner: c.Partner, State: string(c.State), Done: !c.Open(),
		Request: backend.JSON(c.Request), Reservation: c.Reservation, Created: c.Created, Changed: c.Changed, Due: c.Due,
	}
	if c.Received {
		out.Direction = directionReceived
	}
	if c.Answer != nil {
		out.Answer = &backend.CommandReply{Result: string(c.Answer.Result), Message: c.Answer.Message, Default: c.Answer.Default, At: c.Answer.At}
	}
	if c.Canceled != nil {
		out.Canceled = &backend.CommandReply{Result: string(v230.CommandResultTypeCanceledReservation), Message: c.Canceled.Message, At: c.Canceled.At}
	}
	profilesOut(c, &out)
	if c.Session != nil {
		out.SessionID = c.Session.ID
	}
	endOut(c, &out)
	for i := range c.Steps {
		if s := &c.Steps[i]; s.What == command.Resulted && (s.Late || c.State == command.Stray) {
			out.Later = append(out.Later, backend.CommandReply{Result: s.Result, Message: s.Message, At: s.At})
		}
	}
	return out
}

// endOut says how a command has ended, and what went wrong with that.
func endOut(c *command.Command, out *backend.Command) {
	if c.Delivery != nil && c.Delivery.At.IsZero() {
		out.Error = c.Delivery.Error
	}
	if c.Canceled != nil && c.Canceled.Delivery != nil && c.Canceled.Delivery.At.IsZero() {
		out.Error = cmp.Or(c.Canceled.Delivery.Error, out.Error)
	}
	if c.End == nil {
		return
	}
	out.Outcome = string(c.End.Outcome)
	switch c.End.By {
	case command.Resulted:
		out.Result = &backend.CommandReply{Result: string(c.End.Outcome), Message: c.End.Message, At: c.End.At}
	case command.Deadline:
		if c.Delivery != nil { // the partner is told so
			out.Result = &backend.CommandReply{Result: string(c.End.Outcome), At: c.End.At}
		} else if !c.Received {
			out.Error = overdue(c)
		}
	case command.Failed:
		out.Error = c.End.Message
	default: // the answer says it
	}
}

// overdue is what is known of a command of ours that got no result in time.
func overdue(c *command.Command) string {
	for i := range c.Steps {
		if s := &c.Steps[i]; s.What == command.Lost {
			return "no result in time; it is not known whether the command has arrived: " + s.Message
		}
	}
	return "no result in time"
}
