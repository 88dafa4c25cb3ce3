package convert

import (
	"slices"
	"strconv"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
)

// A Loss is something that a translation could not say in the other version.
type Loss struct {
	// Pointer is the place in the input, as an RFC 6901 JSON Pointer; empty for the whole object.
	Pointer string `json:"pointer"`
	// Reason says what became of it and why.
	Reason string `json:"reason"`
	// Withhold tells that what is left of the object must not be sent: it would say something else than the object.
	Withhold bool `json:"withhold,omitzero"`
}

// Withheld reports whether an object with these losses must not be sent.
func Withheld(losses []Loss) bool {
	return slices.ContainsFunc(losses, func(l Loss) bool { return l.Withhold })
}

// Tell adds losses to those of an exchange. d is the direction in which the object crossed, and at the place of the object
// in the message, as a JSON Pointer.
func Tell(all *ocpi.Losses, d ocpi.Direction, at string, losses []Loss) {
	for _, l := range losses {
		all.Add(d, ocpi.Loss{Pointer: at + l.Pointer, Reason: l.Reason, Withheld: l.Withhold})
	}
}

// Added are the losses of an object after a change that it did not have before.
func Added(before, after []Loss) []Loss {
	if len(before) == 0 {
		return after
	}
	had := make(map[Loss]bool, len(before))
	for _, l := range before {
		had[l] = true
	}
	var added []Loss
	for _, l := range after {
		if !had[l] {
			added = append(added, l)
		}
	}
	return added
}

// String returns "pointer: reason".
func (l Loss) String() string { return l.Pointer + ": " + l.Reason }

// A trail knows where in the input a translation is, and collects losses. Places become text only when something is
// lost, which is rare.
type trail struct {
	old    *dialect
	steps  []step
	losses []Loss
	room   [8]step // enough for the deepest path; more steps go to the heap
}

// begin sets out for or from an older version.
func (t *trail) begin(old *dialect) {
	t.old = old
	t.steps = t.room[:0]
}

// number is that of the older version.
func (t *trail) number() string { return t.old.number }

// A step is a member, or an element of the list in that member.
type step struct {
	name  string
	index int // negative for the member itself
}

func (t *trail) enter(name string) { t.steps = append(t.steps, step{name, -1}) }
func (t *trail) at(index int)      { t.steps[len(t.steps)-1].index = index }
func (t *trail) leave()            { t.steps = t.steps[:len(t.steps)-1] }

// lose records the loss of a member of the present object.
func (t *trail) lose(name, reason string) {
	t.losses = append(t.losses, Loss{Pointer: t.pointer() + "/" + pointerEscapes.Replace(name), Reason: reason})
}

// withhold records the loss of a member without which the object must not be sent. Inside another object that is for
// the other object to decide.
func (t *trail) withhold(name, reason string) {
	t.lose(name, reason)
	t.losses[len(t.losses)-1].Withhold = len(t.steps) == 0
}

// loseHere records the loss of the present object.
func (t *trail) loseHere(reason string) {
	t.losses = append(t.losses, Loss{Pointer: t.pointer(), Reason: reason})
}

// withholdHere records that the present object must not be sent.
func (t *trail) withholdHere(reason string) {
	t.loseHere(reason)
	t.losses[len(t.losses)-1].Withhold = len(t.steps) == 0
}

func (t *trail) pointer() string {
	var b strings.Builder
	for _, s := range t.steps {
		b.WriteByte('/')
		b.WriteString(pointerEscapes.Replace(s.name))
		if s.index >= 0 {
			b.WriteByte('/')
			b.WriteString(strconv.Itoa(s.index))
		}
	}
	return b.String()
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")
