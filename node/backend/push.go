package backend

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A Pusher sends objects of ours to partners at once.
type Pusher interface {
	// Receivers are the registered partners that an object may be sent to.
	Receivers(ctx context.Context, object store.Object) ([]string, error)
	// Send sends the present state of an object, whole, to a partner.
	Send(ctx context.Context, partner string, object store.Object) (PushAnswer, error)
}

// A PushAnswer is what a partner answered.
type PushAnswer struct {
	// HTTP is the HTTP status, Status that of the envelope; 0 for none.
	HTTP   int
	Status ocpi.StatusCode
	// Location is where the partner has a CDR.
	Location string
}

// A PushResult is what came of a push to one partner.
type PushResult struct {
	Partner  string          `json:"partner"`
	OK       bool            `json:"ok" doc:"Whether the partner took it"`
	HTTP     int             `json:"http_status,omitzero" required:"false" doc:"The HTTP status of its answer; missing where there was none"`
	Status   ocpi.StatusCode `json:"status_code,omitzero" required:"false" doc:"The OCPI status of its answer"`
	Error    string          `json:"error,omitempty" doc:"Why it was not taken"`
	Location string          `json:"location,omitempty" doc:"Where the partner has a CDR"`
	Took     Duration        `json:"took" doc:"How long it took, as in 120ms"`
}

type pushInput struct {
	Body struct {
		Module   string   `json:"module" enum:"locations,tariffs,sessions,cdrs,tokens"`
		Country  string   `json:"country" minLength:"2" maxLength:"2" doc:"The owner's country code"`
		Party    string   `json:"party" minLength:"3" maxLength:"3" doc:"The owner's party id"`
		ID       string   `json:"id" minLength:"1" doc:"The object's id; of a token, its uid"`
		Type     string   `json:"type,omitempty" enum:"AD_HOC_USER,APP_USER,EMAID,OTHER,RFID" doc:"Of a token, its type"`
		Partners []string `json:"partners,omitempty" doc:"To whom. Default: every registered partner that it is for"`
	}
}

func (a *API) addPush() {
	if a.config.Pusher == nil {
		return
	}
	o := operation{tag: "partners", scope: ScopeWrite, result: listOf(schemaOf[PushResult](a))}
	o = o.as("POST", "/push", "push-now", "Send an object of ours to partners now")
	o.doc = "Its present state is sent whole to each, at the same time, whatever was sent before. The answer has each partner's own: one that fails hides no other. " +
		"Partners get what changes without this; it is for when somebody wants to know."
	add(a, o, func(ctx context.Context, in *pushInput) (*answer, error) {
		results, err := a.push(ctx, in)
		if err != nil {
			return nil, err
		}
		return answered(http.StatusOK, map[string]any{"items": results, "total": len(results)})
	})
}

func (a *API) push(ctx context.Context, in *pushInput) ([]PushResult, error) {
	party := ocpi.NewParty(in.Body.Country, in.Body.Party)
	object, err := a.read(ctx, store.Key{Module: ocpi.ModuleID(in.Body.Module), Party: party, ID: in.Body.ID, TokenType: in.Body.Type})
	if err != nil {
		return nil, err
	}
	receivers, err := a.config.Pusher.Receivers(ctx, object)
	if err != nil {
		return nil, err
	}
	names := in.Body.Partners
	if len(names) == 0 {
		names = receivers
	}
	results := make([]PushResult, len(names))
	var work sync.WaitGroup
	room := make(chan struct{}, pushesAtOnce)
	for i, name := range names {
		if !slices.Contains(receivers, name) {
			results[i] = PushResult{Partner: name, Error: "it is no registered partner that this object is for"}
			continue
		}
		work.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			results[i] = a.pushTo(ctx, name, object)
		})
	}
	work.Wait()
	return results, nil
}

// pushesAtOnce is how many partners are sent to at the same time.
const pushesAtOnce = 64

func (a *API) pushTo(ctx context.Context, name string, object store.Object) PushResult {
	ctx, cancel := context.WithTimeout(ctx, a.config.PushTimeout)
	defer cancel()
	began := time.Now()
	sent, err := a.config.Pusher.Send(ctx, name, object)
	r := PushResult{
		Partner: name, OK: err == nil, HTTP: sent.HTTP, Status: sent.Status, Location: sent.Location,
		Took: Duration(time.Since(began).Round(time.Millisecond)),
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}
