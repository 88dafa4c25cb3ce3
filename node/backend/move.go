package backend

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// Moves are what moves between partners and us by itself.
type Moves interface {
	// Status returns where we stand with a partner, or with all of them where no name is given. It is handshake.ErrUnknown
	// for a partner that there is not.
	Status(ctx context.Context, name string) ([]PartnerStatus, error)
	// Pull pulls a module of a partner now, or says store.ErrLeased while it is being pulled; PullModules are those that can
	// be pulled.
	Pull(ctx context.Context, name string, module ocpi.ModuleID, full bool) (PullStatus, error)
	PullModules(ctx context.Context, name string) ([]ocpi.ModuleID, error)
	// RetryPushes lets objects be tried again now that a partner did not take, and returns how many there are.
	RetryPushes(ctx context.Context, name string, module ocpi.ModuleID, id string) (int, error)
	// SettleCDR tells what a person has found out about a CDR of which it was not known whether it arrived, or says
	// store.ErrNotFound.
	SettleCDR(ctx context.Context, name, id string, arrived bool) error
}

// A PartnerStatus is where we stand with a partner, and how far what moves has come.
type PartnerStatus struct {
	Partner   string        `json:"partner"`
	Roles     []PartnerRole `json:"roles" nullable:"false"`
	Version   ocpi.Version  `json:"version,omitempty"`
	State     string        `json:"state"`
	Words     string        `json:"words" doc:"The state for people, with what is under way or has failed"`
	Suspended bool          `json:"suspended"`
	Failure   string        `json:"failure,omitempty" doc:"Why the last exchange of credentials failed"`
	PushOff   string        `json:"push_off,omitempty" doc:"Why nothing is pushed by itself; missing where it is"`
	PullOff   string        `json:"pull_off,omitempty" doc:"Why nothing is pulled by itself; missing where it is"`
	Push      []PushStatus  `json:"push" nullable:"false"`
	Pull      []PullStatus  `json:"pull" nullable:"false"`
}

// A PushStatus is how far the pushes of one module to a partner have come.
type PushStatus struct {
	Module      ocpi.ModuleID `json:"module"`
	Cursor      int64         `json:"cursor" doc:"How far the feed of changes was dealt with"`
	Backlog     int           `json:"backlog" doc:"How many objects have changed since"`
	Oldest      time.Time     `json:"oldest_waiting,omitzero" required:"false" doc:"Since when the first object waits that the partner has not got"`
	Held        []HeldObject  `json:"held,omitempty" doc:"Objects that wait for another try"`
	Parked      []HeldObject  `json:"parked,omitempty" doc:"Objects that wait for a person"`
	Sent        int64         `json:"sent"`
	LastSuccess time.Time     `json:"last_success,omitzero" required:"false"`
	LastError   string        `json:"last_error,omitempty"`
	LastFailure time.Time     `json:"last_failure,omitzero" required:"false"`
	Failures    int           `json:"failures,omitzero" required:"false" doc:"How many messages in a row have failed"`
	WaitsUntil  time.Time     `json:"waits_until,omitzero" required:"false" doc:"When the partner is asked again, if it is waited for"`
}

// A HeldObject is an object that a partner did not take yet.
type HeldObject struct {
	Module    ocpi.ModuleID `json:"module"`
	ID        string        `json:"id"`
	Party     string        `json:"party"`
	TokenType string        `json:"token_type,omitempty"`
	Attempts  int           `json:"attempts"`
	Refused   int           `json:"refused,omitzero" required:"false" doc:"How often the partner refused its present state"`
	Reason    string        `json:"reason"`
	First     time.Time     `json:"first,omitzero" required:"false" doc:"When it first failed"`
	Failed    time.Time     `json:"failed,omitzero" required:"false" doc:"When it last failed"`
	Due       time.Time     `json:"due,omitzero" required:"false" doc:"When it is tried again"`
	Unclear   bool          `json:"unclear,omitzero" required:"false" doc:"Of a CDR: it is not known whether it arrived"`
}

