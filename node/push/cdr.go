package push

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// cdr posts a CDR, once. That it is being posted is on disk before it is sent. While it is not known whether it arrived, the
// partner is asked, and it is posted again only where it is certain that it is not there: a second billable CDR would be worse
// than a late one (requirements CDR-04 to CDR-08).
func (j *job) cdr(ctx context.Context, m *memory) (skipped bool, err error) {
	if j.change.Removed {
		return true, nil // CDRs cannot be taken back (requirement CDR-07)
	}
	if j.sent > 0 || m.Location != "" {
		return true, nil // CDRs never change
	}
	if err := j.addressed(); err != nil {
		return false, err
	}
	cdr, err := read[v230.CDR](j.change.Body)
	if err != nil {
		return false, err
	}
	to := j.client.EMSP().CDRs
	message, err := to.ComposePost(ctx, cdr)
	if err != nil {
		return false, err
	}
	if m.Posting {
		arrived, err := j.ask(ctx, to, m)
		if arrived || err != nil {
			return false, err
		}
	}
	m.Posting, m.Posted, m.Asks, m.Misses = true, j.config.Now(), 0, 0
	if err := j.keep(ctx, m); err != nil {
		m.Posting = false // nothing was sent
		return false, err
	}
	sent, err := j.client.Send(ctx, message)
	m.Posting, m.Posted = mayHaveArrived(err), j.config.Now()
	if err == nil {
		m.Location = sent.Location
		if sent.Location == "" {
			m.Location = confirmed
		}
	}
	return false, err
}

// mayHaveArrived reports whether the partner may have a CDR although it was not said to be taken. A conflict says that it is
// there, and HTTP 303 that the answer is elsewhere, which is asked about.
func mayHaveArrived(err error) bool {
	var e *ocpiclient.Error
	return errors.As(err, &e) && (e.Unclear() || e.HTTP == http.StatusConflict || e.HTTP == http.StatusSeeOther)
}

// confirmed stands in the place of the Location of a CDR that the partner has taken without saying where it is.
const confirmed = "confirmed"

// errUnclear tells that it is not known whether a CDR arrived.
var errUnclear = errors.New("it is not known whether the CDR arrived")

// A tooEarly tells that a CDR is not there yet, which is not believed before a while has passed: the partner may be slow.
type tooEarly struct{ wait time.Duration }

func (e *tooEarly) Error() string {
	return fmt.Sprintf("%v: the partner does not have it yet, and is asked again in %s", errUnclear, e.wait.Round(time.Second))
}

// ask asks the partner whether it has a CDR. That it has not is believed where it certainly says so, and a while after the CDR
// was posted.
func (j *job) ask(ctx context.Context, to ocpiclient.CDRReceiver, m *memory) (arrived bool, err error) {
	_, location, err := to.Find(ctx, j.key(), j.placed.like()...)
	if err == nil {
		m.Posting, m.Location = false, location
		return true, nil
	}
	misses := m.Misses
	m.Misses = 0
	if !errors.Is(err, ocpi.ErrNotFound) {
		return false, fmt.Errorf("%w, and the partner cannot be asked: %w", errUnclear, err)
	}
	if err := j.certain(ctx, to, err); err != nil {
		return false, err
	}
	m.Misses = misses + 1
	if now := j.config.Now(); m.Posted.IsZero() || m.Posted.After(now) { // it was kept before the time was, or the clock was ahead
		m.Posted = now
	}
	if wait := m.Posted.Add(j.config.Backoff.Settle).Sub(j.config.Now()); wait > 0 {
		return false, &tooEarly{wait}
	}
	var e *ocpiclient.Error
	if errors.As(err, &e) && e.Status == 0 && m.Misses < maxMisses {
		return false, &tooEarly{j.config.Backoff.First}
	}
	return false, nil
}

// maxMisses is how often in a row a CDR must not be found where that is said by a page that is not OCPI's: one of several
// machines may be broken.
const maxMisses = 4

// certain returns an error unless "not found" certainly says that the partner does not have a CDR: it has another one at a
// place where this one would be looked for, and shows that. Of a partner that has taken none yet, an answer in the terms of
// OCPI must do.
func (j *job) certain(ctx context.Context, to ocpiclient.CDRReceiver, notFound error) error {
	var e *ocpiclient.Error
	other := j.placed
	switch {
	case other == (placed{}) && errors.As(notFound, &e) && e.Status != 0:
		return nil
	case other == (placed{}):
		return fmt.Errorf("%w: it is not known where the partner has its CDRs, and where it was looked for there is nothing of OCPI", errUnclear)
	case other.Location != confirmed && !other.like()[0].Leads(j.change.ID):
		return fmt.Errorf("%w: where the partner has CDR %s does not tell where it would have this one", errUnclear, other.ID)
	}
	if err := j.show(ctx, to, other); err != nil {
		return fmt.Errorf("%w: the partner does not show CDR %s either, which it has taken: %w", errUnclear, other.ID, err)
	}
	return nil
}

// show has the partner show a CDR that it has: at its Location or, where it did not say one, where all CDRs are looked for.
func (j *job) show(ctx context.Context, to ocpiclient.CDRReceiver, other placed) error {
	if other.Location == confirmed {
		_, _, err := to.Find(ctx, ocpi.Key{Party: other.Party, ID: other.ID})
		return err
	}
	_, err := to.Get(ctx, other.Location)
	return err
}

// like are CDRs at whose places others are looked for.
func (p placed) like() []ocpiclient.PlacedCDR {
	if p.Location == "" || p.Location == confirmed {
		return nil
	}
	return []ocpiclient.PlacedCDR{{ID: p.ID, Location: p.Location}}
}
