package command_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/roamwire/roamwire/node/command"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// speaking is the partner in a version.
func speaking(version ocpi.Version) *ocpi.Partner {
	p := *from
	p.Version = version
	return &p
}

// An EVSE may need to be told which connector is meant; 2.1.1 cannot say it (requirements DL-10, DM-09).
func TestAStartNamesItsConnectorWhereThatIsNeeded_DM09(t *testing.T) {
	const left = "left to the backend"
	choosy := func(connectors int) v230.Location {
		l := sample.Locations()[1]
		l.ID = "CHOOSY"
		l.EVSEs = slices.Clone(l.EVSEs[:1])
		evse := &l.EVSEs[0]
		evse.UID, evse.Capabilities = "E-1", []v230.Capability{v230.CapabilityRemoteStartStopCapable, v230.CapabilityStartSessionConnectorRequired}
		one := evse.Connectors[0]
		evse.Connectors = nil
		for i := range connectors {
			one.ID = ocpi.CiString([]string{"a", "b"}[i])
			evse.Connectors = append(evse.Connectors, one)
		}
		return l
	}
	for name, tt := range map[string]struct {
		version         ocpi.Version
		connectors      int
		evse, connector string
		// want is the answer, or the pointer of what is wrong.
		want string
	}{
		"named":                                    {ocpi.V221, 2, "E-1", "a", left},
		"named in other letters":                   {ocpi.V230, 2, "e-1", "B", left},
		"not named":                                {ocpi.V221, 2, "E-1", "", "/connector_id"},
		"not named in 2.3.0":                       {ocpi.V230, 2, "E-1", "", "/connector_id"},
		"not even the EVSE":                        {ocpi.V221, 2, "", "", "/connector_id"},
		"a connector without its EVSE":             {ocpi.V221, 2, "", "a", "/evse_uid"},
		"2.1.1 cannot name it":                     {ocpi.V211, 2, "E-1", "", "NOT_SUPPORTED"},
		"2.1.1 need not, where it can be no other": {ocpi.V211, 1, "E-1", "", left},
	} {
		t.Run(name, func(t *testing.T) {
			c, db, objects := room(t, command.Settings{AnswerWithin: -1})
			put(t, objects.Locations, cpo, choosy(tt.connectors))
			r := sample.StartSession(resultURL)
			r.LocationID, r.EVSEUID = "CHOOSY", nil
			if tt.evse != "" {
				r.EVSEUID = new(ocpi.CiString(tt.evse))
			}
			if tt.connector != "" {
				r.ConnectorID = new(ocpi.CiString(tt.connector))
			}
			response, err := c.Receiver.StartSession(t.Context(), speaking(tt.version), r)
			got := string(response.Result)
			var e *ocpi.Error
			switch {
			case errors.As(err, &e) && e.Code == ocpi.StatusInvalidParameters && len(e.Findings) == 1:
				got = e.Findings[0].Pointer
			case err != nil:
				t.Fatal(err)
			case slices.Contains(told(t, db), command.EventRequested):
				got = left
			}
			if got != tt.want {
				t.Errorf("it was answered %s, want %s", got, tt.want)
			}
		})
	}
}

// The eMSP has authorized its driver: a token that is not valid, or that nobody has sent us, is passed on (requirements DM-05, DM-06).
func TestTheTokenOfACommandIsTheEMSPsBusiness_DM05(t *testing.T) {
	c, db, _ := room(t, command.Settings{AnswerWithin: -1})
	r := sample.StartSession(resultURL)
	r.Token.UID, r.Token.Valid, r.Token.Whitelist = "NEVER-SEEN", false, v230.WhitelistTypeNever
	if _, err := c.Receiver.StartSession(t.Context(), speaking(ocpi.V230), r); err != nil {
		t.Fatal(err)
	}
	if got := told(t, db); !slices.Contains(got, command.EventRequested) {
		t.Errorf("told were %v", got)
	}
}

// A reservation ends by who has made it (requirements DM-01, DM-07).
func TestAReservationIsCanceledByItsOwner_DM07(t *testing.T) {
	c, db, _ := room(t, command.Settings{AnswerWithin: -1})
	reserver, stranger := speaking(ocpi.V221), speaking(ocpi.V221)
	stranger.ID = "stranger"
	if _, err := c.Receiver.ReserveNow(t.Context(), reserver, sample.ReserveNow(resultURL)); err != nil {
		t.Fatal(err)
	}
	response, err := c.Receiver.CancelReservation(t.Context(), stranger, sample.CancelReservation(resultURL))
	if err != nil || response.Result != v230.CommandResponseTypeRejected || len(response.Message) != 1 {
		t.Errorf("the stranger was answered %+v, %v", response, err)
	}
	asked := func() (count int) {
		for _, kind := range told(t, db) {
			if kind == command.EventRequested {
				count++
			}
		}
		return count
	}
	if n := asked(); n != 1 {
		t.Fatalf("%d commands were asked for", n)
	}
	if _, err := c.Receiver.CancelReservation(t.Context(), reserver, sample.CancelReservation(resultURL)); err != nil || asked() != 2 {
		t.Errorf("the owner is not heard: %v", err)
	}
}

// The end of a reservation by the CPO is an event, and may be given up like a result (requirement DM-04).
func TestACanceledReservationIsTold_DM04(t *testing.T) {
	c, db, _ := room(t, command.Settings{AnswerWithin: -1, Default: map[v230.CommandType]v230.CommandResponseType{v230.CommandTypeReserveNow: "ACCEPTED"}})
	if _, err := c.Receiver.ReserveNow(t.Context(), speaking(ocpi.V221), sample.ReserveNow(resultURL)); err != nil {
		t.Fatal(err)
	}
	all, err := c.List(t.Context(), store.CommandFilter{Received: true})
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, result := range []v230.CommandResultType{v230.CommandResultTypeAccepted, v230.CommandResultTypeCanceledReservation} {
		if _, err := c.Receiver.Result(t.Context(), all[0].ID, result, ""); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{command.EventRequested, command.EventAnswered, command.EventFinished, command.EventCanceled}
	if got := told(t, db); !slices.Equal(got, want) {
		t.Errorf("told were %v, want %v", got, want)
	}
}
