package exchange

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/ocpi"
)

func TestSecretsAreTakenOutInEveryForm(t *testing.T) {
	const token = "tok/en+A-ebf3b399~779f?4497"
	for name, c := range map[string]struct{ text, want string }{
		"as it is":                    {"you sent " + token + ".", "you sent ***."},
		"in capitals":                 {strings.ToUpper(token), "***"},
		"twice":                       {token + token, "******"},
		"in Base64":                   {"x=" + base64.StdEncoding.EncodeToString([]byte(token)) + "&", "x=***&"},
		"without padding":             {base64.RawStdEncoding.EncodeToString([]byte(token + "1")), "***"},
		"with a line end":             {base64.StdEncoding.EncodeToString([]byte(token + "\n")), "***Cg=="},
		"in Base64 for URLs":          {base64.URLEncoding.EncodeToString([]byte(token)), "***"},
		"in Base64 of more":           {base64.StdEncoding.EncodeToString([]byte("Token " + token)), "VG9rZW4g***"},
		"in Base64 of a login":        {base64.StdEncoding.EncodeToString([]byte("me:" + token + ":x")), "bWU6***Ong="},
		"with padding":                {base64.StdEncoding.EncodeToString([]byte(token + "1")), "***=="},
		"in hex":                      {hex.EncodeToString([]byte(token)), "***"},
		"in hex with capitals":        {fmt.Sprintf("%X", token), "***"},
		"escaped as in URLs":          {"/a/" + url.PathEscape(token) + "/b", "/a/***/b"},
		"escaped as in parameters":    {"?a=" + url.QueryEscape(token) + "&b", "?a=***&b"},
		"every letter escaped":        {"/%74%6F%6b/%65n+A-ebf3b399~779f?4497%20", "/***%20"},
		"escaped twice":               {url.PathEscape(url.PathEscape(token)), "***"},
		"escaped as in JSON":          {`"tok\/en\u002bA-ebf3b399~779f?4497"`, `"***"`},
		"JSON in JSON":                {`"{\"a\":\"\\u0074ok/en+A-ebf3b399~779f?4497\"}"`, `"{\"a\":\"***\"}"`},
		"cut at the end":              {"/x/" + token[:12], "/x/***"},
		"cut with a mark":             {"the text " + token[:12] + "… is long", "the text ***… is long"},
		"cut in the middle":           {"the text " + token[:12] + " … end", "the text *** … end"},
		"the beginning of it is kept": {"tok/en+B", "tok/en+B"},
		"what else is escaped stays":  {`%zz %4 \ %41 \u00`, `%zz %4 \ %41 \u00`},
		"nothing":                     {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var s secrets
			s.set([]string{token + "1", "", "abc", token})
			if got := s.text(c.text); got != c.want {
				t.Errorf("%s\ngot  %s\nwant %s", c.text, got, c.want)
			}
		})
	}
}

func TestTheSecretsOfOneExchangeAreNotThoseOfTheNext(t *testing.T) {
	m := newMasker(false)
	for _, secret := range []string{"first-token", "second-token", "first-token"} {
		e := ocpi.Exchange{Method: "GET", URL: "/x/first-token/second-token", Secrets: []string{secret}}
		if got, want := m.record(&e).URL, strings.Replace(e.URL, secret, "***", 1); got != want {
			t.Errorf("%s: got %s", secret, got)
		}
	}
	e := ocpi.Exchange{Method: "GET", URL: "/x/first-token"}
	if got := m.record(&e).URL; got != e.URL {
		t.Errorf("without secrets: got %s", got)
	}
}

// A token that credentials bring may be repeated before them.
func TestSecretsThatAreFoundGoFromAllOfTheRecord(t *testing.T) {
	body := `{"status_message":"here is new-token-0001","data":{"token":"new-token-0001","url":"https://x.example.com/bmV3LXRva2VuLTAwMDE="}}`
	e := ocpi.Exchange{
		Module: ocpi.ModuleCredentials, Method: "PUT", URL: "/ocpi/new-token-0001", RequestID: "new-token-0001",
		ResponseBody: []byte(body), ResponseSize: int64(len(body)), Findings: []ocpi.Finding{{Message: "new-token-0001 is short"}},
	}
	got := newMasker(false).record(&e)
	want := `{"status_message":"here is ***","data":{"token":"***","url":"https://x.example.com/***="}}`
	if got.URL != "/ocpi/***" || got.RequestID != "***" || got.Response != want || got.Findings[0] != "*** is short" {
		t.Errorf("%+v", got)
	}
}

func TestFindingsOfOthersStayAsTheyAre(t *testing.T) {
	e := ocpi.Exchange{Findings: []ocpi.Finding{{Message: "a-token-0001"}}, Secrets: []string{"a-token-0001"}}
	if got := newMasker(false).record(&e); got.Findings[0] != "***" || e.Findings[0].Message != "a-token-0001" {
		t.Errorf("%v of %v", got.Findings, e.Findings)
	}
}

// Wherever a secret is put into an exchange, and in whatever form, it is not in what is kept, and neither is any longer
// part of it where a body was cut.
func TestASecretIsNowhereInARecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		token := rapid.StringMatching(`[!-~]{8,64}`).Draw(t, "token")
		forms := map[string]string{
			"plain": token, "Base64": base64.StdEncoding.EncodeToString([]byte(token)), "raw Base64": base64.RawStdEncoding.EncodeToString([]byte(token)),
			"URL Base64": base64.RawURLEncoding.EncodeToString([]byte(token)), "hex": hex.EncodeToString([]byte(token)),
			"path": url.PathEscape(token), "query": url.QueryEscape(token),
		}
		form := rapid.SampledFrom([]string{"plain", "Base64", "raw Base64", "URL Base64", "hex", "path", "query"}).Draw(t, "form")
		around := rapid.SampledFrom([]string{"", "/", " ", "x", "=", "é", `'`}).Draw(t, "around")
		planted := around + forms[form] + around
		quoted, _ := jsontext.AppendQuote(nil, planted)
		body := strings.ReplaceAll(`{"data":[{"url":"https://x.example.com/","x":S,"uid":S,S:1},S],"status_message":S,"token":S}`, "S", string(quoted))
		if rapid.Bool().Draw(t, "not JSON") {
			body = "<p>" + body
		}
		kept := rapid.IntRange(0, len(body)).Draw(t, "kept")
		e := ocpi.Exchange{
			Module: rapid.SampledFrom([]ocpi.ModuleID{"", "tokens", "locations", "cdrs", "credentials"}).Draw(t, "module"), Method: "POST",
			URL: "https://x.example.com/a/" + planted + "?x=" + planted + "#" + planted, RequestID: planted, CorrelationID: planted, Error: planted,
			RequestBody: []byte(body), RequestSize: int64(len(body)), ResponseBody: []byte(body[:kept]), ResponseSize: int64(len(body)),
			Findings: []ocpi.Finding{{Pointer: "/" + planted, Message: planted}}, Secrets: []string{"another-token", token},
		}
		record := fmt.Sprintf("%+v", newMasker(rapid.Bool().Draw(t, "unmasked")).record(&e))
		for name, text := range forms {
			if strings.Contains(record, text) {
				t.Fatalf("%s as %s is in %s", token, name, record)
			}
		}
	})
}
