package exchange

import (
	"log/slog"
	"time"
)

const tellEvery = time.Minute

// trouble tells the program's log what goes wrong, but not with every exchange.
type trouble struct {
	logger *slog.Logger
	// err is why the log cannot be written; nil while it can.
	err error
	// panic is the last panic of ours that has not been told.
	panic string
	// failing is set once the error has been told.
	failing bool
	// told is when there was last something to tell, and lost how many exchanges had been left out then.
	told time.Time
	lost int64
}

// tell says what has changed, given how many exchanges have been left out so far.
func (t *trouble) tell(dropped int64) {
	lost := dropped - t.lost
	switch {
	case t.failing && t.err == nil:
		t.logger.Info("exchanges are recorded again", "lost", lost)
	case t.err == nil && lost == 0, time.Since(t.told) < tellEvery:
		return
	case t.err != nil:
		t.logger.Error("exchanges are not recorded", "error", t.err, "lost", lost)
	case t.panic != "":
		t.logger.Error("panic while an exchange was recorded", "panic", t.panic, "lost", lost)
	default:
		t.logger.Warn("more exchanges than can be recorded", "lost", lost)
	}
	t.panic = ""
	t.failing, t.told, t.lost = t.err != nil, time.Now(), dropped
}
