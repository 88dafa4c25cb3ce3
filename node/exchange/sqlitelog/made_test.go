package sqlitelog_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/roamwire/roamwire/node/exchange/sqlitelog"
)

// Who waits for a log finds none, or a whole one, while another makes it.
func TestALogThatIsBeingMadeIsNotThereYet(t *testing.T) {
	folder := t.TempDir()
	for i := range 60 {
		path := filepath.Join(folder, fmt.Sprint(i, ".db"))
		made := make(chan error, 1)
		go func() {
			l, err := sqlitelog.Open(t.Context(), path)
			if err == nil {
				err = l.Close()
			}
			made <- err
		}()
		for {
			l, err := sqlitelog.OpenReader(t.Context(), path)
			if err == nil {
				if err := l.Close(); err != nil {
					t.Error(err)
				}
				break
			}
			if !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("file %d: %v", i, err)
			}
		}
		if err := <-made; err != nil {
			t.Fatal(err)
		}
	}
}
