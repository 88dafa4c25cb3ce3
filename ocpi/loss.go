package ocpi

// MaxLosses is how many losses of one exchange are kept, besides their number: a page may have thousands of objects.
const MaxLosses = 100

// A Loss is something of an object that did not cross from one version to another.
type Loss struct {
	// Pointer is the place in what was translated, as an RFC 6901 JSON Pointer, with the place in the list before it where
	// there are several objects; empty for the whole object.
	Pointer string
	// Reason says what became of it and why.
	Reason string
	// Withheld tells that the object was not sent: what was left would have said something else.
	Withheld bool
}

// String returns "pointer: reason".
func (l Loss) String() string { return l.Pointer + ": " + l.Reason }

// Losses are those of one exchange. The zero value is none.
type Losses struct {
	// First are the first MaxLosses of them.
	First []Loss
	// In counts those of what the partner sent, Out those of what we sent.
	In, Out int
}

// Total is how many there are.
func (l *Losses) Total() int { return l.In + l.Out }

// Merge adds other losses to these.
func (l *Losses) Merge(others *Losses) {
	l.In += others.In
	l.Out += others.Out
	l.First = append(l.First, others.First[:min(len(others.First), MaxLosses-len(l.First))]...)
}

// Add notes a loss of what crossed in a direction.
func (l *Losses) Add(d Direction, loss Loss) {
	if d == Inbound {
		l.In++
	} else {
		l.Out++
	}
	if len(l.First) < MaxLosses {
		l.First = append(l.First, loss)
	}
}
