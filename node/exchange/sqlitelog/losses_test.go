package sqlitelog_test

import (
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/exchange/sqlitelog"
)

// A file that was made before there were losses in it can be read as it is, and is written on with them. Programs that do not
// know them can still write to it.
func TestLossesAreAddedToAFileWithoutThem(t *testing.T) {
	path := newPath(t)
	l, err := sqlitelog.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	add(t, l, exchange.Record{At: start, RequestID: "old"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, path, `ALTER TABLE exchange DROP COLUMN losses`)

	reader, err := sqlitelog.OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if got := ids(t, reader, exchange.Filter{}); got != "old" {
		t.Errorf("before: %s", got)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, path)
	add(t, again, exchange.Record{At: start, RequestID: "new", Losses: []string{"/a: lost"}})
	execute(t, path, `INSERT INTO exchange SELECT id + 1, at, duration, direction, partner, method, url, module, object, http, status, 'older', correlation_id,
		request_size, response_size, findings, quirks, error, '' FROM exchange WHERE request_id = 'new'`)
	records := list(t, again, exchange.Filter{})
	if len(records) != 3 || len(records[1].Losses) != 1 || len(records[0].Losses)+len(records[2].Losses) != 0 {
		t.Errorf("after: %+v", records)
	}
}

func execute(t *testing.T, path, sql string) {
	t.Helper()
	conn, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Exec(sql); err != nil {
		t.Error(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}
