package sqlite

import (
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"
)

const (
	// checkpointPages is the length at which the write-ahead log is copied back into the file, 4 MiB. Longer saves
	// work, because a page that changed often is copied once; shorter means shorter pauses between writes.
	checkpointPages = 1000

	// restartPages is the length at which reads are held back for a moment, so that the log can start again from its
	// beginning, 32 MiB.
	restartPages = 8 * checkpointPages

	// restartPatience is how long to wait for the reads that have begun, and again for those of other processes.
	restartPatience = 100 * time.Millisecond
)

// A checkpoint keeps the write-ahead log short. SQLite would do it by itself, but without ever waiting: beside a
// steady stream of reads its log does not start again from the beginning, and grows without end. And it would do it
// before the callers of the last batch have their answer.
type checkpoint struct {
	conn    *conn
	readers *pool
	opts    Options
	// pages is the length of the log after the last commit.
	pages int
	// due is the length at which to copy.
	due int
}

// watch makes SQLite tell the length of the log, which takes the place of its own checkpoints.
func (k *checkpoint) watch() {
	k.due = checkpointPages
	k.conn.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error {
		if pages < k.pages {
			k.due = checkpointPages // the log has started again
		}
		k.pages = pages
		return nil
	})
}

// run copies the log if it is long enough. If that fails, nothing is lost: the log has it all, and is copied later.
func (k *checkpoint) run() error {
	switch {
	case k.pages < k.due:
		return nil
	case k.pages < restartPages:
		k.due = k.pages + checkpointPages
		return k.copy(sqlite3.CHECKPOINT_PASSIVE)
	default:
		// A read that takes minutes, such as a backup, must not hold up every write: the next try is far away.
		k.due = 2 * k.pages
		return k.restart()
	}
}

// restart copies most of the log while reads go on, and the rest while there are none.
func (k *checkpoint) restart() error {
	if err := k.copy(sqlite3.CHECKPOINT_PASSIVE); err != nil {
		return err
	}
	resume := k.readers.pause(restartPatience)
	defer resume()
	if err := k.conn.BusyTimeout(restartPatience); err != nil {
		return err
	}
	return errors.Join(k.copy(sqlite3.CHECKPOINT_RESTART), k.conn.BusyTimeout(k.opts.BusyTimeout))
}

func (k *checkpoint) copy(mode sqlite3.CheckpointMode) error {
	_, _, err := k.conn.WALCheckpoint("main", mode)
	return err
}
