package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// AddPartner adds a partner, or returns store.ErrExists if its name, its token or one of its parties
// in the same role is taken.
func (db *DB) AddPartner(ctx context.Context, p store.Partner) error {
	err := db.writer.do(ctx, func(t *tx) error { return t.conn.addPartner(&p) })
	if err != nil {
		return fmt.Errorf("add partner %q: %w", p.ID, explain(err))
	}
	return nil
}

// Partners returns all partners by name.
func (db *DB) Partners(ctx context.Context) (partners []store.Partner, err error) {
	err = db.read(ctx, func(c *conn) (err error) {
		partners, err = c.partners(`SELECT name, token, roles, serves, version, added FROM partner ORDER BY name`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	return partners, nil
}

// PartnerByToken returns the partner that calls us with this token, or store.ErrNotFound.
func (db *DB) PartnerByToken(ctx context.Context, token store.TokenHash) (store.Partner, error) {
	return through(db, partnersOf, token, func() (store.Partner, error) { return db.partnerByToken(ctx, token) })
}

func (db *DB) partnerByToken(ctx context.Context, token store.TokenHash) (p store.Partner, err error) {
	err = db.read(ctx, func(c *conn) error {
		partners, err := c.partners(`SELECT name, token, roles, serves, version, added FROM partner WHERE token = ?1`, token[:])
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

// RemovePartner removes a partner, or returns store.ErrNotFound. The objects that came from it stay.
func (db *DB) RemovePartner(ctx context.Context, name string) error {
	err := db.writer.do(ctx, func(t *tx) error {
		if err := t.conn.run(`DELETE FROM partner WHERE name = ?1`, name); err != nil {
			return err
		}
		if t.conn.Changes() == 0 {
			return store.ErrNotFound
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove partner %q: %w", name, explain(err))
	}
	return nil
}

func (c *conn) addPartner(p *store.Partner) error {
	if p.ID == "" {
		return errors.New("a partner needs a name: objects without one are our own")
	}
	if err := c.partnerIsNew(p); err != nil {
		return err
	}
	roles, serves, err := encodePartner(p)
	if err != nil {
		return err
	}
	return c.run(`INSERT INTO partner (name, token, roles, serves, version, added) VALUES (?1, ?2, ?3, ?4, ?5, ?6)`,
		p.ID, p.Token[:], roles, serves, string(p.Version), p.Added.UnixMicro())
}

// partnerIsNew refuses a name or token that is taken, and a party in a role that another partner has already: parties are
// unique in the world (requirement C-20), and what is meant for one partner would be shown to two.
func (c *conn) partnerIsNew(p *store.Partner) error {
	others, err := c.partners(`SELECT name, token, roles, serves, version, added FROM partner ORDER BY name`)
	if err != nil {
		return err
	}
	for _, other := range others {
		if other.ID == p.ID {
			return fmt.Errorf("the name is %w", store.ErrExists)
		}
		if other.Token == p.Token {
			return fmt.Errorf("the token is %w: it is that of partner %q", store.ErrExists, other.ID)
		}
		for _, role := range p.Roles {
			if other.Speaks(role.Role, role.Party) {
				return fmt.Errorf("%s as %s is %w: it is partner %s", role.Party, role.Role, store.ErrExists, other.ID)
			}
		}
	}
	return nil
}

// partners runs a query for the columns name, token, roles, serves, version, added.
func (c *conn) partners(sql string, args ...any) (partners []store.Partner, err error) {
	var broken error
	err = c.query(func(s *sqlite3.Stmt) {
		p := store.Partner{Added: time.UnixMicro(s.ColumnInt64(5)).UTC()}
		p.ID = s.ColumnText(0)
		copy(p.Token[:], s.ColumnRawBlob(1))
		p.Version = ocpi.Version(s.ColumnText(4))
		if err := decodePartner(&p, s.ColumnRawText(2), s.ColumnRawText(3)); err != nil {
			broken = fmt.Errorf("partner %q: %w", p.ID, err)
		}
		partners = append(partners, p)
	}, sql, args...)
	return partners, errors.Join(err, broken)
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
