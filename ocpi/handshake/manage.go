package handshake

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// longestName is how long a partner's name may be, in characters.
const longestName = 64

// CheckName says why a name cannot be that of a partner: it stands in commands, logs and metrics.
func CheckName(name string) error {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case name == "":
		return errors.New("a partner needs a name")
	case utf8.RuneCountInString(name) > longestName:
		return fmt.Errorf("a partner's name has at most %d characters", longestName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unprintable):
		return fmt.Errorf("the name %q has characters that cannot be printed", name)
	case strings.TrimSpace(name) != name || name[0] == '-':
		return fmt.Errorf("the name %q begins or ends with a space, or begins with a dash", name)
	}
	return nil
}

// Invite makes a token A with which the partner can register with us, and returns it; it is not kept. A partner that was
// invited before gets a new one, and the old one is good no longer.
func (h *Handshake) Invite(ctx context.Context, name string, terms Terms) (tokenA string, err error) {
	if err := h.checkTerms(&terms); err != nil {
		return "", fmt.Errorf("invite %s: %w", name, err)
	}
	if err := h.ensure(ctx, name); err != nil {
		return "", fmt.Errorf("invite %s: %w", name, err)
	}
	tokenA = NewToken()
	now := h.now()
	err = h.config.Store.ChangeRelation(ctx, name, func(rel *Relation) error {
		switch {
		case rel.State == Registered || rel.State == ByHand:
			return fmt.Errorf("the partner is %s: it can change its credentials with the token it has; unregister it to begin anew", rel.State)
		case rel.Attempt.underWay(now):
			return ErrBusy
		}
		rel.end(now)
		rel.Terms = terms
		rel.Inbound = []InboundToken{{Hash: HashToken(tokenA), Status: TokenInvitation, Made: now}}
		rel.become(Invited, now)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("invite %s: %w", name, err)
	}
	return tokenA, nil
}

// ErrNotTold is returned by Unregister where the partner could not be told.
var ErrNotTold = errors.New("the partner could not be told")

// Unregister ends the registration with a partner, on its side and on ours (requirement C-13). Where the partner cannot
// be told, nothing is changed (ErrNotTold), unless force is set: then the registration ends here alone.
func (h *Handshake) Unregister(ctx context.Context, name string, force bool) error {
	r, err := h.begin(ctx, name, Unregistering, ocpi.Outbound, func(*Relation) error { return nil })
	if err != nil {
		return fmt.Errorf("unregister %s: %w", name, err)
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	if err := h.tellEnd(ctx, r); err != nil && !force {
		return fmt.Errorf("unregister %s: %w: failed at step 1: %w", name, ErrNotTold, r.fail(ctx, err))
	}
	return r.done(ctx, func(rel *Relation) error { rel.end(h.now()); return nil })
}

// tellEnd sends DELETE to the partner, with the first token that works. A partner that does not know us any more needs
// not be told.
func (h *Handshake) tellEnd(ctx context.Context, r *run) error {
	if r.relation.State != Registered {
		return nil
	}
	var failed error
	for _, t := range r.relation.Outbound {
		c, err := h.client(&r.relation, t.Token)
		if err != nil {
			return err
		}
		var e *ocpiclient.Error
		switch err := c.Unregister(ctx); {
		case err == nil:
			return nil
		case errors.As(err, &e) && slices.Contains([]int{http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed}, e.HTTP):
		default:
			failed = err
		}
	}
	return failed
}

// Suspend stops the exchange of data with a partner, or lets it go on. The registration stays.
func (h *Handshake) Suspend(ctx context.Context, name string, suspended bool) error {
	return h.config.Store.ChangeRelation(ctx, name, func(rel *Relation) error {
		if rel.State != Registered && rel.State != ByHand {
			return fmt.Errorf("the partner is %s: there is no exchange of data to suspend", rel.State)
		}
		rel.Suspended = suspended
		return nil
	})
}

// Change changes what was decided about a partner. Versions that are pinned hold from the next update on, modules that
// must be offered from the next exchange of credentials; all else at once.
func (h *Handshake) Change(ctx context.Context, name string, fn func(*Terms)) error {
	return h.config.Store.ChangeRelation(ctx, name, func(rel *Relation) error {
		terms := rel.Terms
		fn(&terms)
		if err := h.checkTerms(&terms); err != nil {
			return err
		}
		rel.Terms = terms
		return nil
	})
}

// Retry goes on with an exchange of ours that failed or was interrupted.
func (h *Handshake) Retry(ctx context.Context, name string) error {
	rel, err := h.config.Store.Relation(ctx, name)
	if err != nil {
		return err
	}
	a := rel.Attempt
	switch {
	case a.underWay(h.now()):
		return fmt.Errorf("retry %s: %w", name, ErrBusy)
	case rel.Offer != nil || rel.unproven():
		return h.goOn(ctx, name, true)
	case a == nil:
		return fmt.Errorf("retry %s: nothing has failed: the partner is %s", name, rel.Words())
	case a.Direction == ocpi.Inbound:
		return fmt.Errorf("retry %s: the partner has to send its credentials again", name)
	case a.Kind == Unregistering:
		return h.Unregister(ctx, name, false)
	case a.Kind == Proving:
		return h.put(ctx, name, Rotating)
	default:
		return h.put(ctx, name, a.Kind)
	}
}

// goOn sends an offer again, or tries the newest token.
func (h *Handshake) goOn(ctx context.Context, name string, byHand bool) error {
	rel, err := h.config.Store.Relation(ctx, name)
	if err != nil {
		return err
	}
	kind := Proving
	if rel.Offer != nil {
		kind = rel.Offer.Kind
	}
	r, err := h.begin(ctx, name, kind, ocpi.Outbound, func(now *Relation) error {
		if (now.Offer == nil) != (rel.Offer == nil) || now.Offer != nil && now.Offer.Kind != kind || now.Offer == nil && !now.unproven() {
			return errLost
		}
		if byHand {
			now.Tries = 0
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s with %s: %w", kind, name, err)
	}
	return h.send(ctx, r)
}

// ErrUnclear is returned by Rollback where the partner may have taken our credentials.
var ErrUnclear = errors.New("the partner may have taken our credentials: going on finds out, and giving up may leave it with tokens that do not work")

// Rollback gives up an exchange that failed or was interrupted: what was before it holds. A registration of ours that
// came as far as step 8 is ended on the partner's side too, if it can be reached. An exchange whose outcome is not clear
// is not given up (ErrUnclear), unless force is set.
func (h *Handshake) Rollback(ctx context.Context, name string, force bool) error {
	rel, err := h.config.Store.Relation(ctx, name)
	if err != nil {
		return err
	}
	a := rel.Attempt
	if a == nil && rel.Offer == nil {
		return fmt.Errorf("roll back %s: nothing has failed: the partner is %s", name, rel.Words())
	}
	if a != nil && a.Direction == ocpi.Outbound && a.Kind == Registering && rel.State == Registered {
		return h.Unregister(ctx, name, true)
	}
	return h.config.Store.ChangeRelation(ctx, name, func(rel *Relation) error {
		if rel.Attempt.underWay(h.now()) {
			return fmt.Errorf("roll back %s: %w", name, ErrBusy)
		}
		if rel.Offer != nil && rel.Offer.Unclear && !force {
			return fmt.Errorf("roll back %s: %w", name, ErrUnclear)
		}
		rel.giveUp()
		return nil
	})
}

// giveUp forgets the offer. Tokens that the partner may have taken stay good.
func (r *Relation) giveUp() {
	r.Attempt, r.Again, r.Tries = nil, time.Time{}, 0
	if r.Offer == nil {
		return
	}
	if !r.Offer.Unclear || r.State != Registered {
		r.withdraw()
	}
	r.abandon()
}