// A PullStatus is how far the pulls of one module from a partner have come.
type PullStatus struct {
	Module          ocpi.ModuleID `json:"module"`
	Cursor          time.Time     `json:"cursor,omitzero" required:"false"`
	Due             time.Time     `json:"due,omitzero" required:"false"`
	DeltaDue        time.Time     `json:"delta_due,omitzero" required:"false"`
	FullDue         time.Time     `json:"full_due,omitzero" required:"false"`
	NotBefore       time.Time     `json:"not_before,omitzero" required:"false" doc:"Until when the partner has asked to be left alone"`
	LastFull        time.Time     `json:"last_full,omitzero" required:"false"`
	LastDelta       time.Time     `json:"last_delta,omitzero" required:"false"`
	Objects         int           `json:"objects" doc:"How many there were in the last pull of everything"`
	Last            PullCounts    `json:"last"`
	LastError       string        `json:"last_error,omitempty"`
	LastFailure     time.Time     `json:"last_failure,omitzero" required:"false"`
	Failures        int           `json:"failures,omitzero" required:"false"`
	FullError       string        `json:"full_error,omitempty" doc:"Why the last pull of everything failed"`
	FullFailures    int           `json:"full_failures,omitzero" required:"false"`
	Unproven        string        `json:"unproven,omitempty" doc:"Why the last list of everything says nothing about what has vanished"`
	IgnoresDateFrom bool          `json:"ignores_date_from,omitzero" required:"false"`
	Problems        []PullProblem `json:"problems,omitempty" doc:"The first objects of the last pull that could not be stored"`
}

// PullCounts are what became of the objects of a pull.
type PullCounts struct {
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Older     int `json:"older"`
	Refused   int `json:"refused"`
	Gone      int `json:"gone"`
}

// A PullProblem is an object that could not be stored.
type PullProblem struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// A PullResult is what came of the pull of a module that was asked for.
type PullResult struct {
	Module ocpi.ModuleID `json:"module"`
	Error  string        `json:"error,omitempty" doc:"Why it failed; missing where it was complete"`
	State  *PullStatus   `json:"state,omitempty"`
}

type (
	pullInput struct {
		NamedInput
		Body struct {
			Module string `json:"module,omitempty" enum:"locations,tariffs,sessions,cdrs,tokens" doc:"Default: all that the partner offers"`
			Full   bool   `json:"full,omitzero" required:"false" doc:"Everything, and not what is new alone"`
		}
	}
	retryInput struct {
		NamedInput
		Body struct {
			Module string `json:"module,omitempty" enum:"locations,tariffs,sessions,cdrs,tokens" doc:"Only objects of this module"`
			ID     string `json:"id,omitempty" doc:"Only the object with this id"`
		}
	}
)

type settleInput struct {
	NamedInput
	Body struct {
		ID      string `json:"id" minLength:"1" doc:"The CDR's id"`
		Arrived bool   `json:"arrived" doc:"Whether the partner has it. If not, it is posted again"`
	}
}

// Retried is how many objects are tried again.
type Retried struct {
	Retried int `json:"retried"`
}

