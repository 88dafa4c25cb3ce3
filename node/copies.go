package node

import (
	"context"
	"errors"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// Copy returns our copy of a partner's object, as JSON of the model (OCPI 2.3.0), and when it was last changed here. It is
// ocpi.ErrNotFound where there is none.
func (d *Data) Copy(ctx context.Context, partner string, module ocpi.ModuleID, key ocpi.Key) (raw []byte, changed time.Time, err error) {
	c, err := d.db.ChangeOf(ctx, store.Key{Module: module, Source: partner, Party: key.Party, ID: key.ID, TokenType: key.TokenType, AnyCase: true}, 0)
	if errors.Is(err, store.ErrNotFound) || err == nil && c.Removed {
		return nil, time.Time{}, ocpi.ErrNotFound
	}
	return c.Body, c.Changed, err
}

// LastUpdated returns the last_updated of all our objects of a module, or of our copies of a partner's.
func (d *Data) LastUpdated(ctx context.Context, module ocpi.ModuleID, partner string) (map[ocpi.Key]time.Time, error) {
	all := map[ocpi.Key]time.Time{}
	for after := int64(0); ; {
		part, err := d.db.Index(ctx, store.Selection{Module: module, Source: partner, AnyAudience: true}, after, readAtOnce)
		if err != nil || len(part) == 0 {
			return all, err
		}
		for _, o := range part {
			all[ocpi.Key{Party: o.Party, ID: o.ID, TokenType: o.TokenType}] = o.LastUpdated
		}
		after = part[len(part)-1].Created
	}
}
