package ocpitest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
)

// client has a connection for each request, so that a broken one is not quietly tried again, and takes what comes as it
// comes.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func do(request *http.Request) (ocpitest.Reply, error) {
	response, err := client.Do(request)
	if err != nil {
		return ocpitest.Reply{}, err
	}
	defer response.Body.Close()
	reply := ocpitest.Reply{HTTP: response.StatusCode, Header: response.Header}
	if reply.Body, err = io.ReadAll(response.Body); err != nil {
		return reply, err
	}
	_ = json.Unmarshal(reply.Body, &reply.Envelope)
	return reply, nil
}

// A site is a CPO to be mean, and what a registered partner calls it with.
type site struct {
	*ocpitest.Partner
	peer ocpitest.Peer
}

func newSite(t *testing.T) site {
	cpo, emsp := registered(t)
	cpo.Forget()
	return site{cpo, emsp.Peer()}
}

func (s site) get(ctx context.Context, path string) (ocpitest.Reply, error) {
	return plain(ctx, http.MethodGet, s.URL+path, s.peer.TheirToken, "")
}

// must is get for answers that must come.
func (s site) must(t *testing.T, path string) ocpitest.Reply {
	t.Helper()
	reply, err := s.get(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

const locationsPath = "/cpo/2.1.1/locations"

func (s site) locations(t *testing.T) ocpitest.Reply { return s.must(t, locationsPath) }

func linkOf(r ocpitest.Reply) string {
	link, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Link"), "<"), ">")
	return link
}

func idsIn(t *testing.T, r ocpitest.Reply) []string {
	t.Helper()
	var items []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(r.Data, &items); err != nil {
		t.Fatalf("%v: %s", err, r.Body)
	}
	var ids []string
	for _, item := range items {
		ids = append(ids, item.ID)
	}
	return ids
}

// Faults whose whole is to be seen in one answer to GET locations.
func TestFaultsOfOneAnswer(t *testing.T) {
	good := newSite(t).locations(t)
	cases := []struct {
		name  string
		do    ocpitest.Action
		check func(r ocpitest.Reply) bool
	}{
		{"TooManyRequests without Retry-After", ocpitest.TooManyRequests(""), func(r ocpitest.Reply) bool {
			return r.HTTP == 429 && r.Header["Retry-After"] == nil
		}},
		{"TooManyRequests with seconds", ocpitest.TooManyRequests("7"), func(r ocpitest.Reply) bool {
			return r.HTTP == 429 && r.Header.Get("Retry-After") == "7"
		}},
		{"ServerError", ocpitest.ServerError(503), func(r ocpitest.Reply) bool {
			return r.HTTP == 503 && strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") && r.StatusCode == 0
		}},
		{"Unauthorized", ocpitest.Unauthorized(), func(r ocpitest.Reply) bool { return r.HTTP == 401 && r.StatusCode == 2000 }},
		{"Forbidden", ocpitest.Forbidden(), func(r ocpitest.Reply) bool { return r.HTTP == 403 && r.StatusCode == 2000 }},
		{"OCPIError", ocpitest.OCPIError(2001), func(r ocpitest.Reply) bool { return r.HTTP == 200 && r.StatusCode == 2001 }},
		{"NotFoundWithSuccess", ocpitest.NotFoundWithSuccess(), func(r ocpitest.Reply) bool { return r.HTTP == 404 && r.StatusCode == 1000 }},
		{"Status", ocpitest.Status(418, 3000), func(r ocpitest.Reply) bool {
			return r.HTTP == 418 && r.StatusCode == 3000 && !r.Timestamp.Time().IsZero()
		}},
		{"WrongJSON", ocpitest.WrongJSON(), func(r ocpitest.Reply) bool {
			return r.HTTP == 200 && len(r.Body) > 1000 && !jsontext.Value(r.Body).IsValid()
		}},
		{"TruncatedJSON", ocpitest.TruncatedJSON(), func(r ocpitest.Reply) bool {
			return r.HTTP == 200 && len(r.Body) == len(good.Body)/2 && r.Header.Get("Content-Length") == strconv.Itoa(len(r.Body))
		}},
		{"NotJSON", ocpitest.NotJSON(), func(r ocpitest.Reply) bool {
			return r.HTTP == 200 && bytes.HasPrefix(r.Body, []byte("<!DOCTYPE html>")) && strings.HasPrefix(r.Header.Get("Content-Type"), "text/html")
		}},
		{"EmptyBody", ocpitest.EmptyBody(), func(r ocpitest.Reply) bool { return r.HTTP == 200 && len(r.Body) == 0 }},
		{"HugeBody", ocpitest.HugeBody(3 << 20), func(r ocpitest.Reply) bool {
			return r.HTTP == 200 && len(r.Body) >= 3<<20 && len(r.Body) < 4<<20 && r.StatusCode == 1000 && r.Header["Content-Length"] == nil
		}},
		{"GzipBomb", ocpitest.GzipBomb(8 << 20), func(r ocpitest.Reply) bool {
			return r.Header.Get("Content-Encoding") == "gzip" && len(r.Body) < 64<<10 && unpacked(r.Body) >= 8<<20
		}},
		{"RedirectTo", ocpitest.RedirectTo("http://10.0.0.1/ocpi", 307), func(r ocpitest.Reply) bool {
			return r.HTTP == 307 && r.Header.Get("Location") == "http://10.0.0.1/ocpi"
		}},
		{"WrappedObjects leaves lists alone", ocpitest.WrappedObjects(), func(r ocpitest.Reply) bool {
			return r.HTTP == 200 && bytes.Equal(r.Data, good.Data)
		}},
		{"ChangeData", ocpitest.ChangeData(func(*http.Request, jsontext.Value) jsontext.Value { return jsontext.Value(`"x"`) }), func(r ocpitest.Reply) bool {
			return r.StatusCode == 1000 && string(r.Data) == `"x"`
		}},
		{"Dribble", ocpitest.Dribble(len(good.Body)/3, time.Millisecond), func(r ocpitest.Reply) bool { return bytes.Equal(r.Data, good.Data) }},
		{"a fault that does nothing", nil, func(r ocpitest.Reply) bool { return r.HTTP == 200 && bytes.Equal(r.Data, good.Data) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			s.Mean(ocpitest.Fault{Do: c.do})
			if r := s.locations(t); !c.check(r) {
				t.Errorf("HTTP %d, %v, %.300s", r.HTTP, r.Header, r.Body)
			}
			s.Nice()
			if r := s.locations(t); r.HTTP != 200 || !bytes.Equal(r.Data, good.Data) {
				t.Errorf("it is not nice again: HTTP %d, %.300s", r.HTTP, r.Body)
			}
		})
	}
}

func unpacked(body []byte) int64 {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return 0
	}
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		return 0
	}
	return n
}

