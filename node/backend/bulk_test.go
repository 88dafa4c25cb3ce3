package backend_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func lines(t testing.TB, body string) (all []backend.LineResult) {
	t.Helper()
	for line := range strings.Lines(body) {
		all = append(all, decoded[backend.LineResult](t, line))
	}
	return all
}

func numbered(t testing.TB, i int) string {
	l := sample.Location(1)
	l.ID = ocpi.CiString(fmt.Sprintf("B%d", i))
	return text(t, l)
}

func TestInBulkGoodLinesAreStoredAndBadOnesToldByTheirNumber(t *testing.T) {
	p := open(t, nil)
	p.want(http.StatusCreated, "PUT", "/api/v1/locations/NL/GPE/B1", numbered(t, 1))
	body := strings.Join([]string{
		numbered(t, 0), numbered(t, 1), "", with(t, numbered(t, 1), "name", "New"), `{"id":`, with(t, numbered(t, 2), "colour", "red"),
		with(t, with(t, numbered(t, 3), "address", nil), "evses.status", "SLEEPING"), with(t, numbered(t, 4), "party_id", "XYZ"), "[]", numbered(t, 5),
	}, "\n")
	got := p.want(http.StatusOK, "POST", "/api/v1/locations/bulk", body, "Content-Type", "application/x-ndjson")
	if got.header.Get("Content-Type") != "application/x-ndjson" {
		t.Error(got.header.Get("Content-Type"))
	}
	type line struct {
		Line     int
		ID       string
		Result   string
		Pointers []string
	}
	var is []line
	for _, l := range lines(t, got.body) {
		one := line{l.Line, l.ID, l.Result, nil}
		for _, d := range l.Problems {
			one.Pointers = append(one.Pointers, d.Pointer)
		}
		is = append(is, one)
	}
	want := []line{
		{1, "B0", "created", nil}, {2, "B1", "unchanged", nil}, {4, "B1", "updated", nil}, {5, "", "error", []string{""}}, {6, "B2", "error", []string{"/colour"}},
		{7, "B3", "error", []string{"/address", "/evses/0/status"}}, {8, "B4", "error", []string{"/party_id"}}, {9, "", "error", []string{""}},
		{10, "B5", "created", nil},
	}
	if diff := cmp.Diff(want, is); diff != "" {
		t.Error(diff)
	}
	for id, status := range map[string]int{"B0": 200, "B1": 200, "B2": 404, "B3": 404, "B4": 404, "B5": 200} {
		p.want(status, "GET", "/api/v1/locations/NL/GPE/"+id, "")
	}
}

func TestABulkRequestOfManyLinesIsAnsweredWholeToWhoReadsLate(t *testing.T) {
	p := open(t, nil)
	var body strings.Builder
	const many = 1500
	for i := range many {
		body.WriteString(numbered(t, i) + "\n")
	}
	for _, want := range []string{"created", "unchanged"} {
		results := lines(t, p.want(http.StatusOK, "POST", "/api/v1/locations/bulk", body.String()).body)
		if len(results) != many {
			t.Fatalf("%d results", len(results))
		}
		for i, l := range results {
			if l.Line != i+1 || l.Result != want {
				t.Fatalf("%+v", l)
			}
		}
	}
}

