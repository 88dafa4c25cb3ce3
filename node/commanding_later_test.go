package node_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/simulate"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/command"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// twoNodesIn are twoNodes that agree on a version.
func twoNodesIn(t *testing.T, version ocpi.Version) (cpo, emsp running) {
	t.Helper()
	c := config(t)
	c.Parties[0].Roles, c.AllowPrivate, c.Versions = []ocpi.Role{ocpi.RoleCPO}, true, []ocpi.Version{version}
	cpo = start(t, c)
	put(t, cpo.Objects.Locations, sample.Locations()...)
	e := config(t)
	e.Parties, e.AllowPrivate = []node.Party{{Party: theirs, Roles: []ocpi.Role{ocpi.RoleEMSP}, Name: "Greenwheels"}}, true
	e.Versions = ocpi.Versions()
	emsp = start(t, e)
	joined(t, cpo, emsp)
	return cpo, emsp
}

// A reservation is made, and given up by either side, in every version that can (requirements DM-01, DM-04, DM-07).
func TestReservationsBetweenTwoNodes_DM01(t *testing.T) {
	t.Parallel()
	for _, version := range ocpi.Versions() {
		t.Run(string(version), func(t *testing.T) {
			cpo, emsp := twoNodesIn(t, version)
			reserved := func(id ocpi.CiString) (sent, taken command.Command) {
				request := sample.ReserveNow("")
				request.ReservationID = id
				sent, taken = between(t, cpo, func() (command.Command, error) {
					return emsp.Commands.Sender.ReserveNow(t.Context(), "grenspaal", request)
				}, v230.CommandResponseTypeAccepted)
				result(t, cpo, taken.ID, v230.CommandResultTypeAccepted)
				return ended(t, emsp, sent.ID), taken
			}
			sent, taken := reserved("4711")
			if sent.End.Outcome != "ACCEPTED" || taken.Reservation == "" || taken.Party != theirs {
				t.Fatalf("sent %+v, taken %+v", sent, taken)
			}
			result(t, cpo, taken.ID, v230.CommandResultTypeCanceledReservation)
			became(t, emsp, sent.ID, "the eMSP is told", func(c command.Command) bool {
				if version == ocpi.V211 { // in the only word that it has for no
					last := c.Steps[len(c.Steps)-1]
					return last.Late && last.Result == "REJECTED"
				}
				return c.Canceled != nil
			})
			became(t, cpo, taken.ID, "the CPO has told it", func(c command.Command) bool { return c.State == command.Ended })

			_, made := reserved("4712")
			cancel := v230.CancelReservation{ReservationID: "4712"}
			if version == ocpi.V211 {
				if _, err := emsp.Commands.Sender.CancelReservation(t.Context(), "grenspaal", cancel); !errors.Is(err, command.ErrVersion) {
					t.Errorf("2.1.1 cancels: %v", err)
				}
				return
			}
			sent, taken = between(t, cpo, func() (command.Command, error) {
				return emsp.Commands.Sender.CancelReservation(t.Context(), "grenspaal", cancel)
			}, v230.CommandResponseTypeAccepted)
			if taken.Reservation != made.Reservation {
				t.Errorf("reservation %q is canceled, want %q", taken.Reservation, made.Reservation)
			}
			result(t, cpo, taken.ID, v230.CommandResultTypeUnknownReservation)
			if sent = ended(t, emsp, sent.ID); sent.End.Outcome != "UNKNOWN_RESERVATION" {
				t.Errorf("it ended %+v", sent.End)
			}
			cancel.ReservationID = "9999"
			sent, err := emsp.Commands.Sender.CancelReservation(t.Context(), "grenspaal", cancel)
			if err != nil || sent.End == nil || sent.End.Outcome != "REJECTED" {
				t.Errorf("a reservation that nobody has made: %+v, %v", sent, err)
			}
		})
	}
}

// result says what came of a command at the charge point.
func result(t *testing.T, n running, id string, result v230.CommandResultType) {
	t.Helper()
	if _, err := n.Commands.Receiver.Result(t.Context(), id, result, ""); err != nil {
		t.Fatal(err)
	}
}

// Simulated chargers keep reservations, change them, and give them up; one that is over is unknown to them (requirements DM-01, DM-07).
func TestSimulatedChargersKeepReservations_DM01(t *testing.T) {
	for _, version := range []ocpi.Version{ocpi.V221, ocpi.V230} {
		t.Run(string(version), func(t *testing.T) {
			cpo, emsp := twoNodesIn(t, version)
			day := simulate.New(simulate.Config{Network: cpo.Network(own), Speed: 1})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); cpo.AnswerCommands(ctx, day) }()
			go day.Run(ctx)
			defer func() { cancel(); <-done }()
			request := sample.ReserveNow("")
			request.EVSEUID, request.ReservationID, request.ExpiryDate = nil, "R-1", ocpi.NewDateTime(time.Now().Add(time.Hour))
			location := string(request.LocationID)
			eventually(t, "the simulation has begun", func() bool { return day.Knows(ocpi.Key{ID: location}) })
			reserved := func() (count int) {
				l, err := cpo.Objects.Locations.Get(t.Context(), &ocpi.Partner{}, location)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range l.EVSEs {
					if e.Status == v230.StatusReserved {
						count++
					}
				}
				return count
			}
			before := reserved()
			for range 2 { // the second changes the first
				sent, err := emsp.Commands.Sender.ReserveNow(t.Context(), "grenspaal", request)
				if err != nil {
					t.Fatal(err)
				}
				if sent = ended(t, emsp, sent.ID); sent.End.Outcome != "ACCEPTED" || reserved() != before+1 {
					t.Fatalf("reserved: %+v; %d EVSEs are, before %d", sent.End, reserved(), before)
				}
			}
			for _, want := range []command.Outcome{"ACCEPTED", "UNKNOWN_RESERVATION"} {
				sent, err := emsp.Commands.Sender.CancelReservation(t.Context(), "grenspaal", v230.CancelReservation{ReservationID: "r-1"})
				if err != nil {
					t.Fatal(err)
				}
				if sent = ended(t, emsp, sent.ID); sent.End.Outcome != want || reserved() != before {
					t.Errorf("cancelled: %+v, want %s; %d EVSEs are reserved, before %d", sent.End, want, reserved(), before)
				}
			}
		})
	}
}
