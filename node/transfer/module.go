package transfer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// Modules are the modules whose objects can be imported and exported.
func Modules() []ocpi.ModuleID {
	return []ocpi.ModuleID{ocpi.ModuleLocations, ocpi.ModuleTariffs, ocpi.ModuleSessions, ocpi.ModuleCDRs, ocpi.ModuleTokens}
}

// A store takes and gives the objects of one module, as documents of one version.
type moduleStore interface {
	// read checks a document and keeps it for flush.
	read(raw []byte, env convert.Env) (id string, report wire.Report, err error)
	// drop forgets the document read last.
	drop()
	// flush writes what has been read in one transaction.
	flush(ctx context.Context) (created, replaced int, err error)
	// each writes every stored object as a document, with what the version cannot say.
	each(ctx context.Context, parties []ocpi.Party, yield func(id string, w object.Written) error) error
}

// Check says what is wrong with a module or version to import or export.
func Check(module ocpi.ModuleID, version ocpi.Version) error {
	_, err := moduleOf(&object.Objects{}, module, version)
	return err
}

// moduleOf returns the store of a module in a version.
func moduleOf(objects *object.Objects, module ocpi.ModuleID, version ocpi.Version) (moduleStore, error) {
	version, err := ocpi.ParseVersion(string(version))
	if err != nil {
		return nil, err
	}
	codecs, _ := wire.For(version) // there are codecs for every version that is known
	switch ocpi.ModuleID(strings.ToLower(string(module))) {
	case ocpi.ModuleLocations:
		return &typed[wire.Location]{own: objects.Locations, codecs: codecs, codec: codecs.Locations, id: func(o *wire.Location) string { return string(o.ID) }}, nil
	case ocpi.ModuleTariffs:
		return &typed[wire.Tariff]{own: objects.Tariffs, codecs: codecs, codec: codecs.Tariffs, id: func(o *wire.Tariff) string { return string(o.ID) }}, nil
	case ocpi.ModuleSessions:
		return &typed[wire.Session]{own: objects.Sessions, codecs: codecs, codec: codecs.Sessions, id: func(o *wire.Session) string { return string(o.ID) }}, nil
	case ocpi.ModuleCDRs:
		return &typed[wire.CDR]{own: objects.CDRs, codecs: codecs, codec: codecs.CDRs, id: func(o *wire.CDR) string { return string(o.ID) }}, nil
	case ocpi.ModuleTokens:
		return &typed[wire.Token]{own: objects.Tokens, codecs: codecs, codec: codecs.Tokens, id: func(o *wire.Token) string { return string(o.UID) }}, nil
	default:
		return nil, fmt.Errorf("%q is no module with objects: use one of %v", module, Modules())
	}
}

type typed[T any] struct {
	own    *object.Own[T]
	codecs wire.Codecs
	codec  wire.Codec[T]
	id     func(*T) string
	batch  []object.Item[T]
}

func (t *typed[T]) read(raw []byte, env convert.Env) (string, wire.Report, error) {
	if len(raw) > object.MaxDocument {
		return "", wire.Report{}, ocpi.InvalidParameters("it has %d bytes, %d are allowed", len(raw), object.MaxDocument)
	}
	o, report, err := t.codec.Read(raw, env, quirk.Profile{}) // our own files are corrected where they were made
	if err != nil {
		return "", report, err
	}
	if owner := t.own.Owner(&o); owner != env.Owner && owner != (ocpi.Party{}) {
		return "", report, ocpi.InvalidParameters("it belongs to %s, not to %s", owner, env.Owner)
	}
	t.batch = append(t.batch, object.Item[T]{Party: env.Owner, Object: o})
	return t.id(&o), report, nil
}

func (t *typed[T]) drop() { t.batch = t.batch[:len(t.batch)-1] }

func (t *typed[T]) flush(ctx context.Context) (created, replaced int, err error) {
	if len(t.batch) == 0 {
		return 0, 0, nil
	}
	created, err = t.own.Put(ctx, t.batch...)
	if err == nil {
		replaced = len(t.batch) - created
	}
	t.batch = slices.Delete(t.batch, 0, len(t.batch))
	return created, replaced, err
}

const exportPage = 500

func (t *typed[T]) each(ctx context.Context, parties []ocpi.Party, yield func(string, object.Written) error) error {
	for q := (ocpi.Query{Limit: exportPage}); ; {
		page, err := t.own.All(ctx, parties, q)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			w, err := t.own.Write(ctx, t.codecs, item.Party, item.Object)
			if err != nil {
				return err
			}
			if err := yield(t.id(&item.Object), w); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.Cursor = page.Next
	}
}
