package push

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/roamwire/roamwire/node/store"
)

func TestAMessageIsWrittenOnceForAll(t *testing.T) {
	p := newPress()
	var written atomic.Int64
	write := func(context.Context) (text, error) {
		written.Add(1)
		return text{whole: true}, nil
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for change := range int64(100) {
				got, err := p.print(t.Context(), edition{dialect: "2.1.1", change: change}, write)
				if err != nil || !got.whole {
					t.Errorf("got %+v, %v", got, err)
				}
			}
		})
	}
	all.Wait()
	if n := written.Load(); n != 100 {
		t.Errorf("100 messages were written %d times", n)
	}
	for _, other := range []edition{{dialect: "2.3.0", change: 1}, {dialect: "2.1.1", change: 101}, {dialect: "2.1.1", change: 1, part: store.Part{EVSE: "1"}}} {
		before := written.Load()
		if _, err := p.print(t.Context(), other, write); err != nil || written.Load() != before+1 {
			t.Errorf("%+v was not written by itself", other)
		}
	}
}

func TestAFailureToWriteIsNotSharedWithOtherPartners(t *testing.T) {
	p, failure := newPress(), errors.New("the first partner has no such endpoint")
	_, err := p.print(t.Context(), edition{change: 1}, func(context.Context) (text, error) { return text{}, failure })
	if !errors.Is(err, failure) {
		t.Errorf("error %v", err)
	}
	got, err := p.print(t.Context(), edition{change: 1}, func(context.Context) (text, error) { return text{whole: true}, nil })
	if err != nil || !got.whole {
		t.Errorf("the second partner got %+v, %v", got, err)
	}
}

func TestThePressForgets(t *testing.T) {
	p := newPress()
	for i := range 5 * maxPrinted {
		e := edition{dialect: strconv.Itoa(i)}
		if _, err := p.print(t.Context(), e, func(context.Context) (text, error) { return text{}, nil }); err != nil {
			t.Fatal(err)
		}
		if n := len(p.recent) + len(p.older); n > 2*maxPrinted {
			t.Fatalf("%d messages are kept", n)
		}
	}
}
