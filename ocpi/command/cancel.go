package command

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// reservation is Reservation of a command; empty for those that are about none. It is made of the id and whose it is, so that the
// same reservation has the same name each time, and no other has it (requirement DM-07).
func reservation(c *Command, request any) string {
	var id ocpi.CiString
	switch r := request.(type) {
	case *v230.ReserveNow:
		id = r.ReservationID
	case *v230.CancelReservation:
		id = r.ReservationID
	default:
		return ""
	}
	hash := sha256.Sum256([]byte(c.Partner + "\x00" + c.Party.String() + "\x00" + id.Fold()))
	return hex.EncodeToString(hash[:16])
}

// cancels reports whether a result is the CPO's word that a reservation is no more, which may come long after the one that it was
// made (requirement DM-04). One that nobody has heard of in time may have been made too.
func (c *Command) cancels(s *Step) bool {
	return c.Type == v230.CommandTypeReserveNow && s.Result == string(canceled) && c.Canceled == nil &&
		c.End != nil && (c.End.Outcome == accepted || c.End.Outcome == timeout)
}

// cancel notes that a reservation is no more. The partner is told where it was ours.
func (c *Command) cancel(s *Step) {
	c.Canceled = &Cancellation{Message: s.Message, At: s.At}
	if !c.Received {
		return
	}
	c.Canceled.Delivery = &Delivery{}
	if c.State != Delivering { // else it follows the result
		c.State, c.Due = Delivering, s.At
	}
}

// outgoing is the way of what the partner is to be told next: the result first, then that the reservation is no more; nil for
// nothing.
func (c *Command) outgoing() *Delivery {
	switch {
	case c.Delivery.open():
		return c.Delivery
	case c.Canceled != nil && c.Canceled.Delivery.open():
		return c.Canceled.Delivery
	default:
		return nil
	}
}

// telling is what the partner is to be told next.
func (c *Command) telling() (outcome Outcome, message string) {
	if d := c.outgoing(); c.Canceled != nil && d == c.Canceled.Delivery {
		return canceled, c.Canceled.Message
	}
	return c.End.Outcome, c.End.Message
}

// isTelling reports whether a step is about what the partner is told now. One about the result may come late, when the
// reservation is what is told.
func (c *Command) isTelling(s *Step) bool {
	outcome, _ := c.telling()
	return s.Result == "" || s.Result == string(outcome)
}
