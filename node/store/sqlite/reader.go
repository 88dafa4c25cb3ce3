package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// A pool is the connections that read.
type pool struct {
	idle    chan *conn
	closing chan struct{}
	once    sync.Once
	err     error
}

func openPool(ctx context.Context, path string, opts Options) (*pool, error) {
	p := &pool{idle: make(chan *conn, opts.Readers), closing: make(chan struct{})}
	for range opts.Readers {
		c, err := openReader(ctx, path, opts)
		if err != nil {
			for len(p.idle) > 0 {
				err = errors.Join(err, (<-p.idle).close())
			}
			return nil, err
		}
		p.idle <- c
	}
	return p, nil
}

// close waits for the reads that have begun.
func (p *pool) close() error {
	p.once.Do(func() {
		close(p.closing)
		for range cap(p.idle) {
			c := <-p.idle
			p.err = errors.Join(p.err, c.close())
		}
	})
	return p.err
}

func (p *pool) take(ctx context.Context) (*conn, error) {
	select {
	case <-p.closing:
		return nil, ErrClosed
	default:
	}
	select {
	case c := <-p.idle:
		c.SetInterrupt(ctx)
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closing:
		return nil, ErrClosed
	}
}

func (p *pool) give(c *conn) {
	c.SetInterrupt(context.Background())
	p.idle <- c
}

// pause takes the connections out of use, as many as become free within the time, until resume is called.
func (p *pool) pause(patience time.Duration) (resume func()) {
	var taken []*conn
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for range cap(p.idle) {
		select {
		case c := <-p.idle:
			taken = append(taken, c)
			continue
		case <-timer.C:
		case <-p.closing:
		}
		break
	}
	return func() {
		for _, c := range taken {
			p.idle <- c
		}
	}
}

// read runs fn on a connection, in a transaction, so that all its statements see the same moment.
func (db *DB) read(ctx context.Context, fn func(*conn) error) error {
	return db.look(ctx, func(c *conn) error { return c.snapshot(fn) })
}