func TestALineIsAnsweredBeforeTheNextIsSent(t *testing.T) {
	p := open(t, nil)
	for name, ahead := range map[string]int{"whole lines": 0, "and the beginning of the next": 10} {
		t.Run(name, func(t *testing.T) {
			r, w := io.Pipe()
			request, err := http.NewRequest("POST", p.url+"/api/v1/locations/bulk", r)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+p.keys[backend.ScopeWrite])
			const many = 50
			var text strings.Builder
			ends := []int{0}
			for i := range many {
				text.WriteString(numbered(t, i) + "\n")
				ends = append(ends, text.Len())
			}
			send := func(i int) {
				from := ends[i]
				if i > 0 {
					from += ahead
				}
				to := min(ends[i+1]+ahead, text.Len())
				if _, err := io.WriteString(w, text.String()[from:to]); err != nil {
					t.Error(err)
				}
			}
			go send(0)
			resp, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			answers := bufio.NewReader(resp.Body)
			for i := range many {
				line, err := answers.ReadString('\n')
				if err != nil || !strings.Contains(line, fmt.Sprintf(`"line":%d,`, i+1)) {
					t.Fatalf("%q, %v", line, err)
				}
				if i < many-1 {
					send(i + 1)
				}
			}
			w.Close()
			if rest, err := io.ReadAll(answers); err != nil || len(rest) > 0 {
				t.Errorf("%q, %v", rest, err)
			}
		})
	}
}

func TestABulkRequestThatBreaksOffKeepsWhatWasGood(t *testing.T) {
	p := open(t, nil)
	good := numbered(t, 0) + "\n" + numbered(t, 1) // the second without the end of its line
	answer := p.raw(fmt.Sprintf("POST /api/v1/locations/bulk HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\nno chunk\r\n",
		p.keys[backend.ScopeWrite], len(good), good))
	for _, want := range []string{`{"line":1,"id":"B0","result":"created"}`, `{"line":2,"result":"error","problems":[{"pointer":"","message":"the rest could not be read`} {
		if !strings.Contains(answer, want) {
			t.Errorf("it lacks %s: %s", want, answer)
		}
	}
	p.want(http.StatusOK, "GET", "/api/v1/locations/NL/GPE/B0", "")
	p.want(http.StatusNotFound, "GET", "/api/v1/locations/NL/GPE/B1", "")
}

func TestCDRsInBulkAreNeverChanged(t *testing.T) {
	p := open(t, nil)
	cdr := text(t, sample.CDR(1))
	results := lines(t, p.want(http.StatusOK, "POST", "/api/v1/cdrs/bulk", cdr+"\n"+cdr+"\n"+with(t, cdr, "remark", "other")).body)
	if len(results) != 3 || results[0].Result != "created" || results[1].Result != "unchanged" || results[2].Result != "error" {
		t.Errorf("%+v", results)
	}
}

func TestTokensOfOneUIDAndTwoTypesAreTwoInBulk(t *testing.T) {
	p := open(t, nil)
	card := sample.Token(1)
	card.Type = v230.TokenTypeRFID
	app := card
	app.Type = v230.TokenTypeAppUser
	results := lines(t, p.want(http.StatusOK, "POST", "/api/v1/tokens/bulk", text(t, card)+"\n"+text(t, app)).body)
	if len(results) != 2 || results[0].Result != "created" || results[1].Result != "created" {
		t.Errorf("%+v", results)
	}
}

// A client may send for as long as it likes, if it goes on sending; also where what comes ends within a line each time.
func TestABulkRequestMayTakeLongerThanAPartOfIt(t *testing.T) {
	const lines, limit = 30, 300 * time.Millisecond
	p := open(t, func(c *backend.Config) { c.BodyTimeout = limit })
	r, w := io.Pipe()
	go func() {
		rest := ""
		for i := range lines {
			l := sample.Location(4)
			l.ID = ocpi.CiString(fmt.Sprintf("SLOW%d", i))
			whole := text(t, l) + "\n"
			_, _ = io.WriteString(w, rest+whole[:len(whole)/2]) // what is not sent is missed below
			rest = whole[len(whole)/2:]
			time.Sleep(3 * limit / lines)
		}
		_, _ = io.WriteString(w, rest)
		w.Close()
	}()
	request, err := http.NewRequest(http.MethodPost, p.url+"/api/v1/locations/bulk", r)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+p.keys[backend.ScopeWrite])
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	results, err := io.ReadAll(response.Body)
	if n := strings.Count(string(results), `"result":"created"`); err != nil || n != lines {
		t.Errorf("%d of %d lines were stored: %v, %s", n, lines, err, results)
	}
}
