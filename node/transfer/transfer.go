package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
)

// An Import says what to read and for whom.
type Import struct {
	Objects *object.Objects
	Module  ocpi.ModuleID
	Version ocpi.Version
	// Party of ours owns the objects.
	Party ocpi.Party
	// EMSP is the partner's party that sessions and CDRs are meant for; the zero Party where that is not known, and
	// every partner may see them.
	EMSP ocpi.Party
	// Strict refuses objects with any finding, and not only those that cannot be used.
	Strict bool
	// Report is told about each object with findings or an error.
	Report func(Outcome)
}

// An Outcome is what was found about one object of a file.
type Outcome struct {
	Index    int
	ID       string
	Findings []ocpi.Finding
	// Refused tells that the object was not stored, Err why where no finding says so.
	Refused bool
	Err     error
}

// A Summary counts what an import did.
type Summary struct {
	Created, Replaced, Refused int
	// WithFindings counts stored objects that deviate from their version.
	WithFindings int
}

// batchSize is the number of objects in one transaction.
const batchSize = 200

// Run imports a file. An object that cannot be used is reported and does not stop the rest. The error is not nil
// where the file cannot be read to its end or the store failed; what the summary counts is stored even then.
func (i Import) Run(ctx context.Context, file io.Reader) (Summary, error) {
	var sum Summary
	module, err := moduleOf(i.Objects, i.Module, i.Version)
	if err != nil {
		return sum, err
	}
	pending := 0
	flush := func() error {
		created, replaced, err := module.flush(ctx)
		sum.Created += created
		sum.Replaced += replaced
		pending = 0
		return err
	}
	for d := range Read(file).Documents() {
		if d.Broken {
			return sum, errors.Join(flush(), fmt.Errorf("#%d: %w; nothing behind it was read", d.Index+1, d.Err))
		}
		if i.take(module, d, &sum) {
			pending++
		}
		if pending < batchSize {
			continue
		}
		if err := flush(); err != nil {
			return sum, err
		}
	}
	return sum, flush()
}

// take reads one document into the batch, reports what was found, and tells whether it will be stored.
func (i Import) take(module moduleStore, d Document, sum *Summary) bool {
	if d.Err != nil {
		sum.Refused++
		i.report(Outcome{Index: d.Index, Refused: true, Err: d.Err})
		return false
	}
	env := convert.Env{Owner: i.Party, EMSP: i.EMSP}
	id, report, err := module.read(d.Raw, env)
	if err != nil {
		id = idOf(d.Raw)
	}
	o := Outcome{Index: d.Index, ID: id, Findings: report.Findings, Refused: err != nil, Err: err}
	if err == nil && i.Strict && len(report.Findings) > 0 {
		module.drop()
		o.Refused, o.Err = true, fmt.Errorf("refused because of --strict")
	}
	if o.Refused {
		sum.Refused++
	} else if len(o.Findings) > 0 {
		sum.WithFindings++
	}
	if o.Refused || len(o.Findings) > 0 {
		i.report(o)
	}
	return !o.Refused
}

// idOf is the identifier of an object that cannot be used, where that much can be read.
func idOf(raw jsontext.Value) string {
	var named struct {
		ID  any `json:"id"`
		UID any `json:"uid"`
	}
	if json.Unmarshal(raw, &named) != nil {
		return ""
	}
	for _, id := range []any{named.ID, named.UID} {
		if text, ok := id.(string); ok {
			return text
		}
	}
	return ""
}

func (i Import) report(o Outcome) {
	if i.Report != nil {
		i.Report(o)
	}
}

// An Export says what to write.
type Export struct {
	Objects *object.Objects
	Module  ocpi.ModuleID
	Version ocpi.Version
	// Parties limits the export to objects of these parties of ours; empty for all.
	Parties []ocpi.Party
	// ID is that of the objects to write, in whatever case; all if empty.
	ID string
	// Lines writes JSON lines instead of an array.
	Lines bool
	// Report is told what the version cannot say about each object. Where convert.Withheld says so of the losses, the object is
	// left out, as partners of the version do not get it.
	Report func(id string, losses []convert.Loss)
}

// Run writes the objects of the module, oldest first by creation, and returns how many it has written.
func (e Export) Run(ctx context.Context, out io.Writer) (count int, err error) {
	module, err := moduleOf(e.Objects, e.Module, e.Version)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriter(out)
	open, between, end := "[\n", ",\n", "\n]\n"
	if e.Lines {
		open, between, end = "", "\n", "\n"
	}
	_, _ = w.WriteString(open) // Flush reports what went wrong
	err = module.each(ctx, e.Parties, func(id string, written object.Written) error {
		if e.ID != "" && !ocpi.CiString(id).Equal(ocpi.CiString(e.ID)) {
			return nil
		}
		if e.Report != nil && len(written.Losses) > 0 {
			e.Report(id, written.Losses)
		}
		if convert.Withheld(written.Losses) {
			return nil
		}
		if count > 0 {
			_, _ = w.WriteString(between)
		}
		count++
		_, err := w.Write(written.Document)
		return err
	})
	if err != nil {
		return count, err
	}
	if count > 0 || !e.Lines {
		_, _ = w.WriteString(end)
	}
	return count, w.Flush()
}
