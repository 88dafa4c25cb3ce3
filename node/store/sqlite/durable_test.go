package sqlite_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
)

// childPath is set in the environment of the process that is killed: the file to write to.
const childPath = "ROAMWIRE_TEST_WRITE_TO"

func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	if path := os.Getenv(childPath); path != "" {
		writeUntilKilled(t, path)
		return
	}
	path := newPath(t)
	acknowledged := map[string]bool{}
	for round := range 5 {
		for _, id := range killed(t, path, time.Duration(30+40*round)*time.Millisecond) {
			acknowledged[id] = true
		}
		checkAfterKill(t, path, acknowledged)
	}
	if len(acknowledged) < 100 {
		t.Errorf("only %d writes were acknowledged", len(acknowledged))
	}
}

// killed runs this test in another process, kills it some time after its first write, and returns the ids of the
// objects whose writes it saw acknowledged.
func killed(t *testing.T, path string, after time.Duration) (ids []string) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), childPath+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if len(ids) == 0 {
			time.AfterFunc(after, func() { child.Process.Kill() })
		}
		var id string
		// A line that the kill cut short has no end mark.
		if n, _ := fmt.Sscanf(lines.Text(), "%s done", &id); n == 1 && lines.Text() == id+" done" {
			ids = append(ids, id)
		}
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the other process ended by itself")
	}
	return ids
}

// writeUntilKilled has several callers write pairs of objects, and prints the id of each pair that was acknowledged.
func writeUntilKilled(t *testing.T, path string) {
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for caller := range 8 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), caller, i)
				if err := writePair(t, db, id); err != nil {
					return
				}
				fmt.Println(id, "done")
			}
		}()
	}
	time.Sleep(time.Minute)
}

func writePair(t *testing.T, db *sqlite.DB, id string) error {
	return db.Write(t.Context(), func(tx store.Tx) error {
		o := location(id)
		o.Renditions = map[ocpi.Version][]byte{ocpi.V211: o.Body}
		if _, err := tx.Put(o); err != nil {
			return err
		}
		o.Module = ocpi.ModuleTariffs
		_, err := tx.Put(o)
		return err
	})
}

func checkAfterKill(t *testing.T, path string, acknowledged map[string]bool) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeDB(t, db)
	stored := map[string]bool{}
	for _, o := range listAll(t, db).Objects {
		stored[o.ID] = true
		tariff := o.Key
		tariff.Module = ocpi.ModuleTariffs
		if _, err := db.Object(t.Context(), tariff); err != nil {
			t.Errorf("half a write was kept: %v", err)
		}
	}
	for id := range acknowledged {
		if !stored[id] {
			t.Errorf("write %s was acknowledged and lost", id)
		}
	}
}
