package backend

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

type statusInput struct {
	UID  string `path:"uid" minLength:"1" doc:"The EVSE's uid"`
	Body struct {
		Status   string    `json:"status" enum:"AVAILABLE,BLOCKED,CHARGING,INOPERATIVE,OUTOFORDER,PLANNED,REMOVED,RESERVED,UNKNOWN" doc:"The status now"`
		At       time.Time `json:"at,omitzero" required:"false" doc:"Since when; the present time where it is missing"`
		Location string    `json:"location,omitempty" required:"false" example:"NL/GPE/LOC-1" doc:"The location the EVSE is in, as country/party/id. Needed where several locations have an EVSE with this uid; it spares the node to look for it"`
	}
}

// A StatusChange is what came of a change of status.
type StatusChange struct {
	Location    string      `json:"location" doc:"The location, as country/party/id"`
	EVSE        string      `json:"evse" doc:"The EVSE's uid"`
	Status      v230.Status `json:"status"`
	LastUpdated time.Time   `json:"last_updated" doc:"When the EVSE was last updated"`
	Changed     bool        `json:"changed" doc:"Whether it was in another status before"`
}

func (a *API) addStatus() {
	o := operation{tag: "locations", scope: ScopeWrite, result: schemaOf[StatusChange](a)}
	o = o.as("POST", "/evses/{uid}/status", "set-status", "Tell the status of an EVSE of ours")
	o.doc = "It is on disk when the answer comes, and partners are told at once."
	add(a, o, func(ctx context.Context, in *statusInput) (*answer, error) {
		change, err := a.setStatus(ctx, in)
		if err != nil {
			return nil, err
		}
		return answered(http.StatusOK, change)
	})
}

func (a *API) setStatus(ctx context.Context, in *statusInput) (StatusChange, error) {
	at := a.now()
	if !in.Body.At.IsZero() {
		at = ocpi.NewDateTime(in.Body.At).Truncate()
	}
	status := v230.Status(in.Body.Status)
	if in.Body.Location != "" {
		key, err := parsePlace(in.Body.Location)
		if err != nil {
			return StatusChange{}, err
		}
		return a.changeStatus(ctx, key, in.UID, status, at)
	}
	places, err := a.evses.places(ctx, in.UID)
	if err != nil {
		return StatusChange{}, err
	}
	if len(places) > 1 {
		if places, err = a.meant(ctx, places, in.UID); err != nil {
			return StatusChange{}, err
		}
	}
	switch len(places) {
	case 0:
		return StatusChange{}, problem(http.StatusNotFound, "no location of ours has an EVSE %s", in.UID)
	case 1:
		return a.changeStatus(ctx, places[0], in.UID, status, at)
	default:
		return StatusChange{}, problem(http.StatusConflict, "several locations have an EVSE %s: say which is meant by location: %s", in.UID, placeNames(places))
	}
}

// parsePlace reads a location as in NL/GPE/LOC-1.
func parsePlace(text string) (ocpi.Key, error) {
	parts := strings.SplitN(text, "/", 3)
	if len(parts) != 3 || parts[2] == "" {
		return ocpi.Key{}, mistake("/location", ocpi.FindingFormat, "%q is not a location such as NL/GPE/LOC-1", text)
	}
	return ocpi.Key{Party: ocpi.NewParty(parts[0], parts[1]), ID: parts[2]}, nil
}

func placeName(key ocpi.Key) string { return key.Party.String() + "/" + key.ID }

func placeNames(places []ocpi.Key) string {
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = placeName(p)
	}
	return strings.Join(names, ", ")
}

func (a *API) changeStatus(ctx context.Context, location ocpi.Key, uid string, status v230.Status, at ocpi.DateTime) (StatusChange, error) {
	changed, updated, err := a.config.Objects.Statuses.SetStatus(ctx, location, uid, status, at.Time())
	return StatusChange{Location: placeName(location), EVSE: uid, Status: status, LastUpdated: updated.Time(), Changed: changed}, err
}

