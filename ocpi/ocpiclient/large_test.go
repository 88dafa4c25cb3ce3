package ocpiclient_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

// A page of 100 MB ends the list with an error that can be told apart, and takes no more memory than the largest answer
// that is allowed, however it comes.
func TestAPageOf100MBIsBounded(t *testing.T) {
	const size = 100 << 20
	block := []byte(strings.Repeat(`{"id":"`+strings.Repeat("x", 1012)+`"},`, 1<<10))
	write := func(w io.Writer) (written int64) {
		for written < size {
			n, err := w.Write(block)
			written += int64(n)
			if err != nil {
				break
			}
		}
		return written
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		limit  uint64
	}{
		"announced": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			write(w)
		}, 4 << 20},
		"in pieces": {func(w http.ResponseWriter, _ *http.Request) {
			if n := write(w); n >= size {
				t.Errorf("all of its %d bytes were taken", n)
			}
		}, 80 << 20},
		"compressed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			write(z)
			_ = z.Close()
		}, 80 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			partner := newAwkward(t, ocpiclient.Config{Retries: -1}, c.answer)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			pages := 0
			for page, err := range partner.client.CPO().Tariffs.Pages(t.Context(), ocpi.Query{Limit: 100}) {
				if pages++; !errors.Is(err, ocpiclient.ErrTooLarge) || len(page.Items) > 0 {
					t.Errorf("got %d tariffs, %v, want ErrTooLarge", len(page.Items), err)
				}
			}
			runtime.ReadMemStats(&after)
			if taken := after.TotalAlloc - before.TotalAlloc; taken > c.limit || pages != 1 {
				t.Errorf("%d pages took %d MiB in all, at most %d are fine", pages, taken>>20, c.limit>>20)
			}
		})
	}
}

// Answers of every size up to the limit are read whole, announced or not.
func TestAnswersAreReadWhole(t *testing.T) {
	const limit = 1 << 16
	transport := loopback(t, ocpiclient.TransportConfig{MaxResponse: limit})
	const envelope = `{"status_code":1000,"data":[]}`
	for _, size := range []int{len(envelope), 511, 512, 513, 1023, 1024, 1025, limit - 1, limit, limit + 1} {
		for _, announced := range []bool{true, false} {
			partner := newAwkward(t, ocpiclient.Config{Transport: transport, Retries: -1}, func(w http.ResponseWriter, _ *http.Request) {
				if announced {
					w.Header().Set("Content-Length", strconv.Itoa(size))
				}
				_, _ = io.WriteString(w, envelope)
				_ = http.NewResponseController(w).Flush()
				_, _ = io.WriteString(w, strings.Repeat(" ", size-len(envelope)))
			})
			_, err := partner.client.Versions(t.Context(), partner.URL)
			tooLarge := errors.Is(err, ocpiclient.ErrTooLarge)
			if x := partner.exchanges.taken()[0]; tooLarge != (size > limit) || !tooLarge && (x.ResponseSize != int64(size) || err != nil && x.Status != ocpi.StatusSuccess) {
				t.Errorf("%d bytes, announced %v: %d were read, %v", size, announced, x.ResponseSize, err)
			}
		}
	}
}
