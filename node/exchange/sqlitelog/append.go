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
	}
	return l.run(`UPDATE tally SET bodies = bodies + ?1`, bodies)
}

func (l *Log) insert(id int64, r *exchange.Record) error {
	return l.run(`INSERT INTO exchange (`+columns+`) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		id, r.At.UnixMicro(), r.Duration.Microseconds(), string(r.Direction), r.Partner, r.Method, r.URL, string(r.Module), r.Object,
		r.HTTP, int(r.Status), r.RequestID, r.CorrelationID, r.RequestSize, r.ResponseSize,
		strings.Join(r.Findings, "\n"), strings.Join(r.Quirks, "\n"), r.Error)
}

const columns = `id, at, duration, direction, partner, method, url, module, object, http, status, request_id, correlation_id,
	request_size, response_size, findings, quirks, error`

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
