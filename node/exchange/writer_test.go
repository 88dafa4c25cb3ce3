package exchange

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/roamwire/roamwire/ocpi"
)

func TestAPanicCostsOneExchange(t *testing.T) {
	var said strings.Builder
	r := New(func(context.Context) (Log, error) { return nil, nil }, Settings{}, Options{})
	w := &writer{Recorder: r, trouble: trouble{logger: slog.New(slog.NewTextHandler(&said, nil))}}
	if _, ok := w.mask(&ocpi.Exchange{}); ok || r.Dropped() != 1 { // without a masker
		t.Errorf("%d dropped", r.Dropped())
	}
	w.trouble.tell(r.Dropped())
	if !strings.Contains(said.String(), "nil pointer") || !strings.Contains(said.String(), "lost=1") {
		t.Error(said.String())
	}
	w.masker = newMasker(false)
	if _, ok := w.mask(&ocpi.Exchange{}); !ok {
		t.Error("the next is lost, too")
	}
}
