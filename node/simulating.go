package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/roamwire/roamwire/node/event"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/simulate"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Network is what a party of ours has, for a simulation to bring to life.
func (d *Data) Network(party ocpi.Party) simulate.Network { return network{d, d.Objects, party} }

// A network is the simulate.Network of a party.
type network struct {
	data    *Data
	objects *object.Objects
	party   ocpi.Party
}

// Locations implements simulate.Network.
func (n network) Locations(ctx context.Context) ([]v230.Location, error) {
	return everything(ctx, n.objects.Locations, n.party, func(*v230.Location) bool { return true })
}

// Tariffs implements simulate.Network. They are those that the session's CDR would be made with; of several that could apply it is the first.
// Simulated sessions can begin before their tariffs were there, which are then taken as they are now.
func (n network) Tariffs(ctx context.Context, s *v230.Session) ([]*v230.Tariff, error) {
	for _, at := range []ocpi.DateTime{s.StartDateTime, ocpi.NewDateTime(n.data.config.Now())} {
		applied, err := n.data.applied(ctx, s, at)
		if err != nil || len(applied.Tariffs) > 0 {
			return applied.Tariffs, err
		}
		if len(applied.Candidates) > 0 {
			return applied.Candidates[:1], nil
		}
	}
	return nil, nil
}

// OpenSessions implements simulate.Network.
func (n network) OpenSessions(ctx context.Context) ([]v230.Session, error) {
	return everything(ctx, n.objects.Sessions, n.party, func(s *v230.Session) bool {
		return s.Status == v230.SessionStatusPending || s.Status == v230.SessionStatusActive
	})
}

// SetStatus implements simulate.Network.
func (n network) SetStatus(ctx context.Context, location ocpi.Key, evseUID string, status v230.Status, at time.Time) error {
	_, _, err := n.objects.SetStatus(ctx, location, evseUID, status, at)
	return err
}

// PutSession implements simulate.Network.
func (n network) PutSession(ctx context.Context, session v230.Session) error {
	_, err := n.objects.Sessions.Put(ctx, object.Item[v230.Session]{Party: n.party, Object: session})
	return err
}

// PutCDR implements simulate.Network. What is the same as before changes nothing.
func (n network) PutCDR(ctx context.Context, cdr v230.CDR) error {
	_, err := n.objects.CDRs.Put(ctx, object.Item[v230.CDR]{Party: n.party, Object: cdr})
	return err
}

// readAtOnce is how many objects are read together.
const readAtOnce = 500

