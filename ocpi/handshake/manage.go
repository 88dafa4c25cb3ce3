package handshake

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

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
		rel.Terms, rel.Attempt = terms, nil
		rel.Inbound = []InboundToken{{Hash: HashToken(tokenA), Status: TokenInvitation, Made: now}}
		rel.become(Invited, now)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("invite %s: %w", name, err)
	}
	return tokenA, nil
}

// Unregister ends the registration with a partner, on its side and on ours (requirement C-13). Where the partner cannot
// be told, nothing is changed, unless force is set: then the registration ends here alone.
func (h *Handshake) Unregister(ctx context.Context, name string, force bool) error {
	r, err := h.begin(ctx, name, Unregistering, ocpi.Outbound, func(*Relation, *Attempt) error { return nil })
	if err != nil {
		return fmt.Errorf("unregister %s: %w", name, err)
	}
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	if err := h.tellEnd(ctx, r); err != nil && !force {
		return fmt.Errorf("unregister %s: failed at step 1: %w", name, r.fail(ctx, err, nil))
	}
	return r.done(ctx, func(rel *Relation) error { rel.end(h.now()); return nil })
}

// tellEnd sends DELETE to the partner. A partner that does not know us any more needs not be told.
func (h *Handshake) tellEnd(ctx context.Context, r *run) error {
	if r.relation.State != Registered || len(r.relation.Outbound) == 0 {
		return nil
	}
	c, err := h.client(&r.relation, r.relation.Outbound[0].Token)
	if err != nil {
		return err
	}
	err = c.Unregister(ctx)
	var e *ocpiclient.Error
	if errors.As(err, &e) && slices.Contains([]int{http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed}, e.HTTP) {
		return nil
	}
	return err
}

// Suspend stops the exchange of data with a partner, or lets it go on. The registration stays.
func (h *Handshake) Suspend(ctx context.Context, name string, suspended bool) error {
	return h.config.Store.ChangeRelation(ctx, name, func(rel *Relation) error {
		rel.Suspended = suspended
		return nil
	})
}

// Retry goes on with an exchange of ours that failed or was interrupted.
func (h *Handshake) Retry(ctx context.Context, name string) error {
	rel, err := h.config.Store.Relation(ctx, name)
	if err != nil {
		return err
	}
	switch a := rel.Attempt; {
	case a == nil:
		return fmt.Errorf("retry %s: nothing has failed: the partner is %s", name, rel.Words())
	case a.underWay(h.now()):
		return fmt.Errorf("retry %s: %w", name, ErrBusy)
	case a.Direction == ocpi.Inbound:
		return fmt.Errorf("retry %s: the partner has to send its credentials again", name)
	case a.Kind == Unregistering:
		return h.Unregister(ctx, name, false)
	case a.Kind == Registering:
		return h.goOn(ctx, name)
	default:
		return h.put(ctx, name, a.Kind)
	}
}

// goOn takes up a registration of ours.
func (h *Handshake) goOn(ctx context.Context, name string) error {
	r, err := h.begin(ctx, name, Registering, ocpi.Outbound, func(rel *Relation, a *Attempt) error {
		if rel.Attempt == nil {
			return errLost
		}
		carry(rel.Attempt, a)
		return nil
	})
	if err != nil {
		return fmt.Errorf("register with %s: %w", name, err)
	}
	return h.send(ctx, r)
}

// Rollback gives up an exchange that failed or was interrupted: what was before it holds. A registration of ours that
// came as far as step 8 is ended on the partner's side too, if it can be reached.
func (h *Handshake) Rollback(ctx context.Context, name string) error {
	rel, err := h.config.Store.Relation(ctx, name)
	if err != nil {
		return err
	}
	a := rel.Attempt
	if a == nil {
		return fmt.Errorf("roll back %s: nothing has failed: the partner is %s", name, rel.Words())
	}
	if a.Direction == ocpi.Outbound && a.Kind == Registering && rel.State == Registered {
		return h.Unregister(ctx, name, true)
	}
	return h.config.Store.ChangeRelation(ctx, name, func(rel *Relation) error {
		if rel.Attempt == nil || rel.Attempt.ID != a.ID || rel.Attempt.underWay(h.now()) {
			return fmt.Errorf("roll back %s: %w", name, ErrBusy)
		}
		rel.forget(TokenPending)
		rel.Attempt = nil
		return nil
	})
}

// Recover looks after what was interrupted, by a crash or by the network. Exchanges that partners began are rolled back,
// which changes nothing, as they are stored in one step. Exchanges of ours whose outcome is not clear go on, because
// sending the same credentials again is safe. Everything else waits for a person. It returns when all is done; call it
// at the start and every few seconds.
func (h *Handshake) Recover(ctx context.Context) error {
	all, err := h.config.Store.Relations(ctx)
	if err != nil {
		return fmt.Errorf("look for interrupted exchanges: %w", err)
	}
	var work sync.WaitGroup
	defer work.Wait()
	for i := range all {
		rel := &all[i]
		if err := h.dropExpired(ctx, rel); err != nil {
			return err
		}
		switch {
		case rel.Attempt.underWay(h.now()):
		case h.outdated(rel):
			work.Go(func() { _ = h.Update(ctx, rel.Name) }) // the outcome is in the relation, and in the log
		case rel.Attempt != nil:
			if err := h.recoverOne(ctx, rel, &work); err != nil {
				return err
			}
		}
	}
	return nil
}

// updateTries is how often an update that fails is begun within the time between two updates.
const updateTries = 24

// outdated reports whether it is time to read a partner's versions and endpoints again. While another exchange has failed,
// that comes first.
func (h *Handshake) outdated(rel *Relation) bool {
	every := h.config.UpdateEvery
	if every <= 0 || rel.State != Registered || rel.Suspended || h.now().Sub(rel.Remote.Read) < every {
		return false
	}
	a := rel.Attempt
	return a == nil || a.Kind == Updating && a.Failure != "" && a.Step < stepToken && h.now().Sub(a.Began) >= every/updateTries
}

func (h *Handshake) recoverOne(ctx context.Context, rel *Relation, work *sync.WaitGroup) error {
	a := rel.Attempt
	interrupted := a.Failure == ""
	due := !a.Again.IsZero() && !h.now().Before(a.Again)
	switch {
	case a.Direction == ocpi.Inbound && interrupted:
		h.config.Logger.WarnContext(ctx, "an exchange of credentials was interrupted; nothing has changed", "partner", rel.Name, "kind", a.Kind, "step", a.Step)
		return h.Rollback(ctx, rel.Name)
	case a.Direction == ocpi.Outbound && (interrupted || due):
		h.config.Logger.InfoContext(ctx, "an exchange of credentials goes on", "partner", rel.Name, "kind", a.Kind, "step", a.Step)
		name := rel.Name
		work.Go(func() { _ = h.Retry(ctx, name) }) // the outcome is in the relation, and in the log
	}
	return nil
}

// dropExpired forgets tokens that are good no longer.
func (h *Handshake) dropExpired(ctx context.Context, rel *Relation) error {
	now := h.now()
	expired := func(t InboundToken) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }
	if !slices.ContainsFunc(rel.Inbound, expired) {
		return nil
	}
	return h.config.Store.ChangeRelation(ctx, rel.Name, func(rel *Relation) error {
		rel.Inbound = slices.DeleteFunc(rel.Inbound, expired)
		return nil
	})
}
