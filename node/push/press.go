package push

import (
	"context"
	"sync"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// A press writes each message once for all partners that read the same dialect: one status goes to many of them at the
// same time. What it has written last is kept for lanes that are a little behind; those that are far behind write anew.
type press struct {
	mu sync.Mutex
	// recent and older are the messages, by what they say. When recent is full it becomes older.
	recent, older map[edition]*printed
	size          int
}

// An edition is what a message says: the state of an object after a change, or of a part of it, in a dialect.
type edition struct {
	dialect string
	key     store.Key
	change  int64
	part    store.Part
}

// A printed is a message that is written, or is being written.
type printed struct {
	once sync.Once
	text
	err error
}

// A text is a message. whole tells that it says the object's whole state, whatever part was asked for.
type text struct {
	ocpiclient.Message
	whole bool
}

// The press keeps as many messages and bytes as these, twice.
const (
	maxPrinted     = 4096
	maxPrintedSize = 8 << 20
)

func newPress() *press { return &press{recent: map[edition]*printed{}} }

// print returns the message for an edition, and has it written if nobody else has.
func (p *press) print(ctx context.Context, e edition, write func(context.Context) (text, error)) (text, error) {
	entry := p.entry(e)
	entry.once.Do(func() {
		entry.text, entry.err = write(context.WithoutCancel(ctx)) // it is for others too
		p.mu.Lock()
		defer p.mu.Unlock()
		p.size += entry.Size()
		if p.size > maxPrintedSize {
			p.turn()
		}
	})
	if entry.err != nil { // it may be about the partner it was written for, and is nothing that is kept
		return write(ctx)
	}
	return entry.text, nil
}

func (p *press) entry(e edition) *printed {
	p.mu.Lock()
	defer p.mu.Unlock()
	if entry := p.recent[e]; entry != nil {
		return entry
	}
	if len(p.recent) >= maxPrinted {
		p.turn()
	}
	entry := p.older[e]
	if entry == nil {
		entry = &printed{}
	}
	p.recent[e] = entry
	return entry
}

// turn forgets the older half.
func (p *press) turn() { p.recent, p.older, p.size = map[edition]*printed{}, p.recent, 0 }