// everything reads all objects of a party that are wanted.
func everything[T any](ctx context.Context, own *object.Own[T], party ocpi.Party, wanted func(*T) bool) ([]T, error) {
	var objects []T
	for q := (ocpi.Query{Limit: readAtOnce}); ; {
		page, err := own.All(ctx, []ocpi.Party{party}, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Items {
			if o := &page.Items[i].Object; wanted(o) {
				objects = append(objects, *o)
			}
		}
		if page.Next == "" {
			return objects, nil
		}
		q.Cursor = page.Next
	}
}

// How commands are answered by simulated chargers.
const (
	// answerEvery is how often the journal is looked at for commands.
	answerEvery = 20 * time.Millisecond
	// chargerTakes is how long a charger takes to do what it is asked to.
	chargerTakes = 300 * time.Millisecond
)

// AnswerCommands lets simulated chargers do what partners' commands ask for, until ctx ends. It does what an operator's own
// system does: it hears of commands by their events, answers them, and later says what came of them. Commands about locations
// and sessions that the simulation does not know are left to others.
func (n *Node) AnswerCommands(ctx context.Context, day *simulate.Day) {
	var work sync.WaitGroup
	defer work.Wait()
	every := time.NewTicker(answerEvery)
	defer every.Stop()
	cursor, err := n.db.LatestEvent(ctx)
	for ctx.Err() == nil {
		var asked []store.Event
		if err == nil {
			asked, cursor, err = n.asked(ctx, cursor)
		}
		for _, e := range asked {
			id := strings.TrimPrefix(e.Subject, "commands/")
			work.Go(func() { n.answerCommand(ctx, day, id) })
		}
		if err != nil && ctx.Err() == nil {
			n.config.Logger.WarnContext(ctx, "the simulated chargers do not hear of commands", "error", err)
			err = nil
		}
		select {
		case <-ctx.Done():
		case <-every.C:
		}
	}
}

// asked are the commands that partners have sent since an event.
func (n *Node) asked(ctx context.Context, after int64) ([]store.Event, int64, error) {
	latest, err := n.db.LatestEvent(ctx)
	if err != nil || latest <= after {
		return nil, after, err
	}
	return n.db.Events(ctx, store.EventFilter{Types: []string{event.CommandRequested}}, after, readAtOnce)
}

// answerCommand answers one command and says what came of it.
func (n *Node) answerCommand(ctx context.Context, day *simulate.Day, id string) {
	c, err := n.Commands.Receiver.Command(ctx, id)
	if err == nil && c.State == command.Asked {
		err = n.obey(ctx, day, c)
	}
	if err != nil && ctx.Err() == nil {
		n.config.Logger.WarnContext(ctx, "the simulated chargers could not answer a command", "command", id, "error", err)
	}
}

// obey lets the chargers do what a command asks for.
func (n *Node) obey(ctx context.Context, day *simulate.Day, c command.Command) error {
	o, err := orderOf(&c)
	if err != nil {
		return err
	}
	if !o.isFor(day) {
		return nil
	}
	if o.needsFree {
		if err := day.CanStart(o.Order); err != nil {
			_, err = n.Commands.Receiver.Answer(ctx, c.ID, v230.CommandResponseTypeRejected, err.Error())
			return err
		}
	}
	if _, err := n.Commands.Receiver.Answer(ctx, c.ID, v230.CommandResponseTypeAccepted, ""); err != nil {
		return err
	}
	select {
	case <-time.After(chargerTakes):
	case <-ctx.Done():
		return ctx.Err()
	}
	result, message := v230.CommandResultTypeAccepted, ""
	if err := o.do(ctx, day); err != nil {
		result, message = v230.CommandResultTypeFailed, err.Error()
		if errors.Is(err, simulate.ErrNoReservation) {
			result = v230.CommandResultTypeUnknownReservation
		}
	}
	_, err = n.Commands.Receiver.Result(ctx, c.ID, result, message)
	return err
}

// An order is a command as the chargers understand it.
type order struct {
	simulate.Order
	// session is what is to be stopped, and cancels tells that Reservation is to be given up; other commands are about a place.
	session string
	cancels bool
	// needsFree tells that it is only for an EVSE that is free.
	needsFree bool
	do        func(context.Context, *simulate.Day) error
}

// isFor reports whether the simulation is who the order is for.
func (o *order) isFor(day *simulate.Day) bool {
	switch {
	case o.session != "":
		return day.Charges(o.session)
	case o.cancels:
		return day.Reserved(o.Reservation)
	default:
		return day.Knows(o.Location)
	}
}

func orderOf(c *command.Command) (o order, err error) {
	switch c.Type {
	case v230.CommandTypeStartSession:
		var r v230.StartSession
		r, err = command.As[v230.StartSession](*c)
		o.Order = simulate.Order{
			Location: ocpi.Key{ID: string(r.LocationID)}, EVSEUID: textOf(r.EVSEUID), ConnectorID: textOf(r.ConnectorID), Token: r.Token,
			Method: v230.AuthMethodCommand, Reference: textOf(r.AuthorizationReference), At: c.Created,
		}
		o.needsFree = true
		o.do = func(ctx context.Context, day *simulate.Day) error {
			_, err := day.Start(ctx, o.Order)
			return err
		}
	case v230.CommandTypeStopSession:
		var r v230.StopSession
		r, err = command.As[v230.StopSession](*c)
		o.session = string(r.SessionID)
		o.do = func(ctx context.Context, day *simulate.Day) error { return day.Stop(ctx, o.session) }
	case v230.CommandTypeReserveNow:
		var r v230.ReserveNow
		r, err = command.As[v230.ReserveNow](*c)
		o.Order = simulate.Order{Location: ocpi.Key{ID: string(r.LocationID)}, EVSEUID: textOf(r.EVSEUID), Token: r.Token, Reservation: c.Reservation}
		o.needsFree = true
		o.do = func(ctx context.Context, day *simulate.Day) error {
			return day.Reserve(ctx, o.Order, r.ExpiryDate.Time())
		}
	case v230.CommandTypeCancelReservation:
		o.Reservation, o.cancels = c.Reservation, true
		o.do = func(ctx context.Context, day *simulate.Day) error { return day.CancelReservation(ctx, o.Reservation) }
	case v230.CommandTypeUnlockConnector:
		var r v230.UnlockConnector
		r, err = command.As[v230.UnlockConnector](*c)
		o.Order = simulate.Order{Location: ocpi.Key{ID: string(r.LocationID)}, EVSEUID: string(r.EVSEUID), ConnectorID: string(r.ConnectorID)}
		o.do = func(ctx context.Context, day *simulate.Day) error { return day.Unlock(ctx, o.Order) }
	default:
		err = fmt.Errorf("chargers do not know %s", c.Type)
	}
	return o, err
}

func textOf(id *ocpi.CiString) string {
	if id == nil {
		return ""
	}
	return string(*id)
}
