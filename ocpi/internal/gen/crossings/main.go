// Command crossings writes, as Markdown, what objects of OCPI lose on their way between versions. It finds out by doing:
// it makes objects from the tables in which every optional member is set and every value of every enum is tried, sends
// them through package convert, and notes what is reported as lost. The generator puts the result into docs/versions.md.
package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	err := report(out)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "crossings:", err)
		os.Exit(1)
	}
}

// A crossing is one translation of one object.
type crossing struct {
	from, to ocpi.Version
	object   string // in from
	into     string // in to, where it has another name
	run      func(document []byte, env convert.Env) (result, error)
}

// A result is what comes of a crossing.
type result struct {
	losses []convert.Loss
	// before and after are what each version's own check finds in the object.
	before, after func() []ocpi.Finding
}

// checked is what every object of every version is.
type checked interface{ Validate() []ocpi.Finding }

func cross[A, B any](from, to ocpi.Version, object, into string, translate func(A, convert.Env) (B, []convert.Loss)) crossing {
	return crossing{from, to, object, into, func(document []byte, env convert.Env) (result, error) {
		var in A
		if err := json.Unmarshal(document, &in); err != nil {
			return result{}, fmt.Errorf("%s %s: %w", from, object, err)
		}
		out, losses := translate(in, env)
		return result{losses, any(&in).(checked).Validate, any(&out).(checked).Validate}, nil
	}}
}

// A way is all crossings from one version to another.
type way struct {
	from, to  ocpi.Version
	crossings []crossing
}

// ways are the crossings in the order in which they are listed.
func ways() []way {
	var all []way
	for _, c := range crossings {
		i := slices.IndexFunc(all, func(w way) bool { return w.from == c.from && w.to == c.to })
		if i < 0 {
			i = len(all)
			all = append(all, way{from: c.from, to: c.to})
		}
		all[i].crossings = append(all[i].crossings, c)
	}
	return all
}

func report(out *bufio.Writer) error {
	env, err := surroundings()
	if err != nil {
		return err
	}
	for _, w := range ways() {
		tables, err := readTables(w.from)
		if err != nil {
			return err
		}
		table := &table{schemas: tables}
		for _, c := range w.crossings {
			if err := table.fill(c, env); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "\n### From %s to %s\n\n", w.from, w.to)
		table.write(out)
	}
	return nil
}

// surroundings is what URLs and connections say about the objects here, and their location.
func surroundings() (convert.Env, error) {
	schemas, err := readTables(ocpi.V230)
	if err != nil {
		return convert.Env{}, err
	}
	raw, err := json.Marshal(schemas.sample("Location", full))
	if err != nil {
		return convert.Env{}, err
	}
	var location v230.Location
	if err := json.Unmarshal(raw, &location); err != nil {
		return convert.Env{}, err
	}
	party := ocpi.Party{CountryCode: sampleCountry, PartyID: sampleText}
	return convert.Env{
		Owner: party, EMSP: party, Role: ocpi.RoleCPO,
		Location: func(id string) (v230.Location, bool) { return location, id == sampleText },
	}, nil
}

// A row is one kind of loss.
type row struct {
	members  []string // pointers with * for indices
	reason   string
	withhold bool
	values   []string // of an enum
}

type section struct {
	object string
	rows   []*row
}

// A table is what is lost on one way.
type table struct {
	schemas  *schemas
	sections []*section
}

// fill tries a crossing with all samples.
func (t *table) fill(c crossing, env convert.Env) error {
	title := c.object
	if c.into != "" && c.into != c.object {
		title += " as " + c.into
	}
	s := &section{object: title}
	t.sections = append(t.sections, s)
	for document := range t.schemas.trials(c.object) {
		raw, err := json.Marshal(document)
		if err != nil {
			return err
		}
		r, err := c.run(raw, env)
		if err != nil {
			return err
		}
		for _, l := range r.losses {
			l.Reason = strings.ReplaceAll(l.Reason, env.Owner.String(), "…")
			s.add(l, texts(document, l.Pointer), t.schemas.values)
		}
	}
	return nil
}

// add notes a loss. Texts of the object that the reason names are taken out of it, and so are numbers. Values of enums among
// them have a column of their own.
func (s *section) add(l convert.Loss, texts []string, enums map[string]bool) {
	member, reason := anyIndex(l.Pointer), l.Reason
	var named []string
	for _, text := range texts {
		general := without(reason, text)
		if general != reason && enums[text] {
			named = append(named, text)
		}
		reason = general
	}
	reason = anyNumber(reason)
	i := slices.IndexFunc(s.rows, func(r *row) bool {
		return r.members[0] == member && r.reason == reason && r.withhold == l.Withhold
	})
	if i < 0 {
		i = len(s.rows)
		s.rows = append(s.rows, &row{members: []string{member}, reason: reason, withhold: l.Withhold})
	}
	for _, value := range named {
		if !slices.Contains(s.rows[i].values, value) {
			s.rows[i].values = append(s.rows[i].values, value)
		}
	}
}

// write writes the table without what its parts already say.
func (t *table) write(out *bufio.Writer) {
	fmt.Fprintln(out, "| object | member | values | what becomes of it |")
	fmt.Fprintln(out, "|---|---|---|---|")
	var nothing []string
	for _, s := range t.sections {
		object := s.object
		if len(s.rows) == 0 {
			nothing = append(nothing, object)
		}
		for _, r := range joined(t.ownRows(s)) {
			note := r.reason
			if r.withhold {
				note += " (**withheld**)"
			}
			fmt.Fprintf(out, "| %s | %s | %s | %s |\n", object, codes(r.members), codes(r.values), strings.ReplaceAll(note, "|", "\\|"))
			object = ""
		}
	}
	fmt.Fprintf(out, "\nNothing is lost of %s.\n", strings.Join(nothing, ", "))
}

// ownRows are the rows of an object that are not those of an object inside it with a section of its own.
func (t *table) ownRows(s *section) []*row {
	object, _, _ := strings.Cut(s.object, " ")
	var own []*row
	for _, r := range s.rows {
		said := false
		for prefix, rest := range t.schemas.objectsOn(object, r.members[0]) {
			said = said || t.says(prefix, rest, r)
		}
		if !said {
			own = append(own, r)
		}
	}
	return own
}

func (t *table) says(object, member string, r *row) bool {
	i := slices.IndexFunc(t.sections, func(s *section) bool { return s.object == object })
	return i >= 0 && slices.ContainsFunc(t.sections[i].rows, func(o *row) bool {
		return o.members[0] == member && o.reason == r.reason && slices.Equal(o.values, r.values)
	})
}

// joined makes one row of those that differ in the member alone.
func joined(rows []*row) []*row {
	var all []*row
	for _, r := range rows {
		i := slices.IndexFunc(all, func(o *row) bool {
			return o.reason == r.reason && o.withhold == r.withhold && slices.Equal(o.values, r.values)
		})
		if i < 0 {
			all = append(all, &row{slices.Clone(r.members), r.reason, r.withhold, r.values})
			continue
		}
		all[i].members = append(all[i].members, r.members...)
	}
	return all
}

func codes(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		switch text = strings.TrimPrefix(text, "/"); text {
		case unlisted:
			quoted[i] = "others"
		case "":
			quoted[i] = "the object"
		default:
			quoted[i] = "`" + text + "`"
		}
	}
	return strings.Join(quoted, ", ")
}