// addMoves adds the operations on pushes and pulls.
func (a *API) addMoves() {
	if a.config.Moves == nil {
		return
	}
	read := operation{tag: "partners", scope: ScopeRead, result: listOf(schemaOf[PartnerStatus](a))}
	add(a, read.as("GET", "/status", "get-status", "What waits for partners, what was sent and what was pulled"),
		func(ctx context.Context, _ *struct{}) (*answer, error) { return a.status(ctx, "") })
	one := read.as("GET", "/partners/{name}/status", "get-partner-status", "What waits for a partner, what was sent and what was pulled")
	one.result = schemaOf[PartnerStatus](a)
	add(a, one, func(ctx context.Context, in *NamedInput) (*answer, error) { return a.status(ctx, in.Name) })
	parked := read.as("GET", "/partners/{name}/parked", "list-parked", "What a partner did not take yet, and why")
	parked.result = listOf(schemaOf[HeldObject](a))
	add(a, parked, func(ctx context.Context, in *NamedInput) (*answer, error) { return a.parked(ctx, in.Name) })
	write := operation{tag: "partners", scope: ScopeWrite}
	retry := write.as("POST", "/partners/{name}/retry-pushes", "retry-pushes", "Try objects again now that a partner did not take")
	retry.result = schemaOf[Retried](a)
	add(a, retry, func(ctx context.Context, in *retryInput) (*answer, error) {
		n, err := a.config.Moves.RetryPushes(ctx, in.Name, ocpi.ModuleID(in.Body.Module), in.Body.ID)
		if err != nil {
			return nil, partnerError(err)
		}
		return answered(http.StatusOK, Retried{n})
	})
	settle := write.as("POST", "/partners/{name}/settle-cdr", "settle-cdr", "Tell whether a partner has a CDR of which it was not known whether it arrived")
	settle.statuses = []int{http.StatusNoContent}
	add(a, settle, func(ctx context.Context, in *settleInput) (*answer, error) {
		err := a.config.Moves.SettleCDR(ctx, in.Name, in.Body.ID, in.Body.Arrived)
		if errors.Is(err, store.ErrNotFound) {
			return nil, problem(http.StatusNotFound, "there is no CDR %s of which it is not known whether %s has it", in.Body.ID, in.Name)
		}
		if err != nil {
			return nil, partnerError(err)
		}
		return &answer{Status: http.StatusNoContent}, nil
	})
	pull := write.as("POST", "/partners/{name}/pull", "pull-now", "Fetch a partner's objects now")
	pull.result, pull.doc = listOf(schemaOf[PullResult](a)), "The answer comes when it is done, which may take minutes. One module that fails keeps no other."
	add(a, pull, func(ctx context.Context, in *pullInput) (*answer, error) { return a.pull(ctx, in) })
}

func (a *API) status(ctx context.Context, name string) (*answer, error) {
	all, err := a.config.Moves.Status(ctx, name)
	if err != nil {
		return nil, partnerError(err)
	}
	if name != "" && len(all) == 1 {
		return answered(http.StatusOK, all[0])
	}
	if all == nil {
		all = []PartnerStatus{}
	}
	return answered(http.StatusOK, map[string]any{"items": all, "total": len(all)})
}

func (a *API) parked(ctx context.Context, name string) (*answer, error) {
	all, err := a.config.Moves.Status(ctx, name)
	if err != nil {
		return nil, partnerError(err)
	}
	items := []HeldObject{}
	for _, partner := range all {
		for _, lane := range partner.Push {
			items = append(items, slices.Concat(lane.Parked, lane.Held)...)
		}
	}
	return answered(http.StatusOK, map[string]any{"items": items, "total": len(items)})
}

func (a *API) pull(ctx context.Context, in *pullInput) (*answer, error) {
	offered, err := a.config.Moves.PullModules(ctx, in.Name)
	if err != nil {
		return nil, partnerError(err)
	}
	if in.Body.Module != "" {
		if !slices.Contains(offered, ocpi.ModuleID(in.Body.Module)) {
			return nil, problem(http.StatusConflict, "%s does not offer %s", in.Name, in.Body.Module)
		}
		offered = []ocpi.ModuleID{ocpi.ModuleID(in.Body.Module)}
	}
	results := []PullResult{}
	for _, module := range offered {
		state, err := a.config.Moves.Pull(ctx, in.Name, module, in.Body.Full)
		switch {
		case errors.Is(err, store.ErrLeased):
			results = append(results, PullResult{Module: module, Error: "it is being pulled already"})
		case err != nil:
			results = append(results, PullResult{Module: module, Error: err.Error()})
		default:
			results = append(results, PullResult{Module: module, State: &state})
		}
	}
	return answered(http.StatusOK, map[string]any{"items": results, "total": len(results)})
}
