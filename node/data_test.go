package node_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/transfer"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/ocpitest/servertest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

const realData = "../../shared/data/"

func readReal(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(realData + name)
	if err != nil {
		t.Skip("the real data is not here: ", err)
	}
	return raw
}

func importFile(t *testing.T, n running, module ocpi.ModuleID, raw []byte) transfer.Summary {
	t.Helper()
	sum, err := transfer.Import{Objects: n.Objects, Module: module, Version: ocpi.V211, Party: own}.Run(t.Context(), bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// get reads a page and where the next one is.
func get(t *testing.T, partner servertest.Partner, url string) (items []jsontext.Value, next string, response *http.Response) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Token "+partner.Token)
	response, err = http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var envelope ocpi.Envelope[[]jsontext.Value]
	if err := json.Unmarshal(raw, &envelope); err != nil {
		t.Fatalf("%s: %v: %s", url, err, raw)
	}
	next, _, _ = strings.Cut(strings.TrimPrefix(response.Header.Get("Link"), "<"), ">")
	return envelope.Data, next, response
}

// All real locations and tariffs go in and come out again by paging, equal to what went in and in the same order.
func TestRealDataComesOutAsItWentIn(t *testing.T) {
	n := start(t, config(t))
	partner := addPartner(t, n.Node, ocpi.NewParty("BE", "AAA"))
	for _, tt := range []struct {
		module ocpi.ModuleID
		files  []string
	}{
		{ocpi.ModuleLocations, []string{"ludwigsburg-locations-2.1.1.json", "bnetza-locations-2.1.1.json"}},
		{ocpi.ModuleTariffs, []string{"ludwigsburg-tariffs-2.1.1.json"}},
	} {
		var want []jsontext.Value
		for _, file := range tt.files {
			raw := readReal(t, file)
			var some []jsontext.Value
			if err := json.Unmarshal(raw, &some); err != nil {
				t.Fatal(err)
			}
			want = append(want, some...)
			if sum := importFile(t, n, tt.module, raw); sum.Created != len(some) || sum.Refused != 0 {
				t.Fatalf("%s: %+v", file, sum)
			}
		}
		var got []jsontext.Value
		for url := n.URL() + "/cpo/2.1.1/" + string(tt.module) + "?limit=37"; url != ""; {
			items, next, response := get(t, partner, url)
			if total := response.Header.Get("X-Total-Count"); total != fmt.Sprint(len(want)) {
				t.Fatalf("X-Total-Count is %s, want %d", total, len(want))
			}
			got, url = append(got, items...), next
		}
		if len(got) != len(want) {
			t.Fatalf("%d %s came out, %d went in", len(got), tt.module, len(want))
		}
		for i := range want {
			for _, v := range []*jsontext.Value{&want[i], &got[i]} {
				if err := v.Canonicalize(); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(want[i]), string(got[i])); diff != "" {
				t.Fatalf("%s %d: %s", tt.module, i, diff)
			}
		}
	}
}

// Requirement TF-27: a crawl is complete and in order while objects change and others are added.
func TestAPageChainIsCompleteWhileObjectsChange(t *testing.T) {
	n := start(t, config(t))
	partner := addPartner(t, n.Node, ocpi.NewParty("BE", "AAA"))
	sample := ocpitest.Network(own)
	location := func(i int, updated time.Time) v230.Location {
		l := sample.Location(1)
		l.ID = ocpi.CiString(fmt.Sprintf("L%03d", i))
		l.LastUpdated = ocpi.NewDateTime(updated)
		return l
	}
	const count = 200
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range count {
		put(t, n.Objects.Locations, location(i, at))
	}
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				put(t, n.Objects.Locations, location(i*7%count, at.Add(time.Duration(i)*time.Second)), location(count+i, at))
			}
		}
	})
	for _, query := range []string{"?limit=9", "?limit=9&date_from=2025-12-31T00:00:00Z"} {
		var ids []string
		for url := n.URL() + "/cpo/2.1.1/locations" + query; url != "" && len(ids) < count; {
			items, next, _ := get(t, partner, url)
			for _, raw := range items {
				var named struct {
					ID string `json:"id"`
				}
				if err := json.Unmarshal(raw, &named); err != nil {
					t.Fatal(err)
				}
				ids = append(ids, named.ID)
			}
			url = next
		}
		for i := range count {
			if want := fmt.Sprintf("L%03d", i); len(ids) <= i || ids[i] != want {
				t.Fatalf("%s: %d objects came, number %d is not %s", query, len(ids), i, want)
			}
		}
	}
	close(stop)
	writer.Wait()
}