func TestWrappedObjects(t *testing.T) {
	s := newSite(t)
	s.Mean(ocpitest.Fault{Do: ocpitest.WrappedObjects()})
	var wrapped []v211.Location
	if r := s.must(t, locationsPath+"/LOC1"); json.Unmarshal(r.Data, &wrapped) != nil || len(wrapped) != 1 || wrapped[0].ID != "LOC1" {
		t.Errorf("got %.300s", r.Body)
	}
}

func TestBrokenConnections(t *testing.T) {
	tariff := `{"id":"T1","currency":"EUR","elements":[{"price_components":[{"type":"FLAT","price":1,"step_size":1}]}],"last_updated":"2026-03-04T12:00:00Z"}`
	cases := []struct {
		name string
		do   ocpitest.Action
		// stored tells that the request has been carried out all the same.
		stored bool
		// begun tells that the answer had begun.
		begun bool
	}{
		{"CutConnection does nothing", ocpitest.CutConnection(), false, false},
		{"LostResponse commits", ocpitest.LostResponse(), true, false},
		{"CutBody commits and begins to answer", ocpitest.CutBody(), true, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cpo, emsp := registered(t)
			peer := cpo.Peer()
			emsp.Mean(ocpitest.Fault{Do: c.do})
			r, err := plain(t.Context(), http.MethodPut, peer.Endpoint(ocpi.ModuleTariffs)+"/NL/GPE/T1", peer.TheirToken, tariff)
			if err == nil {
				t.Errorf("an answer has come whole: %+v", r)
			}
			if c.begun != (r.HTTP != 0) || c.begun && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("HTTP %d, %v", r.HTTP, err)
			}
			if got := len(emsp.EMSP.Tariffs.From(ocpitest.PeerID)) == 1; got != c.stored {
				t.Errorf("stored is %t", got)
			}
			if got := len(emsp.Requests(ocpitest.Calls("PUT", ocpi.ModuleTariffs))); got != 1 {
				t.Errorf("%d requests", got)
			}
		})
	}
}

