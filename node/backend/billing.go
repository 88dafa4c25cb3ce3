package backend

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/tariff"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A Biller makes CDRs of sessions.
type Biller interface {
	// Bill makes the CDR of a session of ours that has ended. It stores nothing.
	Bill(ctx context.Context, r BillRequest) (Bill, error)
}

// A BillRequest says what a CDR is made of.
type BillRequest struct {
	// Session is the session.
	Session *v230.Session
	// TariffIDs name the tariffs of ours that applied, as they were when the session began; Tariffs are given in their place. Without
	// both they are those that its periods name, or that of its connector.
	TariffIDs []string
	Tariffs   []*v230.Tariff
	// ID is that of the CDR.
	ID ocpi.CiString
}

// A Bill is a CDR and how its price comes about.
type Bill struct {
	CDR   v230.CDR
	Price *tariff.Report
}

// A SessionObject is a session in a body, read by the tables of the model.
type SessionObject jsontext.Value

// Schema is for huma.
func (SessionObject) Schema(huma.Registry) *huma.Schema { return ref("Session" + inputSuffix) }

// MarshalJSON writes it.
func (s SessionObject) MarshalJSON() ([]byte, error) { return jsontext.Value(s).MarshalJSON() }

// UnmarshalJSON reads it.
func (s *SessionObject) UnmarshalJSON(raw []byte) error {
	return (*jsontext.Value)(s).UnmarshalJSON(raw)
}

// A TariffObject is a tariff in a body, read by the tables of the model.
type TariffObject jsontext.Value

// Schema is for huma.
func (TariffObject) Schema(huma.Registry) *huma.Schema { return ref("Tariff" + inputSuffix) }

// MarshalJSON writes it.
func (t TariffObject) MarshalJSON() ([]byte, error) { return jsontext.Value(t).MarshalJSON() }

// UnmarshalJSON reads it.
func (t *TariffObject) UnmarshalJSON(raw []byte) error {
	return (*jsontext.Value)(t).UnmarshalJSON(raw)
}

type fromSessionInput struct {
	Body struct {
		SessionID string         `json:"session_id,omitempty" doc:"A session of ours: its id, or country/party/id"`
		Session   SessionObject  `json:"session,omitempty" required:"false" doc:"In place of session_id: the session, whole. Its location is one of ours"`
		TariffIDs []string       `json:"tariff_ids,omitempty" doc:"The tariffs of ours that applied, as they were when the session began. Default: those that its periods name, or else that of its connector"`
		Tariffs   []TariffObject `json:"tariffs,omitempty" required:"false" doc:"In place of tariff_ids: the tariffs, whole"`
		ID        string         `json:"id,omitempty" maxLength:"39" doc:"The id of the CDR. Default: that of the session"`
		Store     bool           `json:"store,omitempty" doc:"Store the CDR, so that the driver's eMSP gets it. Default: only show it"`
	}
}

// A BillShown is the answer.
type BillShown struct {
	CDR    JSON `json:"cdr" doc:"The CDR"`
	Price  JSON `json:"price" doc:"How its price comes about: each period with what its price components bill, what step_size added, what limits did"`
	Stored bool `json:"stored" doc:"Whether it was stored"`
}

// addBilling adds the operation that makes a CDR of a session.
func (a *API) addBilling(m module[v230.CDR]) {
	if a.config.Biller == nil {
		return
	}
	o := operation{tag: "cdrs", scope: ScopeWrite, result: schemaOf[BillShown](a), statuses: []int{http.StatusOK, http.StatusCreated}}
	o = o.as("POST", "/cdrs/from-session", "make-cdr", "Make the CDR of a session that has ended")
	o.doc = "A period of the session in which prices change is divided, as OCPI demands, and each part has its cost. What the session does not say of its " +
		"periods is completed from it; one that contradicts itself is refused. A CDR that was stored before with the same id is " +
		"not changed: where it would be another one, that is 409."
	add(a, o, func(ctx context.Context, in *fromSessionInput) (*answer, error) {
		r, err := a.billRequest(ctx, in)
		if err != nil {
			return nil, err
		}
		bill, err := a.config.Biller.Bill(ctx, r)
		if err != nil {
			return nil, unbillable(err)
		}
		created := false
		if in.Body.Store {
			if created, err = m.storeOnce(ctx, &bill.CDR); err != nil {
				return nil, err
			}
		}
		return billShown(&bill, in.Body.Store, created)
	})
}

