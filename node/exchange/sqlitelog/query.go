package sqlitelog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/ocpi"
)

// List returns the newest exchanges that a filter selects, oldest first.
func (l *Log) List(ctx context.Context, f exchange.Filter) ([]exchange.Record, error) {
	old := l.conn.SetInterrupt(ctx)
	defer l.conn.SetInterrupt(old)
	where, args := condition(f)
	limit := -1 // SQLite's way to say all
	if f.Limit > 0 {
		limit = f.Limit
	}
	bodies := `NULL, NULL`
	if f.Bodies {
		bodies = `(SELECT request FROM body WHERE body.id = exchange.id), (SELECT response FROM body WHERE body.id = exchange.id)`
	}
	wanted := columns
	if l.noLosses { // a file that no writer has opened since
		wanted = strings.TrimSuffix(columns, `losses`) + `''`
	}
	sql := `SELECT ` + wanted + `, ` + bodies + ` FROM exchange WHERE ` + where + ` ORDER BY id DESC LIMIT ?`
	var records []exchange.Record
	var bad error
	err := l.query(func(s *sqlite3.Stmt) {
		r, err := record(s)
		records, bad = append(records, r), errors.Join(bad, err)
	}, sql, append(args, limit)...)
	if err := errors.Join(err, bad); err != nil {
		return nil, fmt.Errorf("read the exchange log: %w", explain(err))
	}
	slices.Reverse(records)
	return records, nil
}

// Quirks counts the deviations of a partner that were put right, the most frequent first. It counts since the log was
// begun, whatever has been removed from it since.
func (l *Log) Quirks(ctx context.Context, partner string) ([]exchange.QuirkCount, error) {
	old := l.conn.SetInterrupt(ctx)
	defer l.conn.SetInterrupt(old)
	var counts []exchange.QuirkCount
	err := l.query(func(s *sqlite3.Stmt) {
		counts = append(counts, exchange.QuirkCount{
			Name: s.ColumnText(0), Messages: s.ColumnInt64(1), Last: time.UnixMicro(s.ColumnInt64(2)).UTC(),
		})
	}, `SELECT name, messages, last FROM quirk WHERE partner = ?1 ORDER BY messages DESC, name`, partner)
	if err != nil {
		return nil, fmt.Errorf("read the exchange log: %w", explain(err))
	}
	return counts, nil
}

// condition is a filter as SQL. The ids are times, so that only the part of the log that matters is read.
func condition(f exchange.Filter) (string, []any) {
	all, args := []string{`id > ?`}, []any{f.After}
	and := func(sql string, values ...any) { all, args = append(all, sql), append(args, values...) }
	if !f.Since.IsZero() {
		since := f.Since.UnixMicro()
		and(`id >= ? AND at + duration >= ?`, since, since)
	}
	if f.Partner != "" {
		and(`partner = ?`, f.Partner)
	}
	if f.Direction != "" {
		and(`direction = ?`, string(f.Direction))
	}
	if f.Module != "" {
		and(`module = ?`, string(f.Module))
	}
	if f.Object != "" {
		plain, token := f.Objects()
		and(`object <> '' AND (instr('/' || lower(object) || '/', '/' || lower(?) || '/') OR module = 'tokens' AND lower(object) = lower(?))`, plain, token)
	}
	if f.MessageID != "" {
		and(`? IN (request_id, correlation_id)`, f.MessageID)
	}
	if len(f.Status) > 0 {
		and(statusCondition(f.Status))
	}
	return strings.Join(all, ` AND `), args
}

func statusCondition(statuses []exchange.Status) string {
	var any []string
	for _, s := range statuses {
		switch {
		case s.Failed:
			any = append(any, `http = 0 OR http >= 400 OR status >= 2000 OR error <> ''`)
		case s.OCPI:
			any = append(any, fmt.Sprintf(`status BETWEEN %d AND %d`, s.From, s.To))
		default:
			any = append(any, fmt.Sprintf(`http BETWEEN %d AND %d`, s.From, s.To))
		}
	}
	return `(` + strings.Join(any, ` OR `) + `)`
}

// record reads a row of List.
func record(s *sqlite3.Stmt) (exchange.Record, error) {
	r := exchange.Record{
		ID: s.ColumnInt64(0), At: time.UnixMicro(s.ColumnInt64(1)).UTC(), Duration: time.Duration(s.ColumnInt64(2)) * time.Microsecond,
		Direction: ocpi.Direction(s.ColumnText(3)), Partner: s.ColumnText(4), Method: s.ColumnText(5), URL: s.ColumnText(6),
		Module: ocpi.ModuleID(s.ColumnText(7)), Object: s.ColumnText(8), HTTP: s.ColumnInt(9), Status: ocpi.StatusCode(s.ColumnInt(10)),
		RequestID: s.ColumnText(11), CorrelationID: s.ColumnText(12), RequestSize: s.ColumnInt64(13), ResponseSize: s.ColumnInt64(14),
		Findings: lines(s.ColumnText(15)), Quirks: lines(s.ColumnText(16)), Error: s.ColumnText(17),
		Losses: lines(s.ColumnText(18)),
	}
	var requestErr, responseErr error
	r.Request, requestErr = body(s, 19)
	r.Response, responseErr = body(s, 20)
	return r, errors.Join(requestErr, responseErr)
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func body(s *sqlite3.Stmt, column int) (string, error) {
	if s.ColumnType(column) == sqlite3.BLOB {
		return unpack(s.ColumnRawBlob(column))
	}
	return s.ColumnText(column), nil
}
