package ocpitest

import (
	"net/http"
	"slices"
	"sync"
)

// A Fault is a way to be mean: to which requests, how often, and how. The zero On means every request.
type Fault struct {
	// On says which requests it is about.
	On Match
	// After is how many of them go well first.
	After int
	// Times is how many it then happens to; 0 for all until it is removed.
	Times int
	// Do is what happens.
	Do Action
}

// An Action is what a Fault does to a request: it answers in place of next, or lets next answer and changes what comes
// of it, or before or after it. A program can write its own. What waits in an Action must end when the context of the
// request does, which is when the client has gone or the Partner is closed.
//
// A client that sees a kept connection break before the answer begins may send a GET once more by itself, as Go's does.
type Action func(next http.Handler) http.Handler

// Mean makes the Partner misbehave from now on. Several faults may be about one request; the first that was added is
// then the outermost: Slow before ServerError waits and then fails. Requests that are under way already are not
// touched.
func (p *Partner) Mean(f Fault) *ActiveFault {
	active := &ActiveFault{fault: f, of: &p.faults}
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	p.faults.active = append(p.faults.active, active)
	return active
}

// Nice removes every fault.
func (p *Partner) Nice() {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	p.faults.active = nil
}

// An ActiveFault is a Fault that a Partner was given.
type ActiveFault struct {
	fault Fault
	of    *faults
	seen  int
	hits  int
}

// Remove ends the fault. It does no harm to remove it twice. Requests that hang in it go on hanging.
func (a *ActiveFault) Remove() {
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	a.of.active = slices.DeleteFunc(a.of.active, func(b *ActiveFault) bool { return a == b })
}

// Hits is how many requests it has happened to.
func (a *ActiveFault) Hits() int {
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	return a.hits
}

// faults are those that a Partner has now.
type faults struct {
	mu     sync.Mutex
	active []*ActiveFault
}

// take counts a request at each fault that is about it, and returns what is to happen to it, the outermost first.
func (f *faults) take(r Request) []Action {
	var actions []Action
	for _, a := range f.about(r) {
		if f.hit(a) {
			actions = append(actions, a.fault.Do)
		}
	}
	return actions
}

// about asks outside the lock: a Match is the caller's, and may look at the Partner.
func (f *faults) about(r Request) []*ActiveFault {
	f.mu.Lock()
	active := slices.Clone(f.active)
	f.mu.Unlock()
	return slices.DeleteFunc(active, func(a *ActiveFault) bool { return !a.fault.On.means(r) })
}

func (f *faults) hit(a *ActiveFault) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	a.seen++
	if a.seen <= a.fault.After || a.fault.Times > 0 && a.hits == a.fault.Times || a.fault.Do == nil {
		return false
	}
	a.hits++
	return true
}
