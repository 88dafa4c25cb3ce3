package ocpiserver_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// guess sends a token from an address and returns the answer with the time it took.
func guess(server http.Handler, address, token string) (*httptest.ResponseRecorder, time.Duration) {
	r := httptest.NewRequest(http.MethodGet, "http://x.example.com/ocpi/versions", nil)
	r.RemoteAddr = address
	r.Header.Set("Authorization", "Token "+token)
	w := httptest.NewRecorder()
	began := time.Now()
	server.ServeHTTP(w, r)
	return w, time.Since(began)
}

func guessed(t *testing.T) http.Handler {
	t.Helper()
	partners := new(ocpitest.Partners)
	partners.Add("right", ocpi.Partner{ID: "a"})
	server, err := ocpiserver.New(ocpiserver.Config{
		BaseURL: "http://x.example.com/ocpi", Partners: partners, CPO: new(ocpitest.CPO).Backend(), Logger: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func TestTenWrongTokensASecondFromOneAddressAreSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := guessed(t)
		began := time.Now()
		for i := range 20 {
			if w, _ := guess(server, "192.0.2.1:1000", fmt.Sprint("wrong", i)); w.Code != http.StatusUnauthorized {
				t.Fatalf("guess %d: HTTP %d", i, w.Code)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(began); took < 7*time.Second {
			t.Errorf("20 guesses took %s: not slowed down", took)
		}
		if w, took := guess(server, "192.0.2.1:1001", "right"); w.Code != http.StatusOK || took > 0 {
			t.Errorf("the right token from the same address: HTTP %d after %s", w.Code, took)
		}
		if w, took := guess(server, "192.0.2.2:1000", "wrong"); w.Code != http.StatusUnauthorized || took > 0 {
			t.Errorf("a wrong token from another address: HTTP %d after %s", w.Code, took)
		}
		time.Sleep(time.Minute)
		if _, took := guess(server, "192.0.2.1:1000", "wrong"); took > 0 {
			t.Errorf("a wrong token a minute later was held back for %s", took)
		}
	})
}

func TestManyWrongTokensAtOnceGet429WithRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := guessed(t)
		var mu sync.Mutex
		answers := map[int]int{}
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				w, took := guess(server, "[2001:db8::"+strconv.FormatInt(int64(i), 16)+"]:1000", "wrong")
				mu.Lock()
				defer mu.Unlock()
				answers[w.Code]++
				if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
					t.Error("429 without Retry-After")
				}
				if took > 6*time.Second {
					t.Errorf("held back for %s", took)
				}
			})
		}
		all.Wait()
		if answers[http.StatusUnauthorized] > 20 || answers[http.StatusTooManyRequests] < 180 {
			t.Errorf("answers %v", answers)
		}
	})
}
