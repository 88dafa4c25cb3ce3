package node

import (
	"context"
	"time"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/node/store"
)

// AddKey makes an access key for the backend API, and returns it; it is not kept. It expires after a time, or never for 0.
// The error wraps store.ErrExists where the name is taken.
func (d *Data) AddKey(ctx context.Context, name string, scope backend.Scope, expires time.Duration) (key string, err error) {
	now := d.config.Now().UTC()
	var until time.Time
	if expires > 0 {
		until = now.Add(expires)
	}
	key, record, err := backend.NewKey(name, scope, now, until)
	if err != nil {
		return "", err
	}
	return key, d.db.AddAccessKey(ctx, record)
}

// AccessKeys returns the access keys of the backend API, by name, without what they are.
func (d *Data) AccessKeys(ctx context.Context) ([]store.AccessKey, error) {
	return d.db.AccessKeys(ctx)
}

// RemoveKey removes an access key. A node that runs refuses it from its next request on. The error wraps store.ErrNotFound
// where there is none of this name.
func (d *Data) RemoveKey(ctx context.Context, name string) error {
	return d.db.RemoveAccessKey(ctx, name)
}
