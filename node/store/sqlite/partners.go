package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// AddPartner adds a partner, or returns store.ErrExists if its name, one of its tokens or one of its parties in the same
// role is taken. Events are written with it.
func (db *DB) AddPartner(ctx context.Context, p store.Partner, events ...store.Event) error {
	err := db.writer.do(ctx, func(t *tx) error {
		if err := t.conn.addPartner(&p); err != nil {
			return err
		}
		return t.emit(events)
	})
	if err != nil {
		return fmt.Errorf("add partner %q: %w", p.ID, explain(err))
	}
	return nil
}

// ChangePartner changes a partner as one atomic step, or returns store.ErrNotFound. Where fn fails, or the outcome has a
// token or party that is taken (store.ErrExists), nothing is changed. The name stays as it is. The events that fn returns are
// written with it.
func (db *DB) ChangePartner(ctx context.Context, name string, fn func(*store.Partner) ([]store.Event, error)) error {
	err := db.writer.do(ctx, func(t *tx) error {
		events, err := t.conn.changePartner(name, fn)
		if err != nil {
			return err
		}
		return t.emit(events)
	})
	if err != nil {
		return fmt.Errorf("change partner %q: %w", name, explain(err))
	}
	return nil
}

// Partners returns all partners by name.
func (db *DB) Partners(ctx context.Context) ([]store.Partner, error) {
	partners, err := through(db, allOf, struct{}{}, func() ([]store.Partner, error) { return db.allPartners(ctx) })
	return slices.Clone(partners), err
}

