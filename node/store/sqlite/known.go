package sqlite

import (
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// known is what one transaction has read of what hardly ever changes, and nobody else can change while it runs.
type known struct {
	collections map[collectionKey]int64
	versions    map[ocpi.Version]int64
}

type collectionKey struct {
	module ocpi.ModuleID
	source string
	party  ocpi.Party
}

// collection is the number of the collection that a key is in, if there is one.
func (k *known) collection(c *conn, key store.Key) (id int64, ok bool, err error) {
	if id, ok = k.collections[collectionKey{key.Module, key.Source, key.Party}]; ok {
		return id, true, nil
	}
	id, ok, err = c.number(`SELECT id FROM collection WHERE module = ?1 AND source = ?2 AND country_code = ?3 AND party_id = ?4`,
		string(key.Module), key.Source, key.Party.CountryCode, key.Party.PartyID)
	if ok {
		k.add(key, id)
	}
	return id, ok, err
}

func (k *known) add(key store.Key, id int64) {
	if k.collections == nil {
		k.collections = map[collectionKey]int64{}
	}
	k.collections[collectionKey{key.Module, key.Source, key.Party}] = id
}

// forms are the numbers of all versions that have renditions. Whoever adds one adds it to the map.
func (k *known) forms(c *conn) (versions map[ocpi.Version]int64, err error) {
	if k.versions == nil {
		k.versions, err = c.forms()
	}
	return k.versions, err
}

// forget is called when something is undone, which may be what is known.
func (k *known) forget() { *k = known{} }
