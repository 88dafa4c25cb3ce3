package push

import (
	"context"
	"errors"
	"fmt"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// session sends a session: whole where it is not known for certain what the partner has, and what differs from that
// otherwise (requirement SES-08). Its status never goes back, whatever became of the message that told it.
func (j *job) session(ctx context.Context, m *memory) (skipped bool, err error) {
	if j.change.Removed {
		return true, nil // sessions cannot be deleted (requirement SES-09)
	}
	if err := j.addressed(); err != nil {
		return false, err
	}
	session, err := read[v230.Session](j.change.Body)
	if err != nil {
		return false, err
	}
	now := stage(session.Status)
	if now < m.Stage {
		return false, fmt.Errorf("session %s would go back to %s, and the partner was told more: it must not be told", session.ID, session.Status)
	}
	if m.Stage == ended && j.sent >= j.change.Change {
		return true, nil // the partner has it to its end, whatever else it gets anew
	}
	m.Stage = now // also if the answer is lost
	to := j.client.EMSP().Sessions
	if len(m.Body) == 0 || !j.told || m.Attempts > 0 || j.partner.Policy.Whole {
		return false, j.putSession(ctx, to, session, m)
	}
	before, err := read[v230.Session](m.Body)
	if err != nil {
		return false, err
	}
	err = to.Patch(ctx, before, session)
	if errors.Is(err, ocpi.ErrNotFound) {
		return false, j.missingSession(ctx, to, session, m)
	}
	if err == nil {
		j.rememberSession(m)
	}
	return false, err
}

// rememberSession keeps what the partner has. Of a session that has ended, which changes no more as a rule, it keeps only
// that: there are many.
func (j *job) rememberSession(m *memory) {
	m.Body = j.change.Body
	if m.Stage == ended {
		m.Body = nil
	}
}

func (j *job) putSession(ctx context.Context, to ocpiclient.Receiver[v230.Session], session v230.Session, m *memory) error {
	_, err := to.Put(ctx, session)
	if err == nil {
		j.rememberSession(m)
	}
	return err
}

// missingSession puts a session that the partner does not find, after asking whether it has it (requirement TF-41).
func (j *job) missingSession(ctx context.Context, to ocpiclient.Receiver[v230.Session], session v230.Session, m *memory) error {
	_, err := to.Get(ctx, j.key())
	var e *ocpiclient.Error
	if errors.As(err, &e) && e.Kind == ocpiclient.TryLater {
		return err
	}
	return j.putSession(ctx, to, session, m)
}

// ended is the last stage of a session.
const ended = 2

// stage is how far a session is: it only ever goes up.
func stage(s v230.SessionStatus) int {
	switch s {
	case v230.SessionStatusCompleted, v230.SessionStatusInvalid:
		return ended
	case v230.SessionStatusActive:
		return 1
	default:
		return 0
	}
}
