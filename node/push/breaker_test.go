package push

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

var (
	noon    = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	backoff = Backoff{First: time.Second, Longest: time.Minute}
)

// A lane waits after five failures in a row, and longer after each try that is in vain, up to the longest wait.
func TestTheBreakerWaitsLongerEachTime(t *testing.T) {
	var b breaker
	for i := range breakAfter {
		if b.open() {
			t.Fatalf("it waits after %d failures", i)
		}
		b.failed(noon, false, 0, backoff)
	}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		wait := b.Until.Sub(noon)
		if least, most := want*time.Second*3/4, want*time.Second*5/4; wait < least || wait > most {
			t.Errorf("it waits %s, want about %d s", wait, want)
		}
		b.failed(noon, false, 0, backoff)
		if b.Until.Sub(noon) != wait {
			t.Error("what was under way when the wait began makes it longer")
		}
		b.failed(b.Until, false, 0, backoff)
		b.Until = noon.Add(b.Until.Sub(noon) - wait) // as if it had begun at noon
	}
	if !b.reached() || b.open() || b.Failures != 0 {
		t.Errorf("after a success: %+v", b)
	}
	if b.reached() {
		t.Error("a success ends a wait that there was not")
	}
}

func TestASuccessBetweenFailuresCountsFromTheBeginning(t *testing.T) {
	var b breaker
	for range 20 {
		for range breakAfter - 1 {
			b.failed(noon, false, 0, backoff)
		}
		b.reached()
	}
	if b.open() {
		t.Error("it waits")
	}
}

func TestTheBreakerWaitsAtOnceWhereMoreIsOfNoUse(t *testing.T) {
	for name, fail := range map[string]func(*breaker){
		"the token is not good": func(b *breaker) { b.failed(noon, true, 0, backoff) },
		"the partner says when": func(b *breaker) { b.failed(noon, false, 5*time.Minute, backoff) },
	} {
		var b breaker
		fail(&b)
		if !b.open() {
			t.Errorf("%s: it does not wait", name)
		}
	}
	var b breaker
	b.failed(noon, false, 5*time.Minute, backoff)
	if wait := b.Until.Sub(noon); wait < 5*time.Minute {
		t.Errorf("it waits %s, and was asked to wait 5 min", wait)
	}
}

func TestDoublingEndsAtTheLongest(t *testing.T) {
	for tries, want := range map[int]time.Duration{0: 10 * time.Second, 1: 20 * time.Second, 3: time.Minute, 31: time.Minute, math.MaxInt: time.Minute} {
		if got := doubled(10*time.Second, tries, time.Minute); got != want {
			t.Errorf("after %d tries %s, want %s", tries, got, want)
		}
	}
	if got := doubled(time.Hour, 0, time.Minute); got != time.Minute {
		t.Errorf("%s is longer than the longest", got)
	}
}

// What a failure says about the object and about the partner.
func TestVerdicts(t *testing.T) {
	failure := func(kind ocpiclient.Kind, status int, code ocpi.StatusCode) error {
		return fmt.Errorf("push: %w", &ocpiclient.Error{Kind: kind, HTTP: status, Status: code})
	}
	for name, test := range map[string]struct {
		err  error
		want verdict
	}{
		"nobody answers":         {failure(ocpiclient.TryLater, 0, 0), verdict{fault: absent}},
		"503":                    {failure(ocpiclient.TryLater, http.StatusServiceUnavailable, 0), verdict{fault: absent}},
		"502":                    {failure(ocpiclient.TryLater, http.StatusBadGateway, 0), verdict{fault: absent}},
		"504":                    {failure(ocpiclient.TryLater, http.StatusGatewayTimeout, 0), verdict{fault: absent}},
		"429, with a time":       {&ocpiclient.Error{Kind: ocpiclient.TryLater, HTTP: http.StatusTooManyRequests, RetryAfter: time.Minute}, verdict{fault: absent, asked: time.Minute, busy: true}},
		"429, with a whole day":  {&ocpiclient.Error{Kind: ocpiclient.TryLater, HTTP: http.StatusTooManyRequests, RetryAfter: 24 * time.Hour}, verdict{fault: absent, asked: time.Hour, busy: true}},
		"500":                    {failure(ocpiclient.TryLater, http.StatusInternalServerError, 0), verdict{fault: trouble}},
		"3000 in a 200":          {failure(ocpiclient.TryLater, http.StatusOK, ocpi.StatusServerError), verdict{fault: trouble}},
		"a page of HTML":         {failure(ocpiclient.Permanent, http.StatusOK, 0), verdict{fault: trouble}},
		"404 without a reason":   {failure(ocpiclient.NotFound, http.StatusNotFound, 0), verdict{fault: trouble}},
		"404 with 2003":          {failure(ocpiclient.NotFound, http.StatusNotFound, ocpi.StatusUnknownLocation), verdict{fault: refused}},
		"405":                    {failure(ocpiclient.Permanent, http.StatusMethodNotAllowed, 0), verdict{fault: trouble}},
		"a redirect":             {failure(ocpiclient.Permanent, http.StatusFound, 0), verdict{fault: trouble}},
		"401":                    {failure(ocpiclient.Permanent, http.StatusUnauthorized, 0), verdict{fault: absent, atOnce: true}},
		"403":                    {failure(ocpiclient.Permanent, http.StatusForbidden, 0), verdict{fault: absent, atOnce: true}},
		"a host that may not be": {failure(ocpiclient.Permanent, 0, 0), verdict{fault: absent, atOnce: true}},
		"the module is missing":  {fmt.Errorf("push: %w", ocpiclient.ErrNotOffered), verdict{fault: absent, atOnce: true}},
		"400 of a proxy":         {failure(ocpiclient.Permanent, http.StatusBadRequest, 0), verdict{fault: trouble}},
		"400 of OCPI":            {failure(ocpiclient.Permanent, http.StatusBadRequest, ocpi.StatusSuccess), verdict{fault: refused}},
		"2001 in a 200":          {failure(ocpiclient.Permanent, http.StatusOK, ocpi.StatusInvalidParameters), verdict{fault: refused}},
		"our disk is full":       {fmt.Errorf("%w: full", errHome), verdict{fault: ours}},
		"it cannot be written":   {errors.New("no such thing"), verdict{fault: hopeless}},
		"a CDR that is not known to have arrived": {fmt.Errorf("%w: %w", errUnclear, failure(ocpiclient.Permanent, http.StatusMethodNotAllowed, 0)), verdict{fault: unclear, asking: true}},
		"a CDR, and nobody answers":               {fmt.Errorf("%w: %w", errUnclear, failure(ocpiclient.TryLater, 0, 0)), verdict{fault: absent, asking: true}},
		"a CDR that is not there yet":             {&tooEarly{time.Minute}, verdict{fault: early, asked: time.Minute}},
	} {
		if diff := cmp.Diff(test.want, judge(test.err), cmp.AllowUnexported(verdict{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
