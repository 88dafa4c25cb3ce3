package simulate

import (
	"context"
	"errors"
	"time"

	"github.com/roamwire/roamwire/ocpi/v230"
)

// Reserve keeps an EVSE free for a token until a time. An order of the same Reservation takes the place of the one before.
func (d *Day) Reserve(ctx context.Context, o Order, until time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.free(&o)
	if err != nil {
		return err
	}
	now := d.present()
	if !until.After(now) {
		return errors.New("the reservation is over already")
	}
	if c.status != v230.StatusReserved {
		if err := d.change(ctx, c, v230.StatusReserved, now); err != nil {
			return err
		}
	}
	before := d.reservedBy(o.Reservation)
	c.reserved, c.reservation, c.until = &o.Token, o.Reservation, until
	if o.Reservation != "" {
		if d.reservations == nil {
			d.reservations = map[string]bool{}
		}
		d.reservations[o.Reservation] = true
	}
	if before != nil && before != c {
		return d.release(ctx, before)
	}
	return nil
}

// Reserved reports whether a reservation was made in the simulation, whatever has become of it.
func (d *Day) Reserved(reservation string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reservations[reservation]
}

// CancelReservation gives up a reservation: its EVSE is free for everybody. It is ErrNoReservation where there is none any more.
func (d *Day) CancelReservation(ctx context.Context, reservation string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.reservedBy(reservation)
	if c == nil {
		return ErrNoReservation
	}
	return d.release(ctx, c)
}

// reservedBy is the EVSE of a reservation; nil for none.
func (d *Day) reservedBy(reservation string) *charger {
	for _, c := range d.chargers {
		if reservation != "" && c.reserved != nil && c.reservation == reservation {
			return c
		}
	}
	return nil
}

// release ends the reservation of an EVSE.
func (d *Day) release(ctx context.Context, c *charger) error {
	if err := d.change(ctx, c, v230.StatusAvailable, d.present()); err != nil {
		return err
	}
	c.reserved, c.reservation = nil, ""
	return nil
}
