package object

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// inUse are the versions that objects are rendered for when they are written: those that some partner speaks. Each makes writing
// dearer, so there is nothing for versions that nobody speaks. The store knows which they are, for all processes that write to it;
// here is what was last read of that, with which objects are rendered beside the writer.
type inUse struct {
	store Store
	// offered are the versions that can be in use: all of the node's but the model.
	offered []wire.Codecs
	last    atomic.Pointer[[]wire.Codecs]

	mu sync.Mutex
	// expected are versions that are to be in use, and that for which what is there is not rendered yet.
	expected map[ocpi.Version]*expectation
	wake     chan struct{}

	// rendering tells that what is there is being looked at.
	rendering atomic.Bool
	// awaited tells that somebody renders what is expected, so that it is worth waiting for.
	awaited atomic.Bool
}

// An expectation is that of a version. It is done when what is there is rendered, and lists wait for that no longer than until.
type expectation struct {
	done  chan struct{}
	until time.Time
}

// listWait is how long partners' lists wait for what is there when a version is new to the node. What is not ready by then is
// translated, and counted where it is withheld.
const listWait = 2 * time.Second

func newInUse(s Store, versions []wire.Codecs) *inUse {
	u := &inUse{store: s, expected: map[ocpi.Version]*expectation{}, wake: make(chan struct{}, 1)}
	for _, version := range versions {
		if version.Version != model {
			u.offered = append(u.offered, version)
		}
	}
	u.last.Store(&[]wire.Codecs{})
	return u
}

// now are the versions to render for, as far as is known.
func (u *inUse) now() *[]wire.Codecs { return u.last.Load() }

// read finds out in a transaction whether the versions in use are still those that something was rendered for.
func (u *inUse) read(tx store.Tx, rendered *[]wire.Codecs) (same bool, err error) {
	same = true
	for _, version := range u.offered {
		keeps, err := tx.Keeps(rendition(version.Version))
		if err != nil {
			return false, err
		}
		same = same && keeps == contains(*rendered, version.Version)
	}
	if same {
		return true, nil
	}
	var found []wire.Codecs
	for _, version := range u.offered {
		keeps, err := tx.Keeps(rendition(version.Version))
		if err != nil {
			return false, err
		}
		if keeps {
			found = append(found, version)
		}
	}
	u.last.Store(&found)
	return false, nil
}

func contains(versions []wire.Codecs, v ocpi.Version) bool {
	return slices.ContainsFunc(versions, func(c wire.Codecs) bool { return c.Version == v })
}

// expect makes a version be in use soon. It returns nil where it is and all is rendered for it.
func (u *inUse) expect(v ocpi.Version) *expectation {
	u.mu.Lock()
	defer u.mu.Unlock()
	if e, ok := u.expected[v]; ok {
		return e
	}
	if !contains(u.offered, v) || contains(*u.now(), v) {
		return nil
	}
	e := &expectation{done: make(chan struct{}), until: time.Now().Add(listWait)}
	u.expected[v] = e
	select {
	case u.wake <- struct{}{}:
	default:
	}
	return e
}

// listed is told that a partner lists objects in a version. Where that is new to the node, it waits until what is there is rendered,
// or for a moment.
func (u *inUse) listed(ctx context.Context, v ocpi.Version) {
	if v == model {
		return
	}
	e := u.expect(v)
	if e == nil || !u.awaited.Load() || !time.Now().Before(e.until) {
		return
	}
	ctx, cancel := context.WithDeadline(ctx, e.until)
	defer cancel()
	select {
	case <-e.done:
	case <-ctx.Done():
	}
}

// begin puts what is expected into use, and returns it: every object that is written afterwards is rendered for it.
func (u *inUse) begin(ctx context.Context) (expected map[ocpi.Version]*expectation, err error) {
	u.mu.Lock()
	expected = maps.Clone(u.expected)
	u.mu.Unlock()
	return expected, u.store.Write(ctx, func(tx store.Tx) error {
		for v := range expected {
			if err := tx.Keep(rendition(v)); err != nil {
				return err
			}
		}
		_, err := u.read(tx, u.now())
		return err
	})
}

// done tells those who wait that what was expected is rendered.
func (u *inUse) done(expected map[ocpi.Version]*expectation) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for v, e := range expected {
		close(e.done)
		delete(u.expected, v)
	}
}

// Expect has objects rendered for versions that partners speak: from the next call of Render on whenever they are written, and by
// it what is there. A version in which a partner lists objects is expected by itself.
func (o *Objects) Expect(versions ...ocpi.Version) {
	for _, v := range versions {
		o.inUse.expect(v)
	}
}

// Rendering reports whether there may be objects that are not ready for the pages of a version in use, or one that is expected.
func (o *Objects) Rendering() bool {
	o.inUse.mu.Lock()
	defer o.inUse.mu.Unlock()
	return o.inUse.rendering.Load() || len(o.inUse.expected) > 0
}

// InUse are the versions that objects are rendered for when they are written.
func (o *Objects) InUse(ctx context.Context) (versions []ocpi.Version, err error) {
	err = o.inUse.store.Write(ctx, func(tx store.Tx) error {
		_, err := o.inUse.read(tx, o.inUse.now())
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, version := range *o.inUse.now() {
		versions = append(versions, version.Version)
	}
	return versions, nil
}

// Await has lists in a version that is new to the node wait for a moment until what is there is ready. It is called where KeepRendered
// will be, and after InUse: those in use before are not new.
func (o *Objects) Await() { o.inUse.awaited.Store(true) }

// OnlyFor forgets everything that is rendered for other versions than these, or was rendered by an older translation. It works beside
// everything else.
func (o *Objects) OnlyFor(ctx context.Context, versions ...ocpi.Version) error {
	var names []ocpi.Version
	for _, v := range versions {
		names = append(names, rendition(v))
	}
	if err := o.inUse.store.KeepOnly(ctx, names); err != nil {
		return err
	}
	_, err := o.InUse(ctx)
	return err
}