// Requirements TF-16 and CDR-02: what is about one eMSP's driver is for that eMSP, and a location that is not
// published is for nobody.
func TestPartnersSeeOnlyWhatIsMeantForThem(t *testing.T) {
	n := start(t, config(t))
	a, b := addPartner(t, n.Node, ocpi.NewParty("BE", "AAA")), addPartner(t, n.Node, ocpi.NewParty("DE", "BBB"))
	sample := ocpitest.Sample{CPO: own, EMSP: a.Party}
	put(t, n.Objects.CDRs, sample.CDRs()...)
	put(t, n.Objects.Sessions, sample.Sessions()...)
	hidden := sample.Location(1)
	hidden.Publish = false
	put(t, n.Objects.Locations, hidden, sample.Location(2))
	for path, want := range map[string][2]int{
		"cdrs": {len(sample.CDRs()), 0}, "sessions?date_from=2000-01-01T00:00:00Z": {len(sample.Sessions()), 0}, "locations": {1, 1},
	} {
		for i, partner := range []servertest.Partner{a, b} {
			items, _, response := get(t, partner, n.URL()+"/cpo/2.1.1/"+path)
			if len(items) != want[i] || response.Header.Get("X-Total-Count") != fmt.Sprint(want[i]) {
				t.Errorf("%s: partner %d sees %d of %s, want %d", path, i, len(items), response.Header.Get("X-Total-Count"), want[i])
			}
		}
	}
}

// A partner that deals with one of our parties sees that party's objects only.
func TestAPartnerIsServedByThePartiesItDealsWith(t *testing.T) {
	c := config(t)
	other := ocpi.NewParty("NL", "OTH")
	c.Parties = append(c.Parties, c.Parties[0])
	c.Parties[1].Party = other
	n := start(t, c)
	token, err := n.Partners.Add(t.Context(), ocpi.Partner{ID: "p", Serves: []ocpi.Party{other}, Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: ocpi.NewParty("BE", "AAA")}}}, "")
	if err != nil {
		t.Fatal(err)
	}
	sample := ocpitest.Network(own)
	put(t, n.Objects.Tariffs, sample.Tariffs()...)
	items, _, response := get(t, servertest.Partner{Token: token}, n.URL()+"/cpo/2.1.1/tariffs")
	if len(items) != 0 || response.Header.Get("X-Total-Count") != "0" {
		t.Errorf("the partner sees %d tariffs of another party", len(items))
	}
}

func TestEverythingIsThereAfterARestart(t *testing.T) {
	c := config(t)
	n := start(t, c)
	partner := addPartner(t, n.Node, ocpi.NewParty("BE", "AAA"))
	put(t, n.Objects.Tariffs, ocpitest.Network(own).Tariffs()...)
	n.stop()
	n = start(t, c)
	if items, _, _ := get(t, partner, n.URL()+"/cpo/2.1.1/tariffs"); len(items) != 3 {
		t.Errorf("%d tariffs are left", len(items))
	}
}

// Bad input: slow headers get 408 and the connection is closed; an idle connection is closed without a word.
func TestSlowHeadersGet408(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.HeaderTimeout, c.IdleTimeout = 100*time.Millisecond, 100*time.Millisecond
	n := start(t, c)
	address := strings.TrimSuffix(strings.TrimPrefix(n.URL(), "http://"), "/ocpi")
	read := func(send string) string {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, send)
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(conn)
		if err != nil {
			t.Fatalf("the connection stays open: %v", err)
		}
		return string(raw)
	}
	slow := "GET /ocpi/versions HTTP/1.1\r\nHost: x\r\nAuthorization: To"
	if got := read(slow); !strings.HasPrefix(got, "HTTP/1.1 408 ") || !strings.Contains(got, `"status_code":2000`) {
		t.Errorf("slow headers got %q", got)
	}
	whole := "GET /ocpi/versions HTTP/1.1\r\nHost: x\r\n\r\n"
	if got := read(whole + slow); !strings.HasPrefix(got, "HTTP/1.1 401 ") || strings.Count(got, "HTTP/1.1 408 ") != 1 {
		t.Errorf("slow headers of the second request got %q", got)
	}
	if got := read(whole); !strings.HasPrefix(got, "HTTP/1.1 401 ") || strings.Contains(got, "408") {
		t.Errorf("an idle connection got %q", got)
	}
	if got := read("GET"); strings.Count(got, "HTTP/1.1 ") != 1 || !strings.HasPrefix(got, "HTTP/1.1 408 ") {
		t.Errorf("the first word of a request got %q", got)
	}
	if got := read("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n" + whole); strings.Contains(got, "408") {
		t.Errorf("a request for * got %q", got)
	}
	if got := read("OPTIONS * HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"); !strings.HasPrefix(got, "HTTP/1.1 404 ") {
		t.Errorf("half a body for * got %q", got)
	}
	if got := read(""); got != "" {
		t.Errorf("a silent connection got %q", got)
	}
}

func TestHealthReadinessAndMetrics(t *testing.T) {
	n := start(t, config(t))
	partner := addPartner(t, n.Node, ocpi.NewParty("BE", "AAA"))
	get(t, partner, n.URL()+"/cpo/2.1.1/tariffs")
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": "ready",
		"/metrics": `roamwire_requests_total{http="200",method="GET",module="tariffs",partner="AAA",status="1000"} 1`,
	} {
		response, err := http.Get(n.AdminURL() + path)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK || !strings.Contains(string(raw), want) {
			t.Errorf("%s: HTTP %d, without %s", path, response.StatusCode, want)
		}
	}
	if response, err := http.Get(strings.TrimSuffix(n.URL(), "/ocpi") + "/metrics"); err != nil || response.StatusCode != http.StatusNotFound {
		t.Errorf("metrics are where partners reach them: %v", response)
	}
}