// meant are those of some locations that have an EVSE: with the very uid, or else with one that is the same in another case.
func (a *API) meant(ctx context.Context, places []ocpi.Key, uid string) ([]ocpi.Key, error) {
	exactly, err := a.having(ctx, places, uid, false)
	if err != nil || len(exactly) > 0 || !a.config.AnyCase {
		return exactly, err
	}
	return a.having(ctx, places, uid, true)
}

// having are those of some locations that have an EVSE; where there are any that have not removed it, those alone.
func (a *API) having(ctx context.Context, places []ocpi.Key, uid string, anyCase bool) ([]ocpi.Key, error) {
	var have, had []ocpi.Key
	for _, key := range places {
		location, err := stored(ctx, a, locations(a), key)
		if p, ok := errors.AsType[*Problem](err); ok && p.Status == http.StatusNotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		switch evse := find(location.EVSEs, evseUID, uid, anyCase); {
		case evse == nil:
		case evse.Status == v230.StatusRemoved:
			had = append(had, key)
		default:
			have = append(have, key)
		}
	}
	if len(have) == 0 {
		return had, nil
	}
	return have, nil
}

// An evseIndex knows in which locations of ours an EVSE is. It follows the feed of changes, and is made when it is first
// asked. A location that has not got an EVSE any more stays in it: it says where to look.
type evseIndex struct {
	store Store

	mu     sync.Mutex
	cursor int64
	// keys are all locations, numbers their places in keys, and where the places of the locations with an EVSE.
	keys    []ocpi.Key
	numbers map[ocpi.Key]int32
	where   map[string][]int32
	// anyCase tells that uids are the same in any case: then where has them folded.
	anyCase bool
}

// places are the locations in which an EVSE may be.
func (x *evseIndex) places(ctx context.Context, uid string) ([]ocpi.Key, error) {
	latest, err := x.store.LatestChange(ctx, ocpi.ModuleLocations, "")
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.follow(ctx, latest); err != nil {
		return nil, err
	}
	numbers := x.where[x.folded(uid)]
	places := make([]ocpi.Key, len(numbers))
	for i, number := range numbers {
		places[i] = x.keys[number]
	}
	return places, nil
}

// folded is a uid as it is looked up.
func (x *evseIndex) folded(uid string) string {
	if x.anyCase {
		return ocpi.CiString(uid).Fold()
	}
	return uid
}

const readAtOnce = 500

// follow reads what has changed up to a change.
func (x *evseIndex) follow(ctx context.Context, latest int64) error {
	if x.where == nil {
		x.numbers, x.where = map[ocpi.Key]int32{}, map[string][]int32{}
	}
	for x.cursor < latest {
		feed, err := x.store.Changes(ctx, store.Selection{Module: ocpi.ModuleLocations, AnyAudience: true}, x.cursor, readAtOnce)
		if err != nil {
			return err
		}
		for i := range feed.Changes {
			if err := x.note(&feed.Changes[i]); err != nil {
				return err
			}
		}
		x.cursor = max(x.cursor, feed.Next)
	}
	return nil
}

func (x *evseIndex) note(c *store.Change) error {
	if c.Removed {
		return nil
	}
	key := ocpi.Key{Party: c.Party, ID: c.ID}
	for _, part := range c.Parts {
		if !part.Status {
			x.add(part.EVSE, key)
		}
	}
	if len(c.Parts) > 0 {
		return nil
	}
	var location struct {
		EVSEs []struct {
			UID string `json:"uid"`
		} `json:"evses"`
	}
	if err := json.Unmarshal(c.Body, &location, jsontext.AllowDuplicateNames(true)); err != nil {
		return err
	}
	for _, evse := range location.EVSEs {
		x.add(evse.UID, key)
	}
	return nil
}

func (x *evseIndex) add(uid string, key ocpi.Key) {
	number, known := x.numbers[key]
	if !known {
		number = int32(len(x.keys))
		x.keys, x.numbers[key] = append(x.keys, key), number
	}
	uid = x.folded(uid)
	if !slices.Contains(x.where[uid], number) {
		x.where[uid] = append(x.where[uid], number)
	}
}
