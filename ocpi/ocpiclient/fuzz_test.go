package ocpiclient

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// Whatever an answer is, reading its envelope ends, and what is handed out as data is a JSON value of the body.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `null`, `[]`, `{}`, `"1000"`, `{"status_code":1000}`, `{"status_code":"1000","data":null}`,
		`{"data":[{"id":"1"}],"status_code":1000,"status_message":"ok","timestamp":"2026-11-23T04:26:09Z"}`,
		`{"data":{"data":{"status_code":1}},"status_code":2001.0}`, `{"status_code":1e3}`, `{"status_code":99999999999999999999}`,
		"\ufeff{\"status_code\":1000}", `{"status_code":1000}{}`, `{"status_code":1000`, `{"data":[1,2`, `{"detail":"Not Found"}`,
		`{"detail":[{"loc":["body"]}]}`, "{\"status_message\":\"\xff\xfe\",\"status_code\":3000}", `{"data":1,"data":[2],"status_code":1000}`, `{]`, `[}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		e := readEnvelope(body)
		foreignMessage(body, "text/plain")
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		switch {
		case e.broken != nil && (e.found || e.data != nil || e.status != 0 || e.message != ""):
			t.Fatalf("something was read from a broken body: %+v", e)
		case e.data != nil && !bytes.Contains(body, e.data):
			t.Fatalf("%q is not in the body", e.data)
		case e.data != nil && !e.data.IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)):
			t.Fatalf("%q is no JSON", e.data)
		case !e.found && e.status != 0:
			t.Fatalf("status %d of nothing", e.status)
		}
	})
}

// Whatever a Link header is, reading it ends, and a target is what stands in it.
func FuzzLink(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `,`, `<`, `>`, `<>`, `<>; rel="next"`, `<https://a/?b=1,2;3>; rel="next"`, `<https://a>; rel=next`, `<https://a>`,
		`<https://a>; rel="prev", <https://b>; rel="next"`, `<https://a>; title="a, b; \" c"; rel="next last"`, `https://a; rel="next"`,
		`<https://a>; rel=“next”`, "<https://a>; rel=\x93next\x94", `</a?b>; REL=NEXT`, `<?offset=2>; rel='next'`, `"`, `;`, `<a>;;;rel=;,<b>;rel="next`,
		`<https://127.0.0.1:8101/ocpi/cpo/VersionNumber.v_2_1_1/ModuleID.locations/?date_from=None&offset=1&limit=1>; rel="next"`,
	} {
		f.Add(seed, "")
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		link := readLink([]string{first, second})
		switch {
		case link.state == linkAbsent:
			t.Fatal("there are headers")
		case (link.state == linkNext) != (link.next != ""):
			t.Fatalf("%+v", link)
		case !strings.Contains(first+","+second, link.next):
			t.Fatalf("%q does not stand in %q or %q", link.next, first, second)
		}
		escapeQuery(first)
		shown(first, []string{second})
	})
}

// Whatever version details and a list of versions are, reading them ends with entries that say something.
func FuzzDetails(f *testing.F) {
	for _, seed := range []string{
		`{"version":"2.1.1","endpoints":[{"identifier":"credentials","url":"https://a.example.com/2.1.1/credentials/"}]}`,
		`{"version":"2.2.1","endpoints":[{"identifier":"tokens","role":"RECEIVER","url":"https://a.example.com/tokens?x=1"}]}`,
		`[{"version":2.1,"endpoints":{"identifier":"CDRs","url":"cdrs"}}]`, `[{"version":"2.1.1","url":"https://a/2.1.1"},{"version":"9","url":"//b"}]`,
		`{}`, `[]`, `null`, ``, `7`, `"x"`, `[[[]]]`, `{"endpoints":[]}`, `{"endpoints":[{"identifier":{},"url":[]}]}`, `[{"version":"2.1.1","url":"http://[::1"}]`,
	} {
		f.Add([]byte(seed))
	}
	base, err := url.Parse("https://partner.example.com/ocpi/versions")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		data := jsontext.Value(raw)
		if !data.IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
			return // the envelope has been read
		}
		data = bytes.TrimSpace(data)
		if details, _, err := readDetails(data, base); err == nil {
			for _, e := range details.Endpoints {
				if u, err := url.Parse(e.URL); e.Module == "" || err != nil || !u.IsAbs() {
					t.Fatalf("%+v", e)
				}
			}
		}
		if versions, _, err := readVersions(data, base); err == nil {
			for _, v := range versions {
				if u, err := url.Parse(v.URL); v.Version == "" || err != nil || !u.IsAbs() {
					t.Fatalf("%+v", v)
				}
			}
		}
		idOf(data)
	})
}
