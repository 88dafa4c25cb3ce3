package object

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// How many objects are looked at and how many stored at once while what was stored before is rendered. Other writers wait for no
// more than the latter.
const (
	lookedAtOnce = 500
	storedAtOnce = 20
)

// Render makes ready for partners of every version in use what was stored before it was, or before its translation changed: until
// then such an object costs a translation whenever it is listed, and is counted in totals where it is withheld. It works beside
// everything else, for half of the time, until all is done or ctx ends, and can be called again: what is done is not done twice. An
// object that cannot be rendered is told to the log and left as it is. It returns how many were rendered.
func (o *Objects) Render(ctx context.Context, log *slog.Logger) (rendered int, err error) {
	o.inUse.rendering.Store(true)
	defer o.inUse.rendering.Store(false)
	expected, err := o.inUse.begin(ctx)
	if err != nil {
		return 0, err
	}
	for _, render := range []func(context.Context, *slog.Logger) (int, error){
		o.Locations.renderStored, o.Tariffs.renderStored, o.Tokens.renderStored, o.Sessions.renderStored, o.CDRs.renderStored,
	} {
		n, err := render(ctx, log)
		rendered += n
		if err != nil {
			return rendered, err
		}
	}
	o.inUse.done(expected)
	return rendered, nil
}

// againAfter is how long KeepRendered waits until it tries again what has failed.
const againAfter = time.Minute

// KeepRendered calls Render now and whenever a version is expected that is new to the node, until ctx ends. Await has been called
// before. Told is told what came of each call.
func (o *Objects) KeepRendered(ctx context.Context, log *slog.Logger, told func(rendered int, err error)) {
	defer o.inUse.awaited.Store(false)
	for ctx.Err() == nil {
		rendered, err := o.Render(ctx, log)
		if ctx.Err() != nil {
			return
		}
		told(rendered, err)
		var again <-chan time.Time
		if err != nil {
			again = time.After(againAfter)
		}
		select {
		case <-again:
		case <-o.inUse.wake:
		case <-ctx.Done():
		}
	}
}

func (o *Own[T]) renderStored(ctx context.Context, log *slog.Logger) (rendered int, err error) {
	names := o.renditionNames()
	if len(names) == 0 {
		return 0, nil
	}
	for after := int64(0); ; {
		began := time.Now()
		objects, next, err := o.store.Unrendered(ctx, o.kind.module, names, after, lookedAtOnce)
		if err != nil {
			return rendered, err
		}
		if err := rest(ctx, time.Since(began)); err != nil {
			return rendered, err
		}
		for len(objects) > 0 {
			began := time.Now()
			some := objects[:min(storedAtOnce, len(objects))]
			n, err := o.renderSome(ctx, some, log)
			rendered += n
			if err == nil {
				err = rest(ctx, time.Since(began))
			}
			if err != nil {
				return rendered, err
			}
			objects = objects[len(some):]
		}
		if after = next; after == 0 {
			return rendered, nil
		}
	}
}

// rest leaves the machine to others for as long as was worked.
func rest(ctx context.Context, worked time.Duration) error {
	timer := time.NewTimer(worked)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// renditionNames are the names of all renditions that objects should have.
func (o *Own[T]) renditionNames() (names []ocpi.Version) {
	for _, version := range *o.inUse.now() {
		names = append(names, rendition(version.Version))
	}
	return names
}

// renderSome renders objects as they are stored, and returns how many it has.
func (o *Own[T]) renderSome(ctx context.Context, objects []store.Object, log *slog.Logger) (int, error) {
	var made []prepared
	var records []store.Object
	withheld := false
	for _, stored := range objects {
		p := prepared{record: stored}
		if err := o.renderOne(ctx, &p); err != nil {
			if ctx.Err() != nil {
				return 0, ctx.Err()
			}
			log.WarnContext(ctx, "an object cannot be made ready for partners' pages", "module", o.kind.module, "id", stored.ID, "error", err)
			continue
		}
		withheld = withheld || len(p.record.Withheld) > 0
		made, records = append(made, p), append(records, p.record)
	}
	if len(records) == 0 {
		return 0, nil
	}
	if err := o.store.Render(ctx, records); err != nil {
		return 0, fmt.Errorf("make %s ready for partners' pages: %w", o.kind.module, err)
	}
	if withheld { // totals are others now, though no object has changed
		o.pages.forget()
	}
	for i := range made {
		made[i].tellLosses()
	}
	return len(records), nil
}

func (o *Own[T]) renderOne(ctx context.Context, p *prepared) error {
	object, err := o.kind.read(p.record)
	if err != nil {
		return err
	}
	return o.translations(ctx, &Item[T]{Party: p.record.Party, Object: object}, p)
}
