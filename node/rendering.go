package node

import (
	"context"

	"github.com/roamwire/roamwire/ocpi"
)

// keepRendered has objects ready for the pages of partners in every version that some partner speaks, and in no other: that makes
// writing dearer. Until what was stored before is ready, pages are slower and their totals count what is withheld.
func (n *Node) keepRendered(ctx context.Context) {
	spoken, all, err := n.spoken(ctx)
	if err == nil && all {
		err = n.Objects.OnlyFor(ctx, spoken...)
	}
	if err != nil && ctx.Err() == nil {
		n.config.Logger.Error("what was rendered for versions that no partner speaks could not be removed; the next start tries again", "error", err)
	}
	n.Objects.Expect(spoken...)
	n.Objects.KeepRendered(ctx, n.config.Logger, func(rendered int, err error) {
		switch {
		case err != nil:
			n.config.Logger.Error("objects could not be made ready for partners' pages, which are slower; that is tried again", "error", err)
		case rendered > 0:
			n.config.Logger.Info("objects from before are ready for partners' pages in every version that is spoken", "objects", rendered)
		}
	})
}

// spoken are the versions that partners are known to speak. All tells that there are no others: partners that have not registered,
// and anybody where data is open, may list objects in any version.
func (n *Node) spoken(ctx context.Context) (versions []ocpi.Version, all bool, err error) {
	relations, err := n.Partners.Relations(ctx)
	if err != nil {
		return nil, false, err
	}
	all = !n.config.OpenData
	for i := range relations {
		version := relations[i].Remote.Version
		all = all && version != ""
		versions = append(versions, version)
	}
	return versions, all, nil
}
