package handshake

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/roamwire/roamwire/ocpi"
)

// Recover looks after what was interrupted, by a crash or by the network. Exchanges that partners began are stored in one
// step: one that was interrupted has changed nothing. Exchanges of ours whose outcome is not clear go on, because sending
// the same credentials again is safe. Everything else waits for a person. It returns when all is done; call it at the
// start and every few seconds, in the one process that answers partners.
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
		if err := h.dropInterrupted(ctx, rel); err != nil {
			return err
		}
		// The outcome of these is in the relation, and in the log.
		switch {
		case rel.Attempt.underWay(h.now()):
		case h.due(rel):
			h.config.Logger.InfoContext(ctx, "an exchange of credentials goes on", "partner", rel.Name, "state", rel.Words())
			work.Go(func() { _ = h.goOn(ctx, rel.Name, false) })
		case h.unfinished(rel):
			work.Go(func() { _ = h.Retry(ctx, rel.Name) })
		case h.outdated(rel):
			work.Go(func() { _ = h.Update(ctx, rel.Name) })
		}
	}
	return nil
}

// due reports whether it is time to go on with an offer or with trying a token: it was put off, or it was interrupted.
func (h *Handshake) due(rel *Relation) bool {
	if rel.Offer == nil && !rel.unproven() {
		return false
	}
	if !rel.Again.IsZero() {
		return !h.now().Before(rel.Again)
	}
	return rel.interrupted()
}

// unfinished reports whether something else of ours was interrupted.
func (h *Handshake) unfinished(rel *Relation) bool {
	return rel.interrupted() && rel.Offer == nil && !rel.unproven()
}

// interrupted reports whether an attempt of ours has neither succeeded nor failed, and nobody is working on it.
func (r *Relation) interrupted() bool {
	return r.Attempt != nil && r.Attempt.Direction == ocpi.Outbound && r.Attempt.Failure == ""
}

// updateTries is how often an update that fails is begun within the time between two updates.
const updateTries = 24

// outdated reports whether it is time to read a partner's versions and endpoints again. Other exchanges of ours that have
// failed come first.
func (h *Handshake) outdated(rel *Relation) bool {
	every := h.config.UpdateEvery
	if every <= 0 || rel.State != Registered || rel.Suspended || rel.Offer != nil || h.now().Sub(rel.Remote.Read) < every {
		return false
	}
	a := rel.Attempt
	return a == nil || (a.Kind == Updating || a.Direction == ocpi.Inbound) && h.now().Sub(a.Began) >= every/updateTries
}

// dropInterrupted ends an exchange that a partner has begun and that nobody is working on: its time is over, or it is
// from before this process.
func (h *Handshake) dropInterrupted(ctx context.Context, rel *Relation) error {
	a := rel.Attempt
	if a == nil || a.Direction != ocpi.Inbound || a.Failure != "" || a.underWay(h.now()) && !a.Began.Before(h.started) {
		return nil
	}
	h.config.Logger.WarnContext(ctx, "an exchange of credentials that the partner began was interrupted; nothing has changed",
		"partner", rel.Name, "kind", a.Kind, "step", a.Step)
	rel.Attempt = nil
	return h.config.Store.ChangeRelation(ctx, rel.Name, func(rel *Relation) error {
		if rel.Attempt != nil && rel.Attempt.ID == a.ID {
			rel.Attempt = nil
		}
		return nil
	})
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
