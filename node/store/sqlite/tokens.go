package sqlite

import (
	"context"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// maxSameUID is how many tokens of one uid are looked at: each partner can have one of each type and party.
const maxSameUID = 100

// ReceivedTokens returns the tokens of all partners whose uid is this one or differs from it in the case of ASCII letters
// alone, oldest first. Our own are not among them. Their bodies are shared with other callers.
func (db *DB) ReceivedTokens(ctx context.Context, uid string) (tokens []store.Object, err error) {
	return db.tokensThrough("received "+uid, func() ([]store.Object, error) { return db.receivedTokens(ctx, uid) })
}

func (db *DB) receivedTokens(ctx context.Context, uid string) (tokens []store.Object, err error) {
	err = db.look(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) {
			o := store.Object{Key: store.Key{
				Module: ocpi.ModuleTokens, Source: s.ColumnText(6),
				Party: ocpi.Party{CountryCode: s.ColumnText(7), PartyID: s.ColumnText(8)},
			}, Body: s.ColumnBlob(9, nil), Times: s.ColumnBlob(10, nil)}
			scan(s, &o)
			tokens = append(tokens, o)
		}, `SELECT o.created, o.id, o.token_type, o.audience, o.change, o.last_updated, c.source, c.country_code, c.party_id, b.json, o.times
			FROM object o INDEXED BY object_token
			JOIN collection c ON c.id = o.collection
			JOIN content b ON b.id = o.created
			WHERE lower(o.id) = lower(?1) AND o.token_type <> '' AND c.source <> ''
			ORDER BY o.created LIMIT ?2`, uid, maxSameUID)
	})
	if err != nil {
		return nil, fmt.Errorf("find partners' tokens: %w", err)
	}
	return tokens, nil
}
