package simulate

import (
	"context"
	"errors"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// What is told to who asks chargers for the impossible.
var (
	ErrNoEVSE    = errors.New("there is no such EVSE in the simulation")
	ErrBusy      = errors.New("the EVSE is not free")
	ErrNoSession = errors.New("there is no such session in the simulation")
	// ErrNoReservation is also for a reservation that has ended or was used.
	ErrNoReservation = errors.New("there is no such reservation in the simulation")
)

// An Order is what somebody wants of a charger who does not stand before it, or who has just shown a card there.
type Order struct {
	// Location is where; without a party it may be anybody's. EVSEUID is which EVSE, empty for the first that is free, and
	// ConnectorID which connector, empty for any.
	Location             ocpi.Key
	EVSEUID, ConnectorID string
	Token                v230.Token
	// Method and Reference are for the session and its CDR. Without a method it is as for other drivers.
	Method    v230.AuthMethod
	Reference string
	// Reservation names a reservation among those of everybody; empty for none that can be changed or cancelled.
	Reservation string
	// At is when a session begins by the clock. It then goes on as fast as the clock, so that it can be found by the command that
	// it belongs to and never ends in the future. Default: the simulated time, at the speed of the simulation.
	At time.Time
}

// The driver who starts a charge from afar comes back when the charge is stopped: the battery is large, and the vehicle stays.
const (
	orderedWh   = 80_000
	orderedStay = 7 * 24 * int(time.Hour/pace)
)

// Knows reports whether a location is in the simulation.
func (d *Day) Knows(location ocpi.Key) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.chargers {
		if c.isAt(location) {
			return true
		}
	}
	return false
}

// Charges reports whether a session is under way in the simulation.
func (d *Day) Charges(session string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.charging(session) != nil
}

// CanStart says whether Start would begin a session: ErrNoEVSE or ErrBusy where not.
func (d *Day) CanStart(o Order) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.free(&o)
	return err
}

// Start begins a session at an EVSE that is free, or reserved for the token. It goes on until it is stopped.
func (d *Day) Start(ctx context.Context, o Order) (v230.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.free(&o)
	if err != nil {
		return v230.Session{}, err
	}
	now := d.present()
	charge := d.newCharge(c, o.Token, now)
	if connector := c.connector(ocpi.CiString(o.ConnectorID)); connector != nil {
		charge.connector, charge.session.ConnectorID, charge.power = connector, connector.ID, min(charge.power, strength(connector))
	}
	charge.wanted, charge.stay = orderedWh, orderedStay
	if o.Method != "" {
		charge.session.AuthMethod = o.Method
	}
	if o.Reference != "" {
		charge.session.AuthorizationReference = new(ocpi.CiString(o.Reference))
	}
	if !o.At.IsZero() {
		charge.session.StartDateTime, charge.paced = ocpi.NewDateTime(o.At.UTC().Truncate(time.Second)), true
	}
	if err := d.price(ctx, charge); err != nil {
		return v230.Session{}, err
	}
	if err := d.config.Network.PutSession(ctx, charge.session); err != nil {
		return v230.Session{}, err
	}
	c.charge, c.reserved, c.reservation = charge, nil, ""
	return charge.session, d.occupy(ctx, c, now)
}

// Stop ends a session, with its CDR. Where something could not be stored, the simulation goes on with that by itself.
func (d *Day) Stop(ctx context.Context, session string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.charging(session)
	if c == nil {
		return ErrNoSession
	}
	return d.leave(ctx, c)
}

// leave lets a vehicle leave now.
func (d *Day) leave(ctx context.Context, c *charger) error {
	last := slice // there is no CDR of nothing
	if c.charge.paced {
		for range int(c.charge.behind(d.present()) / pace) {
			c.charge.pass(pace)
		}
		last = max(time.Second, c.charge.behind(d.present()))
	}
	if c.charge.lasted == 0 || c.charge.paced && c.charge.behind(d.present()) > 0 {
		c.charge.pass(last)
	}
	c.charge.wanted, c.charge.stay = c.charge.charged, 0
	for c.charge != nil {
		if err := d.goOn(ctx, c, 0, d.present()); err != nil {
			return err
		}
	}
	return nil
}

// Unlock lets go of the plug of an EVSE; a session there ends.
func (d *Day) Unlock(ctx context.Context, o Order) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.chargers {
		if !c.isAt(o.Location) || string(c.evse.UID) != o.EVSEUID || c.connector(ocpi.CiString(o.ConnectorID)) == nil {
			continue
		}
		if c.charge != nil && string(c.charge.session.ConnectorID) == o.ConnectorID {
			return d.leave(ctx, c)
		}
		return nil
	}
	return ErrNoEVSE
}

// free is the EVSE that an order can have.
func (d *Day) free(o *Order) (*charger, error) {
	err := ErrNoEVSE
	for _, c := range d.chargers {
		if !c.isAt(o.Location) || o.EVSEUID != "" && string(c.evse.UID) != o.EVSEUID {
			continue
		}
		if o.ConnectorID != "" && c.connector(ocpi.CiString(o.ConnectorID)) == nil {
			continue
		}
		if c.charge == nil && (c.status == v230.StatusAvailable || c.status == v230.StatusReserved && c.isFor(&o.Token)) {
			return c, nil
		}
		err = ErrBusy
	}
	return nil, err
}

// charging is the EVSE of a session; nil for none.
func (d *Day) charging(session string) *charger {
	for _, c := range d.chargers {
		if c.charge != nil && string(c.charge.session.ID) == session {
			return c
		}
	}
	return nil
}

func (c *charger) isAt(location ocpi.Key) bool {
	return string(c.location.ID) == location.ID && (location.Party == ocpi.Party{} || c.party() == location.Party)
}

// isFor reports whether an EVSE is reserved for a token.
func (c *charger) isFor(t *v230.Token) bool {
	return c.reserved != nil && c.reserved.UID == t.UID && c.reserved.CountryCode == t.CountryCode && c.reserved.PartyID == t.PartyID
}

// present is the time of the clock as steps have it.
func (d *Day) present() time.Time { return d.config.Now().UTC().Truncate(time.Second) }
