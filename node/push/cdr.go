package push

import (
	"context"
	"errors"
	"fmt"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// cdr posts a CDR, once. That it is being posted is on disk before it is sent. While it is not known whether it arrived, the
// partner is asked, and it is posted again only where the partner says that it is not there: a second billable CDR would be
// worse than a late one (requirements CDR-04 to CDR-08).
func (j *job) cdr(ctx context.Context, m *memory) (skipped bool, err error) {
	if j.change.Removed {
		return true, nil // CDRs cannot be taken back (requirement CDR-07)
	}
	sent, err := j.remembered(ctx, m)
	if err != nil {
		return false, err
	}
	if sent > 0 || m.Location != "" {
		return true, nil // CDRs never change
	}
	cdr, err := read[v230.CDR](j.change.Body)
	if err != nil {
		return false, err
	}
	to := j.client.EMSP().CDRs
	if m.Posting {
		arrived, err := j.ask(ctx, to, cdr, m)
		if arrived || err != nil {
			return false, err
		}
	}
	m.Posting = true
	if err := j.note(ctx, m); err != nil {
		return false, err
	}
	location, err := to.Post(ctx, cdr)
	var e *ocpiclient.Error
	if err == nil || !errors.As(err, &e) || !e.Unclear() {
		m.Posting = false
	}
	if err == nil {
		m.Location = location
		if location == "" {
			m.Location = confirmed
		}
	}
	return false, err
}

// confirmed stands in the place of the Location of a CDR that the partner has taken without saying where it is.
const confirmed = "confirmed"

// note keeps on disk that the CDR is being posted. If the process ends now, it is found as one that is held, and asked for.
func (j *job) note(ctx context.Context, m *memory) error {
	record, err := m.delivery(j.partner.Name, j.change.Key, 0)
	if err != nil {
		return err
	}
	record.Held, record.Due = true, j.config.Now()
	if err := j.config.Store.KeepDelivery(ctx, record); err != nil {
		return fmt.Errorf("%w: keep that CDR %s is being posted: %w", errHome, j.change.ID, err)
	}
	return nil
}

// ask asks the partner whether it has a CDR, first where it has one that was sent before.
func (j *job) ask(ctx context.Context, to ocpiclient.CDRReceiver, cdr v230.CDR, m *memory) (arrived bool, err error) {
	var like []ocpiclient.PlacedCDR
	if j.placed != (placed{}) {
		like = append(like, ocpiclient.PlacedCDR(j.placed))
	}
	_, location, err := to.Find(ctx, j.key(), like...)
	if err == nil {
		m.Posting, m.Location = false, location
		return true, nil
	}
	if errors.Is(err, ocpi.ErrNotFound) {
		return false, nil
	}
	return false, fmt.Errorf("it is not known whether CDR %s arrived, and the partner cannot be asked: %w", cdr.ID, err)
}