func TestSlowness(t *testing.T) {
	const pause = 50 * time.Millisecond
	s := newSite(t)
	s.Mean(ocpitest.Fault{Times: 1, Do: ocpitest.Slow(pause)})
	if took := timed(func() { s.locations(t) }); took < pause {
		t.Errorf("Slow: %s", took)
	}
	s.Mean(ocpitest.Fault{Times: 1, Do: ocpitest.Dribble(1<<20, pause)})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+locationsPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Token "+s.peer.TheirToken)
	response, err := client.Do(request) // returns with the header
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if took := timed(func() { _, err = io.Copy(io.Discard, response.Body) }); err != nil || took < pause/2 {
		t.Errorf("Dribble: the body came after %s, %v", took, err)
	}
}

func timed(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}

func TestNeverAnswerEndsWithTheClientOrThePartner(t *testing.T) {
	s := newSite(t)
	s.Mean(ocpitest.Fault{Do: ocpitest.NeverAnswer()})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.get(ctx, locationsPath); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	answered := make(chan error, 1)
	go func() {
		_, err := plain(t.Context(), http.MethodPut, s.URL+"/cpo/2.1.1/tokens/NL/TPE/1", s.peer.TheirToken, "{}")
		answered <- err
	}()
	waiting, cancelWaiting := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancelWaiting()
	if _, err := s.Wait(waiting, 1, ocpitest.Calls("PUT")); err != nil {
		t.Fatal(err)
	}
	if took := timed(func() { _ = s.Close() }); took > 5*time.Second {
		t.Errorf("Close took %s", took)
	}
	if err := <-answered; err == nil {
		t.Error("an answer has come")
	}
}