// look runs fn on a connection. It is for a fn that runs one statement, which sees one moment without a transaction around it.
func (db *DB) look(ctx context.Context, fn func(*conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := db.readers.take(ctx)
	if err != nil {
		return err
	}
	defer db.readers.give(c)
	err = fn(c)
	if errors.Is(err, sqlite3.INTERRUPT) && ctx.Err() != nil {
		return ctx.Err()
	}
	return explain(err)
}

func (c *conn) snapshot(fn func(*conn) error) (err error) {
	if err := c.run(`BEGIN`); err != nil {
		return err
	}
	defer func() {
		c.SetInterrupt(context.Background()) // the end of the context must not prevent the end of the transaction
		err = errors.Join(err, c.run(`COMMIT`))
	}()
	return fn(c)
}

// Object returns the object with this key, or store.ErrNotFound. It has no Renditions.
func (db *DB) Object(ctx context.Context, key store.Key) (o store.Object, err error) {
	err = db.look(ctx, func(c *conn) (err error) {
		o, err = c.object(key)
		return err
	})
	if err != nil {
		return store.Object{}, fmt.Errorf("read %s: %w", describe(key), err)
	}
	return o, nil
}

// Find returns the object with this id among the selection, or store.ErrNotFound. If several parties have one, it is
// the oldest; a token of type RFID goes before all others. Where the selection says AnyCase, an object with the very id goes before
// those that differ in case. It has no Renditions.
//
// Tokens that are asked for again and again cost next to nothing while none is written; their bodies are shared with other callers.
func (db *DB) Find(ctx context.Context, selection store.Selection, id string) (o store.Object, err error) {
	if selection.Module != ocpi.ModuleTokens {
		return db.find(ctx, selection, id)
	}
	key := fmt.Sprintf("found %q %q %q %q %t %q %t %q", selection.Source, selection.Parties, selection.TokenType, selection.Audience,
		selection.AnyAudience, selection.Version, selection.AnyCase, id)
	found, err := db.tokensThrough(key, func() ([]store.Object, error) {
		o, err := db.find(ctx, selection, id)
		return []store.Object{o}, err
	})
	if err != nil {
		return store.Object{}, err
	}
	return found[0], nil
}

func (db *DB) find(ctx context.Context, selection store.Selection, id string) (o store.Object, err error) {
	err = db.look(ctx, func(c *conn) (err error) {
		o, err = c.first(selection, id)
		return err
	})
	if err != nil {
		return store.Object{}, fmt.Errorf("find %s %q: %w", selection.Module, id, err)
	}
	return o, nil
}

// anyType reports whether the key says nothing about the type of its token.
func anyType(key store.Key) bool { return key.Module == ocpi.ModuleTokens && key.TokenType == "" }

// only selects what one party owns, for a key that is not complete.
func only(key store.Key) store.Selection {
	return store.Selection{Module: key.Module, Source: key.Source, Parties: []ocpi.Party{key.Party}, AnyAudience: true, AnyCase: key.AnyCase}
}

func (c *conn) object(key store.Key) (o store.Object, err error) {
	if anyType(key) {
		return c.first(only(key), key.ID)
	}
	meant := choose(&key)
	key.AnyCase = false
	err = c.query(func(s *sqlite3.Stmt) {
		if !meant.takes(s.ColumnText(1), s.ColumnInt64(0)) {
			return
		}
		o = store.Object{Key: key, Body: s.ColumnBlob(6, nil), Times: s.ColumnBlob(7, nil)}
		scan(s, &o)
	}, `SELECT o.created, o.id, o.token_type, o.audience, o.change, o.last_updated, b.json, o.times
		FROM collection c
		JOIN object o ON o.collection = c.id
		JOIN content b ON b.id = o.created
		WHERE c.module = ?1 AND c.source = ?2 AND c.country_code = ?3 AND c.party_id = ?4
			AND o.id_key = ?5 AND o.token_type = ?6`,
		string(key.Module), key.Source, key.Party.CountryCode, key.Party.PartyID, idKey(key.ID), key.TokenType)
	if err == nil && !meant.found {
		err = store.ErrNotFound
	}
	return o, err
}

// scan reads the columns created, id, token_type, audience, change, last_updated.
func scan(s *sqlite3.Stmt, o *store.Object) {
	o.Created = s.ColumnInt64(0)
	o.ID = s.ColumnText(1)
	o.TokenType = s.ColumnText(2)
	o.Audience, o.Withheld = readAudience(s.ColumnText(3))
	o.Change = s.ColumnInt64(4)
	o.LastUpdated = time.UnixMicro(s.ColumnInt64(5)).UTC()
}

// find returns the Created of the object with this key.
func (c *conn) find(key store.Key) (created int64, err error) {
	if anyType(key) {
		best, err := c.first(only(key), key.ID)
		return best.Created, err
	}
	meant := choose(&key)
	err = c.query(func(s *sqlite3.Stmt) {
		if at := s.ColumnInt64(0); meant.takes(s.ColumnText(1), at) {
			created = at
		}
	}, `SELECT o.created, o.id FROM collection c JOIN object o ON o.collection = c.id
		WHERE c.module = ?1 AND c.source = ?2 AND c.country_code = ?3 AND c.party_id = ?4
			AND o.id_key = ?5 AND o.token_type = ?6`,
		string(key.Module), key.Source, key.Party.CountryCode, key.Party.PartyID, idKey(key.ID), key.TokenType)
	if err == nil && !meant.found {
		err = store.ErrNotFound
	}
	return created, err
}

// first returns the object that a selection and an id stand for.
func (c *conn) first(selection store.Selection, id string) (best store.Object, err error) {
	meant := chooseBy(selection.Module, id, selection.AnyCase)
	err = c.query(func(s *sqlite3.Stmt) {
		found := store.Object{Key: store.Key{
			Module: selection.Module, Source: selection.Source, Party: ocpi.Party{CountryCode: s.ColumnText(6), PartyID: s.ColumnText(7)},
		}}
		scan(s, &found)
		if !meant.fits(found.ID) || !selects(selection, found.Party, s.ColumnText(3), found.TokenType) ||
			best.Created != 0 && !before(&found, &best, id) {
			return
		}
		found.Body, found.Times = s.ColumnBlob(8, nil), s.ColumnBlob(9, nil)
		best = found
	}, `SELECT o.created, o.id, o.token_type, o.audience, o.change, o.last_updated, c.country_code, c.party_id, b.json, o.times
		FROM collection c
		JOIN object o ON o.collection = c.id
		JOIN content b ON b.id = o.created
		WHERE c.module = ?1 AND c.source = ?2 AND o.id_key = ?3`,
		string(selection.Module), selection.Source, idKey(id))
	if err == nil && best.Created == 0 {
		err = store.ErrNotFound
	}
	return best, err
}

// before reports whether of two objects that an id can stand for it is the first that is meant.
func before(a, b *store.Object, id string) bool {
	if exact := a.ID == id; exact != (b.ID == id) {
		return exact
	}
	if rfid := a.TokenType == "RFID"; rfid != (b.TokenType == "RFID") {
		return rfid
	}
	return a.Created < b.Created
}

// selects reports whether the selection includes objects of this owner, audience and type of token.
func selects(selection store.Selection, party ocpi.Party, audience, tokenType string) bool {
	return owns(selection, party) && hears(selection, audience) && hasType(selection, tokenType)
}

// owns reports whether a party is among the owners the selection is limited to.
func owns(selection store.Selection, party ocpi.Party) bool {
	return len(selection.Parties) == 0 || slices.Contains(selection.Parties, party)
}

// hasType reports whether the selection includes tokens of this type. It does not limit other modules.
func hasType(selection store.Selection, tokenType string) bool {
	return selection.TokenType == "" || selection.Module != ocpi.ModuleTokens || selection.TokenType == tokenType
}
