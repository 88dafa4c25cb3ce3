package object

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// Taken is what became of a partner's objects that were fetched.
type Taken struct {
	Created, Updated, Unchanged int
	// Older are those of which we have a newer state, which stays.
	Older int
	// Refused are those that could not be stored.
	Refused []Refusal
	// Keys are those that were there, also the refused ones. Newest and Oldest are their times.
	Keys           []store.Key
	Newest, Oldest time.Time
	// MissingEVSEs are EVSEs that we have and the partner's location has not. They stay as they are.
	MissingEVSEs []store.Missing
}

// A Refusal is an object that could not be stored.
type Refusal struct {
	ID     string
	Reason error
}

// Take stores objects fetched from a partner, in one transaction. An object that cannot be stored does not keep the others
// from it, and none replaces a newer one.
func (r *Received[T]) Take(ctx context.Context, from *ocpi.Partner, objects []T) (Taken, error) {
	var seen Taken
	var items []fetched[T]
	for i := range objects {
		item, err := r.fetch(from, &objects[i])
		seen.Keys = append(seen.Keys, item.record.Key)
		if err != nil {
			seen.Refused = append(seen.Refused, Refusal{r.kind.id(&objects[i]), err})
			continue
		}
		items = append(items, item)
		at := item.record.LastUpdated
		if at.After(seen.Newest) {
			seen.Newest = at
		}
		if seen.Oldest.IsZero() || at.Before(seen.Oldest) {
			seen.Oldest = at
		}
	}
	var taken Taken
	err := r.store.Write(ctx, func(tx store.Tx) error {
		taken = seen // the function may run again
		for i := range items {
			if err := r.take(tx, from, &items[i], &taken); err != nil {
				return err
			}
		}
		return nil
	})
	return taken, err
}

// A fetched is an object on its way to the store.
type fetched[T any] struct {
	object *T
	key    ocpi.Key
	record store.Object
}

// fetch makes an object ready, if it is one of the partner's.
func (r *Received[T]) fetch(from *ocpi.Partner, object *T) (fetched[T], error) {
	country, party := r.kind.party(object)
	key := ocpi.Key{Party: ocpi.NewParty(string(*country), string(*party)), ID: r.kind.id(object)}
	if r.kind.tokenType != nil {
		key.TokenType = r.kind.tokenType(object)
	}
	item := fetched[T]{object: object, key: key, record: store.Object{Key: r.kind.storeKey(from.ID, key)}}
	role := ocpi.RoleCPO
	if r.kind.module == ocpi.ModuleTokens {
		role = ocpi.RoleEMSP
	}
	if !from.Speaks(role, key.Party) {
		return item, fmt.Errorf("it belongs to %s, for which the partner does not speak", key.Party)
	}
	record, err := r.kind.record(from.ID, key, object)
	if err != nil {
		return item, err
	}
	item.record = record
	return item, nil
}

func (r *Received[T]) take(tx store.Tx, from *ocpi.Partner, item *fetched[T], taken *Taken) error {
	stored, err := tx.Object(item.record.Key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		taken.Created++
		_, err = tx.Put(item.record)
		return err
	case err != nil:
		return err
	case unchanged(stored, item.record):
		taken.Unchanged++
		return nil
	case r.kind.same != nil:
		return r.again(stored, item, taken)
	}
	newer := !stored.Stamped && !from.Receive.AllowOlder
	older := newer && item.record.LastUpdated.Before(stored.LastUpdated)
	record := item.record
	if r.kind.merge != nil {
		if record, err = r.merged(from, item, stored, newer, taken); err != nil {
			return err
		}
	}
	switch {
	case older && (r.kind.merge == nil || unchanged(stored, record)):
		taken.Older++
		return nil
	case unchanged(stored, record):
		taken.Unchanged++
		return nil
	}
	taken.Updated++
	_, err = tx.Put(record)
	return err
}

// again compares an object that may never change with the one that is here.
func (r *Received[T]) again(stored store.Object, item *fetched[T], taken *Taken) error {
	before, err := r.kind.read(stored)
	if err != nil {
		return err
	}
	same, err := r.kind.same(&before, item.object)
	if err != nil {
		return err
	}
	if same {
		taken.Unchanged++
		return nil
	}
	taken.Refused = append(taken.Refused, Refusal{item.key.ID, fmt.Errorf("it is here with other content, and a %s cannot be changed", r.kind.name)})
	return nil
}

// sameCDR compares two CDRs whose ids may be in different case (requirements CDR-08, CDR-17).
func sameCDR(before, after *v230.CDR) (bool, error) {
	renamed := *after
	renamed.ID = before.ID
	was, err := json.Marshal(before)
	if err != nil {
		return false, err
	}
	is, err := json.Marshal(&renamed)
	if err != nil {
		return false, err
	}
	return wire.SameJSON(was, is)
}

// merged is the stored form of an object that was fetched, with what must stay of the one that is here.
func (r *Received[T]) merged(from *ocpi.Partner, item *fetched[T], stored store.Object, newer bool, taken *Taken) (store.Object, error) {
	before, err := r.kind.read(stored)
	if err != nil {
		return stored, err
	}
	after := *item.object
	for _, uid := range r.kind.merge(&before, &after, newer) {
		taken.MissingEVSEs = append(taken.MissingEVSEs, store.Missing{Key: item.record.Key, EVSE: uid})
	}
	record, err := r.kind.record(from.ID, item.key, &after)
	record.Stamped = stored.Stamped && record.LastUpdated.Equal(stored.LastUpdated)
	return record, err
}

// mergeLocation adds the EVSEs that a fetched location does not have, and returns their uids: one list without them is no
// proof that they are gone. Where newer is set, the location and each EVSE that has changed here since the list was made
// stay as they are, but no EVSE that is removed here: that may be our own mark, and the partner says that the EVSE is there.
func mergeLocation(before, after *v230.Location, newer bool) (missing []string) {
	evses := slices.Clone(after.EVSEs)
	at := make(map[ocpi.CiString]int, len(evses))
	for i := range evses {
		at[evses[i].UID] = i
	}
	for _, evse := range before.EVSEs {
		i, listed := at[evse.UID]
		switch {
		case !listed:
			missing = append(missing, string(evse.UID))
			evses = append(evses, evse)
		case newer && evse.Status != v230.StatusRemoved && evse.LastUpdated.Compare(evses[i].LastUpdated) > 0:
			evses[i] = evse
		}
	}
	if newer && before.LastUpdated.Compare(after.LastUpdated) > 0 {
		*after = *before
	}
	after.EVSEs = evses
	return missing
}

// RemoveEVSEs marks EVSEs of a partner's location as removed: those with these uids, or all of them if there are none.
// The time of the mark is ours: the EVSE may come back with an older one.
func RemoveEVSEs(ctx context.Context, r *Received[v230.Location], from *ocpi.Partner, key ocpi.Key, uids []string, at time.Time) error {
	return r.update(ctx, from, key, true, func(l *v230.Location) error {
		for i := range l.EVSEs {
			evse := &l.EVSEs[i]
			if len(uids) > 0 && !slices.Contains(uids, string(evse.UID)) || evse.Status == v230.StatusRemoved {
				continue
			}
			evse.Status = v230.StatusRemoved
			evse.LastUpdated = later(evse.LastUpdated, ocpi.NewDateTime(at).Truncate())
		}
		return nil
	})
}