func (db *DB) allPartners(ctx context.Context) (partners []store.Partner, err error) {
	err = db.read(ctx, func(c *conn) (err error) {
		partners, err = c.partners(``)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	return partners, nil
}

// Partner returns a partner by name, or store.ErrNotFound.
func (db *DB) Partner(ctx context.Context, name string) (p store.Partner, err error) {
	err = db.read(ctx, func(c *conn) (err error) {
		p, err = c.partner(name)
		return err
	})
	if err != nil {
		return store.Partner{}, fmt.Errorf("find partner %q: %w", name, err)
	}
	return p, nil
}

// PartnerByToken returns the partner that calls us with this token, or store.ErrNotFound.
func (db *DB) PartnerByToken(ctx context.Context, token store.TokenHash) (store.Partner, error) {
	return through(db, partnersOf, token, func() (store.Partner, error) { return db.partnerByToken(ctx, token) })
}

func (db *DB) partnerByToken(ctx context.Context, token store.TokenHash) (p store.Partner, err error) {
	err = db.read(ctx, func(c *conn) error {
		partners, err := c.partners(` WHERE name = (SELECT partner FROM partner_token WHERE hash = ?1)`, token[:])
		if err != nil {
			return err
		}
		if len(partners) == 0 {
			return store.ErrNotFound
		}
		p = partners[0]
		return nil
	})
	if err != nil {
		return store.Partner{}, fmt.Errorf("find partner by token: %w", err)
	}
	return p, nil
}

// RemovePartner removes a partner, or returns store.ErrNotFound. The objects that came from it stay. Events are written with it.
func (db *DB) RemovePartner(ctx context.Context, name string, events ...store.Event) error {
	err := db.writer.do(ctx, func(t *tx) error {
		if err := t.conn.run(`DELETE FROM partner WHERE name = ?1`, name); err != nil {
			return err
		}
		if t.conn.Changes() == 0 {
			return store.ErrNotFound
		}
		if err := t.conn.run(`DELETE FROM partner_token WHERE partner = ?1`, name); err != nil {
			return err
		}
		if err := t.conn.forgetMoves(name); err != nil {
			return err
		}
		return t.emit(events)
	})
	if err != nil {
		return fmt.Errorf("remove partner %q: %w", name, explain(err))
	}
	return nil
}

// forgetMoves forgets how far pushes to a partner and pulls from it have come.
func (c *conn) forgetMoves(name string) error {
	for _, table := range []string{"lane WHERE partner", "delivery WHERE partner", "pull WHERE partner", "missing WHERE source"} {
		if err := c.run(`DELETE FROM `+table+` = ?1`, name); err != nil {
			return err
		}
	}
	return nil
}

// Note keeps a text under a name, for the commands that run beside the node.
func (db *DB) Note(ctx context.Context, name string, value []byte) error {
	err := db.writer.do(ctx, func(t *tx) error {
		return t.conn.run(`INSERT INTO note (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	})
	if err != nil {
		return fmt.Errorf("keep note %q: %w", name, explain(err))
	}
	return nil
}

// ReadNote returns what was kept under a name, or store.ErrNotFound.
func (db *DB) ReadNote(ctx context.Context, name string) (value []byte, err error) {
	found := false
	err = db.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) { value, found = s.ColumnBlob(0, nil), true }, `SELECT value FROM note WHERE name = ?1`, name)
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read note %q: %w", name, err)
	}
	return value, nil
}

func (c *conn) addPartner(p *store.Partner) error {
	if p.ID == "" {
		return errors.New("a partner needs a name: objects without one are our own")
	}
	others, err := c.partners(``)
	if err != nil {
		return err
	}
	for i := range others {
		if others[i].ID == p.ID {
			return fmt.Errorf("the name is %w", store.ErrExists)
		}
	}
	// A process that did not know of the removal of another of this name may have gone on for a moment.
	if err := c.forgetMoves(p.ID); err != nil {
		return err
	}
	return c.putPartner(p, others)
}

func (c *conn) changePartner(name string, fn func(*store.Partner) ([]store.Event, error)) ([]store.Event, error) {
	others, err := c.partners(``)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(others, func(p store.Partner) bool { return p.ID == name })
	if i < 0 {
		return nil, store.ErrNotFound
	}
	p := others[i]
	events, err := fn(&p)
	if err != nil {
		return nil, err
	}
	p.ID = name
	return events, c.putPartner(&p, slices.Delete(others, i, i+1))
}

// putPartner writes a partner that is new or replaces the one of its name.
func (c *conn) putPartner(p *store.Partner, others []store.Partner) error {
	if err := unclaimed(p, others); err != nil {
		return err
	}
	roles, serves, err := encodePartner(p)
	if err != nil {
		return err
	}
	err = c.run(`INSERT OR REPLACE INTO partner (name, roles, serves, version, access, quirks, relation, added, policy)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`,
		p.ID, roles, serves, string(p.Version), string(p.Access), p.Quirks, p.Relation, p.Added.UnixMicro(), slices.Concat([]byte{}, p.Policy))
	if err != nil {
		return err
	}
	if err := c.run(`DELETE FROM partner_token WHERE partner = ?1`, p.ID); err != nil {
		return err
	}
	for _, t := range p.Tokens {
		err := c.run(`INSERT INTO partner_token (hash, partner, status, expires, used) VALUES (?1, ?2, ?3, ?4, ?5)`,
			t.Hash[:], p.ID, t.Status, microsOrNever(t.Expires), microsOrNever(t.Used))
		if err != nil {
			return err
		}
	}
	return nil
}

// unclaimed refuses a token that is taken, and a party in a role that another partner has already: parties are unique in
// the world (requirement C-20), and what is meant for one partner would be shown to two.
func unclaimed(p *store.Partner, others []store.Partner) error {
	for i := range others {
		other := &others[i]
		for _, t := range p.Tokens {
			if _, taken := other.Token(t.Hash); taken {
				return fmt.Errorf("the token is %w: it is that of partner %q", store.ErrExists, other.ID)
			}
		}
		if p.Access == ocpi.AccessRegistration || other.Access == ocpi.AccessRegistration {
			continue
		}
		for _, role := range p.Roles {
			if other.Speaks(role.Role, role.Party) {
				return fmt.Errorf("%s as %s is %w: it is partner %s", role.Party, role.Role, store.ErrExists, other.ID)
			}
		}
	}
	return nil
}

func microsOrNever(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOrNever(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

func (c *conn) partner(name string) (store.Partner, error) {
	partners, err := c.partners(` WHERE name = ?1`, name)
	if err != nil {
		return store.Partner{}, err
	}
	if len(partners) == 0 {
		return store.Partner{}, store.ErrNotFound
	}
	return partners[0], nil
}

// partners reads the partners that a condition selects, by name, with their tokens.
func (c *conn) partners(where string, args ...any) (partners []store.Partner, err error) {
	var broken error
	err = c.query(func(s *sqlite3.Stmt) {
		p := store.Partner{Added: time.UnixMicro(s.ColumnInt64(7)).UTC()}
		p.ID, p.Version, p.Access, p.Quirks = s.ColumnText(0), ocpi.Version(s.ColumnText(3)), ocpi.Access(s.ColumnText(4)), s.ColumnText(5)
		p.Relation, p.Policy = s.ColumnBlob(6, nil), s.ColumnBlob(8, nil)
		if err := decodePartner(&p, s.ColumnRawText(1), s.ColumnRawText(2)); err != nil {
			broken = fmt.Errorf("partner %q: %w", p.ID, err)
		}
		partners = append(partners, p)
	}, `SELECT name, roles, serves, version, access, quirks, relation, added, policy FROM partner`+where+` ORDER BY name`, args...)
	if err := errors.Join(err, broken); err != nil {
		return nil, err
	}
	for i := range partners {
		if err := c.tokens(&partners[i]); err != nil {
			return nil, err
		}
	}
	return partners, nil
}

// tokens reads a partner's tokens.
func (c *conn) tokens(p *store.Partner) error {
	return c.query(func(s *sqlite3.Stmt) {
		t := store.Token{Status: s.ColumnText(1), Expires: timeOrNever(s.ColumnInt64(2)), Used: timeOrNever(s.ColumnInt64(3))}
		copy(t.Hash[:], s.ColumnRawBlob(0))
		p.Tokens = append(p.Tokens, t)
	}, `SELECT hash, status, expires, used FROM partner_token WHERE partner = ?1 ORDER BY hash`, p.ID)
}

// A partyRow is a party in the columns roles and serves, by the names of the specification.
type partyRow struct {
	Role        ocpi.Role `json:"role,omitempty"`
	CountryCode string    `json:"country_code"`
	PartyID     string    `json:"party_id"`
}

func (r partyRow) party() ocpi.Party {
	return ocpi.Party{CountryCode: r.CountryCode, PartyID: r.PartyID}
}

func encodePartner(p *store.Partner) (roles, serves string, err error) {
	roleRows, serveRows := []partyRow{}, []partyRow{}
	for _, r := range p.Roles {
		roleRows = append(roleRows, partyRow{r.Role, r.Party.CountryCode, r.Party.PartyID})
	}
	for _, party := range p.Serves {
		serveRows = append(serveRows, partyRow{"", party.CountryCode, party.PartyID})
	}
	r, err := json.Marshal(roleRows)
	if err != nil {
		return "", "", err
	}
	s, err := json.Marshal(serveRows)
	return string(r), string(s), err
}

func decodePartner(p *store.Partner, roles, serves []byte) error {
	var roleRows, serveRows []partyRow
	if err := errors.Join(json.Unmarshal(roles, &roleRows), json.Unmarshal(serves, &serveRows)); err != nil {
		return err
	}
	for _, r := range roleRows {
		p.Roles = append(p.Roles, ocpi.PartyRole{Role: r.Role, Party: r.party()})
	}
	for _, r := range serveRows {
		p.Serves = append(p.Serves, r.party())
	}
	return nil
}
