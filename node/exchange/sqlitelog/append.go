package sqlitelog

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/roamwire/roamwire/node/exchange"
)

// Append implements exchange.Log. The records are there, or none of them.
func (l *Log) Append(ctx context.Context, records []exchange.Record) error {
	err := l.write(ctx, func() error { return l.append(records) })
	if err != nil {
		return fmt.Errorf("write to the exchange log: %w", explain(err))
	}
	return nil
}

func (l *Log) append(records []exchange.Record) error {
	id, err := l.number(`SELECT max(id) FROM exchange`)
	if err != nil {
		return err
	}
	bodies := 0
	for i := range records {
		id = max(id+1, records[i].Ended().UnixMicro())
		if err := l.insert(id, &records[i]); err != nil {
			return err
		}
		size, err := l.insertBodies(id, &records[i])
		if err != nil {
			return err
		}
		bodies += size
		if err := l.countQuirks(&records[i]); err != nil {
			return err
		}
	}
	return l.run(`UPDATE tally SET bodies = bodies + ?1`, bodies)
}

func (l *Log) countQuirks(r *exchange.Record) error {
	for _, name := range r.Quirks {
		err := l.run(`INSERT INTO quirk (partner, name, messages, last) VALUES (?1, ?2, 1, ?3)
			ON CONFLICT DO UPDATE SET messages = messages + 1, last = max(last, excluded.last)`, r.Partner, name, r.Ended().UnixMicro())
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) insert(id int64, r *exchange.Record) error {
	if err := l.insertion.prepare(l); err != nil {
		return err
	}
	i := &l.insertion
	i.number(1, id)
	i.number(2, r.At.UnixMicro())
	i.number(3, r.Duration.Microseconds())
	i.text(4, string(r.Direction))
	i.text(5, r.Partner)
	i.text(6, r.Method)
	i.text(7, r.URL)
	i.text(8, string(r.Module))
	i.text(9, r.Object)
	i.number(10, int64(r.HTTP))
	i.number(11, int64(r.Status))
	i.text(12, r.RequestID)
	i.text(13, r.CorrelationID)
	i.number(14, r.RequestSize)
	i.number(15, r.ResponseSize)
	i.text(16, strings.Join(r.Findings, "\n"))
	i.text(17, strings.Join(r.Quirks, "\n"))
	i.text(18, r.Error)
	i.text(19, strings.Join(r.Losses, "\n"))
	if i.err != nil {
		return i.err
	}
	return i.stmt.Exec()
}

const (
	columns = `id, at, duration, direction, partner, method, url, module, object, http, status, request_id, correlation_id,
	request_size, response_size, findings, quirks, error, losses`
	columnCount = 19
)

// An insertion is the statement that adds an exchange. It binds only what differs from the exchange before, because most
// of it does not, and binding is what takes the time.
type insertion struct {
	stmt    *sqlite3.Stmt
	bound   [columnCount + 1]bool
	texts   [columnCount + 1]string
	numbers [columnCount + 1]int64
	err     error
}

func (i *insertion) prepare(l *Log) (err error) {
	if i.stmt == nil {
		i.stmt, err = l.prepared(`INSERT INTO exchange (` + columns + `) VALUES (?` + strings.Repeat(`, ?`, columnCount-1) + `)`)
	}
	i.err = nil
	return err
}

func (i *insertion) text(param int, value string) {
	if i.err != nil || i.bound[param] && i.texts[param] == value {
		return
	}
	i.err = i.stmt.BindText(param, value)
	i.texts[param], i.bound[param] = value, i.err == nil
}

func (i *insertion) number(param int, value int64) {
	if i.err != nil || i.bound[param] && i.numbers[param] == value {
		return
	}
	i.err = i.stmt.BindInt64(param, value)
	i.numbers[param], i.bound[param] = value, i.err == nil
}

// insertBodies returns how many bytes it has stored.
func (l *Log) insertBodies(id int64, r *exchange.Record) (int, error) {
	if r.Request == "" && r.Response == "" {
		return 0, nil
	}
	s, err := l.prepared(`INSERT INTO body (id, request, response) VALUES (?1, ?2, ?3)`)
	if err != nil {
		return 0, err
	}
	request, err := l.bindBody(s, 2, r.Request)
	if err != nil {
		return 0, err
	}
	response, err := l.bindBody(s, 3, r.Response)
	if err != nil {
		return 0, err
	}
	return request + response, errors.Join(s.BindInt64(1, id), s.Exec())
}

// packFrom is the length from which a body is compressed.
const packFrom = 1 << 10

func (l *Log) bindBody(s *sqlite3.Stmt, param int, text string) (size int, err error) {
	switch {
	case text == "":
		return 0, s.BindNull(param)
	case len(text) < packFrom:
		return len(text), s.BindText(param, text)
	}
	packed, err := l.packer.pack(text)
	if err != nil {
		return 0, err
	}
	return len(packed), s.BindBlob(param, packed)
}

// A packer makes bodies smaller.
type packer struct {
	writer *flate.Writer
	out    bytes.Buffer
}

// pack returns a text compressed. The memory is used again by the next call.
func (p *packer) pack(text string) ([]byte, error) {
	p.out.Reset()
	if p.writer == nil {
		writer, err := flate.NewWriter(&p.out, flate.BestSpeed)
		if err != nil {
			return nil, err
		}
		p.writer = writer
	}
	p.writer.Reset(&p.out)
	_, err := io.WriteString(p.writer, text)
	err = errors.Join(err, p.writer.Close())
	return p.out.Bytes(), err
}

// unpack is the inverse of pack.
func unpack(packed []byte) (string, error) {
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	return string(text), err
}