// storeOnce stores a CDR, if none is there with its id and another content. One that was made before, of a session that has been updated since,
// is the same and stays as it is.
func (m module[T]) storeOnce(ctx context.Context, object *T) (created bool, err error) {
	outcomes, err := m.own.Save(ctx, []Item[T]{{Party: m.parts(object).owner(), Object: *object}}, func(_ int, before, after *T) error {
		if before == nil {
			return nil
		}
		*m.parts(after).updated = *m.parts(before).updated
		if err := m.sameAgain(before, after); err != nil {
			return err
		}
		*after, *m.parts(object).updated = *before, *m.parts(before).updated
		return nil
	})
	if err != nil {
		return false, err
	}
	return outcomes[0].Created, outcomes[0].Err
}

func billShown(bill *Bill, stored, created bool) (*answer, error) {
	cdr, err := json.Marshal(&bill.CDR)
	if err != nil {
		return nil, err
	}
	price, err := json.Marshal(bill.Price)
	if err != nil {
		return nil, err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return answered(status, BillShown{JSON(cdr), JSON(price), stored})
}

// billRequest is what the body asks for.
func (a *API) billRequest(ctx context.Context, in *fromSessionInput) (r BillRequest, err error) {
	body := &in.Body
	if (body.SessionID == "") == (len(body.Session) == 0) {
		return r, mistake("/session_id", ocpi.FindingMissing, "one of session_id and session is needed")
	}
	if len(body.TariffIDs) > 0 && len(body.Tariffs) > 0 {
		return r, mistake("/tariffs", ocpi.FindingConsistency, "there are tariff_ids already")
	}
	if body.SessionID != "" {
		if r.Session, err = a.sessionOf(ctx, looseKey(body.SessionID)); err != nil {
			return r, err
		}
	} else {
		session, err := sessions(a).receive(body.Session)
		if err != nil {
			return r, under(err, "/session")
		}
		r.Session = &session.object
		if owner := ocpi.NewParty(string(session.object.CountryCode), string(session.object.PartyID)); !a.ours(owner) {
			return r, a.notOurs(owner)
		}
	}
	r.TariffIDs, r.ID = body.TariffIDs, ocpi.CiString(body.ID)
	if r.ID == "" {
		r.ID = r.Session.ID
	}
	for i, raw := range body.Tariffs {
		t, err := tariffs(a).receive(raw)
		if err != nil {
			return r, under(err, fmt.Sprintf("/tariffs/%d", i))
		}
		if owner := ocpi.NewParty(string(t.object.CountryCode), string(t.object.PartyID)); !a.ours(owner) {
			return r, a.notOurs(owner)
		}
		r.Tariffs = append(r.Tariffs, &t.object)
	}
	return r, nil
}

// sessionOf is a session of ours.
func (a *API) sessionOf(ctx context.Context, key ocpi.Key) (*v230.Session, error) {
	owners := []ocpi.Party{key.Party}
	if key.Party == (ocpi.Party{}) {
		owners = nil
		for _, own := range a.config.Parties {
			owners = append(owners, own.Party)
		}
	}
	for _, owner := range owners {
		o, err := a.config.Store.Object(ctx, store.Key{Module: ocpi.ModuleSessions, Party: owner, ID: key.ID, AnyCase: a.config.AnyCase})
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s := new(v230.Session)
		return s, json.Unmarshal(o.Body, s, jsontext.AllowDuplicateNames(true))
	}
	return nil, problem(http.StatusNotFound, "there is no session %s of ours", key.ID)
}

// under puts the place of a document before the pointers of what is wrong in it.
func under(err error, place string) error {
	var p *Problem
	if !errors.As(err, &p) {
		return err
	}
	for i := range p.Problems {
		p.Problems[i].Pointer = place + p.Problems[i].Pointer
	}
	return p
}

// unbillable is why no CDR could be made.
func unbillable(err error) error {
	var p *Problem
	var unreadable *tariff.TariffError
	var unknown *tariff.UnknownTariffError
	var contradiction *tariff.SessionError
	switch {
	case errors.As(err, &p):
		return err
	case errors.As(err, &unknown):
		return problem(http.StatusConflict, "no CDR can be made: the session names tariff %s, which is not among those that it is to be priced with", unknown.ID)
	case errors.As(err, &contradiction):
		return problem(http.StatusConflict, "no CDR can be made: of the session, %v", contradiction)
	case errors.Is(err, tariff.ErrNotEnded), errors.Is(err, tariff.ErrNoTariff), errors.Is(err, tariff.ErrNoPeriods), errors.Is(err, tariff.ErrTooLong),
		errors.Is(err, tariff.ErrCurrencies), errors.Is(err, tariff.ErrPlace), errors.As(err, &unreadable):
		return problem(http.StatusConflict, "no CDR can be made: %v", err)
	default:
		return err
	}
}