// Whatever hangs in a Partner is gone when Close returns.
func TestCloseLeavesNothingBehind(t *testing.T) {
	client.CloseIdleConnections()
	before := runtime.NumGoroutine()
	hanging := []ocpitest.Action{
		ocpitest.NeverAnswer(), ocpitest.Slow(time.Hour), ocpitest.Dribble(1, time.Hour), ocpitest.HugeBody(1 << 50), ocpitest.GzipBomb(1 << 50),
	}
	var group sync.WaitGroup
	for _, do := range hanging {
		p, err := ocpitest.NewPartner(ocpitest.PartnerConfig{})
		if err != nil {
			t.Fatal(err)
		}
		_, token := p.Invite()
		p.Mean(ocpitest.Fault{Do: do})
		group.Go(func() {
			request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/versions", nil)
			request.Header.Set("Authorization", "Token "+token)
			if response, err := client.Do(request); err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if _, err := p.Wait(ctx, 1, nil); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	group.Wait()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestFaultsOfPages(t *testing.T) {
	const path = locationsPath + "?limit=2"
	start := func(t *testing.T, do ocpitest.Action) (site, ocpitest.Reply) {
		s := newSite(t)
		s.Mean(ocpitest.Fault{On: ocpitest.Calls("GET", ocpi.ModuleLocations), Do: do})
		return s, s.must(t, path)
	}
	// follow gets n more pages by their links.
	follow := func(t *testing.T, s site, r ocpitest.Reply, n int) (pages [][]string, links []string) {
		for range n {
			links = append(links, linkOf(r))
			r = s.must(t, strings.TrimPrefix(linkOf(r), s.URL))
			pages = append(pages, idsIn(t, r))
		}
		return pages, links
	}
	t.Run("EndlessPages", func(t *testing.T) {
		s, first := start(t, ocpitest.EndlessPages())
		pages, links := follow(t, s, first, 5)
		same := []string{"LOC1", "LOC2"}
		if diff := cmp.Diff([][]string{same, same, same, same, same}, pages); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
		if links[0] == links[1] || !strings.Contains(links[4], "offset=10") {
			t.Errorf("links %v", links)
		}
	})
	t.Run("EndlessNewPages", func(t *testing.T) {
		s, first := start(t, ocpitest.EndlessNewPages())
		pages, _ := follow(t, s, first, 2)
		if diff := cmp.Diff([][]string{{"LOC1-2", "LOC2-2"}, {"LOC1-4", "LOC2-4"}}, pages); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
	})
	t.Run("LoopingLink", func(t *testing.T) {
		s, first := start(t, ocpitest.LoopingLink())
		if got := linkOf(first); got != s.URL+path {
			t.Errorf("the link is %q", got)
		}
	})
	t.Run("TinyPages", func(t *testing.T) {
		s, first := start(t, ocpitest.TinyPages(1))
		pages, _ := follow(t, s, first, 5)
		if diff := cmp.Diff([][]string{{"LOC2"}, {"LOC3"}, {"LOC4"}, {"LOC5"}, {"LOC6"}}, pages); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
	})
	t.Run("LinkHost", func(t *testing.T) {
		s, first := start(t, ocpitest.LinkHost("internal.example:8443"))
		if got := linkOf(first); !strings.HasPrefix(got, "http://internal.example:8443/ocpi/cpo/2.1.1/locations?") {
			t.Errorf("the link is %q", got)
		}
		s.Nice()
	})
	t.Run("LinkText", func(t *testing.T) {
		_, first := start(t, ocpitest.LinkText(func(link string) string { return strings.ReplaceAll(link, `"`, "”") }))
		if got := first.Header.Get("Link"); !strings.HasSuffix(got, "; rel=”next”") {
			t.Errorf("the header is %q", got)
		}
	})
	t.Run("the last page has no link to change", func(t *testing.T) {
		s, _ := start(t, ocpitest.LinkHost("other.example"))
		if got := s.locations(t).Header["Link"]; got != nil {
			t.Errorf("Link is %q", got)
		}
	})
	t.Run("what is no page is left alone", func(t *testing.T) {
		for _, do := range []ocpitest.Action{ocpitest.EndlessPages(), ocpitest.LoopingLink(), ocpitest.LinkHost("x")} {
			s, _ := start(t, do)
			if r := s.must(t, locationsPath+"/LOC1"); r.HTTP != 200 || r.Header["Link"] != nil {
				t.Errorf("HTTP %d, %v", r.HTTP, r.Header)
			}
		}
	})
}

func TestFaultsOfRegistration(t *testing.T) {
	t.Run("LieAboutParty and CredentialsURL", func(t *testing.T) {
		s := newSite(t)
		s.Mean(ocpitest.Fault{Do: ocpitest.LieAboutParty(ocpi.NewParty("DE", "LIE"))})
		s.Mean(ocpitest.Fault{Do: ocpitest.CredentialsURL("http://169.254.169.254/versions")})
		r := s.must(t, "/cpo/2.1.1/credentials")
		got, _, err := v211.DecodeCredentials(r.Data)
		if err != nil || got.CountryCode != "DE" || got.PartyID != "LIE" || got.URL != "http://169.254.169.254/versions" || got.Token != s.peer.TheirToken {
			t.Errorf("%v: %s", err, r.Body)
		}
	})
	t.Run("OfferVersions", func(t *testing.T) {
		s := newSite(t)
		s.Mean(ocpitest.Fault{Do: ocpitest.OfferVersions("1.9", "2.1.1", "2.2.1")})
		var got []v211.Version
		if err := json.Unmarshal(s.must(t, "/versions").Data, &got); err != nil {
			t.Fatal(err)
		}
		var text []string
		for _, v := range got {
			text = append(text, string(v.Version)+" "+strings.TrimPrefix(v.URL, s.URL))
		}
		if diff := cmp.Diff([]string{"1.9 /1.9/details", "2.1.1 /2.1.1/details", "2.2.1 /2.2.1/details"}, text); diff != "" {
			t.Errorf("versions (-want +got):\n%s", diff)
		}
		if r := s.must(t, "/2.2.1/details"); r.HTTP != http.StatusNotFound {
			t.Errorf("details of a version it does not speak: HTTP %d", r.HTTP)
		}
	})
	t.Run("WithoutEndpoints and ChangeEndpoints", func(t *testing.T) {
		s := newSite(t)
		s.Mean(ocpitest.Fault{Do: ocpitest.WithoutEndpoints(ocpi.ModuleLocations, ocpi.ModuleCommands)})
		s.Mean(ocpitest.Fault{Do: ocpitest.ChangeEndpoints(func(endpoints []v211.Endpoint) []v211.Endpoint {
			for i := range endpoints {
				endpoints[i].URL += "/"
			}
			return endpoints
		})})
		var got v211.VersionDetails
		if err := json.Unmarshal(s.must(t, "/2.1.1/details").Data, &got); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range got.Endpoints {
			names = append(names, string(e.Identifier))
			if !strings.HasSuffix(e.URL, "/") {
				t.Errorf("%s is at %s", e.Identifier, e.URL)
			}
		}
		if diff := cmp.Diff([]string{"credentials", "sessions", "cdrs", "tariffs", "tokens"}, names); diff != "" {
			t.Errorf("endpoints (-want +got):\n%s", diff)
		}
	})
	t.Run("other answers are left alone", func(t *testing.T) {
		s := newSite(t)
		want := s.locations(t).Data
		for _, do := range []ocpitest.Action{
			ocpitest.LieAboutParty(tub), ocpitest.CredentialsURL("x"), ocpitest.OfferVersions("1"), ocpitest.WithoutEndpoints("x"),
		} {
			s.Mean(ocpitest.Fault{Do: do})
		}
		if got := s.locations(t).Data; !bytes.Equal(got, want) {
			t.Errorf("got %.300s", got)
		}
	})
}

func TestALostAnswerToARegistrationLeavesTheOtherSideBehind(t *testing.T) {
	cpo, emsp := newCPO(t), newPartner(t, ocpitest.PartnerConfig{})
	url, tokenA := cpo.Invite()
	cpo.Mean(ocpitest.Fault{On: ocpitest.Calls("POST", ocpi.ModuleCredentials), Times: 1, Do: ocpitest.LostResponse()})
	if err := emsp.Register(t.Context(), url, tokenA); err == nil {
		t.Error("the registration has succeeded")
	}
	if !cpo.Registered() || emsp.Registered() {
		t.Errorf("registered: the CPO %t, the eMSP %t", cpo.Registered(), emsp.Registered())
	}
	if err := emsp.Register(t.Context(), url, tokenA); err == nil {
		t.Error("token A still works (C-18)")
	}
}

func TestFaultsLiveAsLongAsTheySay(t *testing.T) {
	s := newSite(t)
	fault := s.Mean(ocpitest.Fault{On: ocpitest.Calls("GET", ocpi.ModuleLocations), After: 2, Times: 3, Do: ocpitest.ServerError(500)})
	s.must(t, "/cpo/2.1.1/tariffs") // is not counted
	var got []int
	for range 7 {
		got = append(got, s.locations(t).HTTP)
	}
	if diff := cmp.Diff([]int{200, 200, 500, 500, 500, 200, 200}, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if fault.Hits() != 3 {
		t.Errorf("%d hits", fault.Hits())
	}
	forever := s.Mean(ocpitest.Fault{Do: ocpitest.Forbidden()})
	if got := s.locations(t).HTTP; got != 403 {
		t.Errorf("HTTP %d", got)
	}
	forever.Remove()
	forever.Remove()
	if got := s.locations(t).HTTP; got != 200 {
		t.Errorf("HTTP %d after it was removed", got)
	}
}

func TestTheFirstFaultIsTheOutermost(t *testing.T) {
	s := newSite(t)
	s.Mean(ocpitest.Fault{Do: ocpitest.Change(func(_ *http.Request, a *ocpitest.Answer) { a.Header.Set("X-Outer", strconv.Itoa(a.HTTP)) })})
	s.Mean(ocpitest.Fault{Do: ocpitest.ServerError(502)})
	s.Mean(ocpitest.Fault{Do: ocpitest.Forbidden()})
	if r := s.locations(t); r.HTTP != 502 || r.Header.Get("X-Outer") != "502" {
		t.Errorf("HTTP %d, %v", r.HTTP, r.Header)
	}
}

func TestAPartnerIsForManyAtOnce(t *testing.T) {
	cpo, emsp := registered(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			fault := cpo.Mean(ocpitest.Fault{On: ocpitest.Paths(fmt.Sprintf("limit=%d&", 100+i)), Do: ocpitest.TooManyRequests("")})
			defer fault.Remove()
			for range 5 {
				reply, err := emsp.Get(t.Context(), fmt.Sprintf("%s?limit=%d&x=1", emsp.Peer().Endpoint(ocpi.ModuleLocations), 100+i))
				if err != nil || reply.HTTP != http.StatusTooManyRequests {
					t.Errorf("HTTP %d, %v", reply.HTTP, err)
				}
				cpo.Requests(ocpitest.Calls("GET"))
			}
			if fault.Hits() != 5 {
				t.Errorf("%d hits", fault.Hits())
			}
		})
	}
	group.Wait()
}

func TestCloseEndsARegistrationThatHangs(t *testing.T) {
	cpo, emsp := newCPO(t), newPartner(t, ocpitest.PartnerConfig{})
	emsp.Mean(ocpitest.Fault{On: ocpitest.Calls("", ocpitest.CallVersions), Do: ocpitest.NeverAnswer()})
	url, tokenA := cpo.Invite()
	done := make(chan error, 1)
	go func() { done <- emsp.Register(t.Context(), url, tokenA) }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := emsp.Wait(ctx, 1, ocpitest.Calls("GET", ocpitest.CallVersions)); err != nil {
		t.Fatal(err)
	}
	if took := timed(func() { _ = cpo.Close() }); took > 5*time.Second {
		t.Errorf("Close took %s", took)
	}
	if err := <-done; err == nil {
		t.Error("the registration has succeeded")
	}
}

// Later versions have several parties in their credentials.
func TestLieAboutPartyOfEveryRole(t *testing.T) {
	server := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"data":{"roles":[{"role":"CPO","country_code":"NL","party_id":"GPE"},{"role":"EMSP","country_code":"NL","party_id":"GPE"}]},"status_code":1000,"timestamp":"2026-03-04T12:00:00Z"}`)
	})
	recorder := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ocpi/2.2.1/credentials", nil)
	ocpitest.LieAboutParty(ocpi.NewParty("DE", "LIE"))(server).ServeHTTP(recorder, request)
	const want = `{"data":{"roles":[{"country_code":"DE","party_id":"LIE","role":"CPO"},{"country_code":"DE","party_id":"LIE","role":"EMSP"}]}`
	if got := recorder.Body.String(); !strings.HasPrefix(got, want[:len(want)-1]) {
		t.Errorf("got %s", got)
	}
}

func TestNewPagesOfTokensHaveNewUIDs(t *testing.T) {
	cpo, emsp := registered(t)
	emsp.Mean(ocpitest.Fault{Do: ocpitest.EndlessNewPages()})
	reply, err := cpo.Get(t.Context(), cpo.Peer().Endpoint(ocpi.ModuleTokens)+"?limit=1&offset=7")
	var tokens []v211.Token
	if err != nil || json.Unmarshal(reply.Data, &tokens) != nil || len(tokens) != 1 || !strings.HasSuffix(tokens[0].UID, "-7") {
		t.Errorf("%v: %s", err, reply.Body)
	}
}
