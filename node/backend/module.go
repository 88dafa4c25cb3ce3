package backend

import (
	"context"
	"strings"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A module is what the API must know of one module's objects.
type module[T any] struct {
	id  ocpi.ModuleID
	own Own[T]
	// object is the name of the object in the model, as its schema has it.
	object string
	// noun is what it is called in texts, idName what its identifier is called.
	noun, idName string
	decode       func([]byte) (T, []ocpi.Finding, error)
	// parts returns what identifies an object, and when it was last updated.
	parts func(*T) identity
	// doubles are parts of an object that have the name of another; nil where there are none.
	doubles func(*T) []ocpi.Finding
	// leftovers keeps what an older version has said of an object and the model cannot say.
	leftovers func(before, after *T)
	// stamp gives an object that came without last_updated the time of now, unless it says the same as before.
	stamp func(before, after *T, now ocpi.DateTime)
	// retire does what OCPI has in place of deleting; nil where objects can go.
	retire func(*T, ocpi.DateTime)
	// respell writes ids as they were before, where they are the same in another case; nil for as they come.
	respell func(before, after *T)
	// immutable tells that an object is created and never changed.
	immutable bool
}

// identity points into an object.
type identity struct {
	country, party, id *ocpi.CiString
	tokenType          *v230.TokenType
	updated            *ocpi.DateTime
}

func (i identity) owner() ocpi.Party { return ocpi.NewParty(string(*i.country), string(*i.party)) }

func (i identity) key() ocpi.Key {
	key := ocpi.Key{Party: i.owner(), ID: string(*i.id)}
	if i.tokenType != nil {
		key.TokenType = string(*i.tokenType)
	}
	return key
}

func (m module[T]) storeKey(source string, key ocpi.Key) store.Key {
	return store.Key{Module: m.id, Source: source, Party: key.Party, ID: key.ID, TokenType: key.TokenType}
}

func locations(a *API) module[v230.Location] {
	return module[v230.Location]{
		id: ocpi.ModuleLocations, own: a.config.Objects.Locations, respell: a.config.Objects.Locations.Respell, object: "Location", noun: "location", idName: "id",
		decode: v230.DecodeLocation,
		parts: func(l *v230.Location) identity {
			return identity{country: &l.CountryCode, party: &l.PartyID, id: &l.ID, updated: &l.LastUpdated}
		},
		doubles: doubleEVSEs, leftovers: keepLocation, stamp: stampLocation, retire: retireLocation,
	}
}

func sessions(a *API) module[v230.Session] {
	m := module[v230.Session]{
		id: ocpi.ModuleSessions, own: a.config.Objects.Sessions, respell: a.config.Objects.Sessions.Respell, object: "Session", noun: "session", idName: "id",
		decode: v230.DecodeSession,
		parts: func(s *v230.Session) identity {
			return identity{country: &s.CountryCode, party: &s.PartyID, id: &s.ID, updated: &s.LastUpdated}
		},
		leftovers: func(before, after *v230.Session) { keepExtra(&before.Extra, &after.Extra) },
		retire: func(s *v230.Session, now ocpi.DateTime) {
			if s.Status != v230.SessionStatusInvalid {
				s.Status, s.LastUpdated = v230.SessionStatusInvalid, later(s.LastUpdated, now)
			}
		},
	}
	m.stamp = m.stampWhole
	return m
}

func tariffs(a *API) module[v230.Tariff] {
	m := module[v230.Tariff]{
		id: ocpi.ModuleTariffs, own: a.config.Objects.Tariffs, respell: a.config.Objects.Tariffs.Respell, object: "Tariff", noun: "tariff", idName: "id",
		decode: v230.DecodeTariff,
		parts: func(t *v230.Tariff) identity {
			return identity{country: &t.CountryCode, party: &t.PartyID, id: &t.ID, updated: &t.LastUpdated}
		},
		leftovers: func(before, after *v230.Tariff) { keepExtra(&before.Extra, &after.Extra) },
	}
	m.stamp = m.stampWhole
	return m
}

func tokens(a *API) module[v230.Token] {
	m := module[v230.Token]{
		id: ocpi.ModuleTokens, own: a.config.Objects.Tokens, respell: a.config.Objects.Tokens.Respell, object: "Token", noun: "token", idName: "uid",
		decode: v230.DecodeToken,
		parts: func(t *v230.Token) identity {
			return identity{country: &t.CountryCode, party: &t.PartyID, id: &t.UID, tokenType: &t.Type, updated: &t.LastUpdated}
		},
		leftovers: func(before, after *v230.Token) { keepExtra(&before.Extra, &after.Extra) },
		retire: func(t *v230.Token, now ocpi.DateTime) { // requirement TOK-02: tokens are made invalid, never deleted
			if t.Valid {
				t.Valid, t.LastUpdated = false, later(t.LastUpdated, now)
			}
		},
	}
	m.stamp = m.stampWhole
	return m
}

func cdrs(a *API) module[v230.CDR] {
	m := module[v230.CDR]{
		id: ocpi.ModuleCDRs, own: a.config.Objects.CDRs, respell: a.config.Objects.CDRs.Respell, object: "CDR", noun: "CDR", idName: "id",
		decode: v230.DecodeCDR, immutable: true,
		parts: func(d *v230.CDR) identity {
			return identity{country: &d.CountryCode, party: &d.PartyID, id: &d.ID, updated: &d.LastUpdated}
		},
		leftovers: func(before, after *v230.CDR) { keepExtra(&before.Extra, &after.Extra) },
	}
	m.stamp = m.stampWhole
	return m
}

// ours reports whether a party is one of ours.
func (a *API) ours(party ocpi.Party) bool {
	for _, own := range a.config.Parties {
		if own.Party == party {
			return true
		}
	}
	return false
}

// A PathKey is what identifies an object in a path.
type PathKey struct {
	Country string `path:"country" minLength:"2" maxLength:"2" doc:"The owner's country code, two letters"`
	Party   string `path:"party" minLength:"3" maxLength:"3" doc:"The owner's party id, three characters"`
	ID      string `path:"id" minLength:"1" maxLength:"1000" doc:"The object's id; of a token, its uid"`
}

func (k PathKey) key() ocpi.Key { return ocpi.Key{Party: ocpi.NewParty(k.Country, k.Party), ID: k.ID} }

// read reads an object as it is stored.
func (a *API) read(ctx context.Context, key store.Key) (store.Object, error) {
	key.AnyCase = a.config.AnyCase
	o, err := a.config.Store.Object(ctx, key)
	if isNotFound(err) {
		return o, problem(404, "there is no %s %s of %s", strings.TrimSuffix(string(key.Module), "s"), key.ID, key.Party)
	}
	return o, err
}
