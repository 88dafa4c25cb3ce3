package exchange

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
)

func TestBodiesAreMasked(t *testing.T) {
	for name, c := range map[string]struct {
		module       ocpi.ModuleID
		body, want   string
		wantUnmasked string
	}{
		"the token of credentials leaves nothing": {
			ocpi.ModuleCredentials,
			`{"token":"ebf3b399-779f-4497-9b9d-ac6ad3cc44d2","url":"https://example.com/ocpi/versions","party_id":"ABC"}`,
			`{"token":"***","url":"https://example.com/ocpi/versions","party_id":"ABC"}`, "same",
		},
		"a token of a driver keeps the ends of its ids": {
			ocpi.ModuleTokens,
			`{"uid":"012345678901","type":"RFID","auth_id":"DE8ACC12E46L89","visual_number":"DF000-2001-8999","issuer":"TheNewMotion","valid":true,"whitelist":"ALWAYS"}`,
			`{"uid":"01***01","type":"RFID","auth_id":"DE***89","visual_number":"DF***99","issuer":"TheNewMotion","valid":true,"whitelist":"ALWAYS"}`, "all",
		},
		"an id too short to have a middle leaves nothing": {
			ocpi.ModuleTokens, `{"uid":"12345678","auth_id":"1"}`, `{"uid":"***","auth_id":"***"}`, "all",
		},
		"the form of the JSON stays as it was sent": {
			ocpi.ModuleTokens, " { \"auth_id\" :\t\"DE8ACC12E46L89\" ,\n\"valid\":true } ", " { \"auth_id\" :\t\"DE***89\" ,\n\"valid\":true } ", "all",
		},
		"the uid of an EVSE is kept": {
			ocpi.ModuleLocations, `{"id":"LOC1","evses":[{"uid":"EVSE-1234567","status":"AVAILABLE"}]}`, `{"id":"LOC1","evses":[{"uid":"EVSE-1234567","status":"AVAILABLE"}]}`, "all",
		},
		"the uid of an EVSE alone is kept in the module of locations": {
			ocpi.ModuleLocations, `{"uid":"EVSE-1234567","status":"AVAILABLE"}`, `{"uid":"EVSE-1234567","status":"AVAILABLE"}`, "all",
		},
		"the uid of an EVSE in a session is kept, the driver's is not": {
			ocpi.ModuleSessions,
			`{"id":"S1","auth_id":"DE8ACC12E46L89","location":{"evses":[{"uid":"EVSE-1234567","connectors":[]}]},"cdr_token":{"uid":"012345678901","contract_id":"NL8ACC12E46L89"}}`,
			`{"id":"S1","auth_id":"DE***89","location":{"evses":[{"uid":"EVSE-1234567","connectors":[]}]},"cdr_token":{"uid":"01***01","contract_id":"NL***89"}}`, "all",
		},
		"a uid is a driver's where nothing says that it is an EVSE's": {
			ocpi.ModuleCommands, `{"uid":"012345678901"}`, `{"uid":"01***01"}`, "all",
		},
		"a token sent to the module of locations is a token": {
			ocpi.ModuleLocations, `{"uid":"012345678901","whitelist":"NEVER"}`, `{"uid":"01***01","whitelist":"NEVER"}`, "all",
		},
		"the token of a command is masked inside": {
			ocpi.ModuleCommands,
			`{"response_url":"https://example.com/ocpi/commands/START_SESSION/1234","token":{"uid":"012345678901","type":"RFID","auth_id":"DE8ACC12E46L89","note":"of Ms Miller"},"location_id":"LOC1","evse_uid":"EVSE-1234567"}`,
			`{"response_url":"https://example.com/ocpi/commands/START_SESSION/1234","token":{"uid":"01***01","type":"RFID","auth_id":"DE***89","note":"***"},"location_id":"LOC1","evse_uid":"EVSE-1234567"}`, "all",
		},
		"spellings of partners are known": {
			ocpi.ModuleTokens, `{"authId":"DE8ACC12E46L89","Contract-ID":"DE8ACC12E46L89","accessToken":"abcdefghijk","t\u006fken":"abcdefghijk"}`,
			`{"authId":"DE***89","Contract-ID":"DE***89","accessToken":"***","t\u006fken":"***"}`, "",
		},
		"numbers, lists and objects in place of texts are masked": {
			ocpi.ModuleTokens, `{"uid":[12345678901],"auth_id":{"x":["DE8ACC12E46L89"]},"token":["abc",{"uid":"012345678901"},12]}`,
			`{"uid":["12***01"],"auth_id":{"x":["DE***89"]},"token":["***",{"uid":"01***01"},"***"]}`, "",
		},
		"what is missing shows": {
			ocpi.ModuleTokens, `{"uid":"","auth_id":null,"token":""}`, `{"uid":"","auth_id":null,"token":""}`, "all",
		},
		"a URL in a body is masked like others": {
			ocpi.ModuleCommands, `{"response_url":"https://u:p@example.com/x?token=abcdefghijk&a=b"}`, `{"response_url":"https://***@example.com/x?token=***&a=b"}`, "same",
		},
		"a document quoted in a text leaves nothing": {
			ocpi.ModuleTokens, `{"status_message":"got {\"token\":\"abcdefghijk\"}"}`, `{"status_message":"***"}`, "same",
		},
		"the same in the manner of Python": {
			ocpi.ModuleTokens, `{"status_message":"input_value={'token': 'abcdefghijk'}","name":"L'Eau d'Or"}`, `{"status_message":"***","name":"L'Eau d'Or"}`, "same",
		},
		"a text alone leaves nothing":       {ocpi.ModuleTokens, `"abcdefghijk"`, `"***"`, "same"},
		"a list of locations is as it was":  {ocpi.ModuleLocations, `{"data":[{"id":"1"},{"id":"2"}],"status_code":1000}`, `{"data":[{"id":"1"},{"id":"2"}],"status_code":1000}`, "all"},
		"what is not JSON leaves its size":  {ocpi.ModuleTokens, `<html>token=abcdefghijk</html>`, `[not JSON, 30 bytes]`, "same"},
		"what stops being JSON is cut":      {ocpi.ModuleTokens, `{"valid":true,token:"abcdefghijk"}`, `{"valid":true [from here on not JSON, 34 bytes in all]`, "same"},
		"nothing is nothing":                {ocpi.ModuleTokens, ``, ``, "all"},
		"the same name twice is read twice": {ocpi.ModuleTokens, `{"token":"abcdefghijk","token":"abcdefghijk"}`, `{"token":"***","token":"***"}`, "same"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newMasker(false).body([]byte(c.body), int64(len(c.body)), c.module); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			unmasked := newMasker(true).body([]byte(c.body), int64(len(c.body)), c.module)
			if want := map[string]string{"all": c.body, "same": c.want}[c.wantUnmasked]; c.wantUnmasked != "" && unmasked != want && name != "the token of a command is masked inside" {
				t.Errorf("unmasked\ngot  %s\nwant %s", unmasked, want)
			}
		})
	}
}

func TestACutBodyIsMaskedAsFarAsItGoes(t *testing.T) {
	for _, c := range []struct {
		name       string
		module     ocpi.ModuleID
		body, want string
	}{
		{"in a value", ocpi.ModuleTokens, `{"valid":true,"auth_id":"DE8ACC12E4`, `{"valid":true,"auth_id" [cut, 100 bytes in all]`},
		{"in a name", ocpi.ModuleTokens, `{"valid":true,"auth_i`, `{"valid":true [cut, 100 bytes in all]`},
		{"after a uid, before what tells whose it is", ocpi.ModuleSessions, `{"uid":"012345678901","ty`, `{"uid":"01***01" [cut, 100 bytes in all]`},
		{"after a uid in a list of EVSEs", ocpi.ModuleLocations, `{"evses":[{"uid":"012345678901",`, `{"evses":[{"uid":"012345678901" [cut, 100 bytes in all]`},
		{"after a uid in the module of locations", ocpi.ModuleLocations, `{"uid":"012345678901",`, `{"uid":"01***01" [cut, 100 bytes in all]`},
		{"in a number", ocpi.ModuleTokens, `{"uid":1234`, `{"uid":"***" [cut, 100 bytes in all]`},
		{"at once", ocpi.ModuleTokens, `"DE8ACC`, ` [cut, 100 bytes in all]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := newMasker(false).body([]byte(c.body), 100, c.module); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestURLsAreMaskedAndNameTheObject(t *testing.T) {
	for _, c := range []struct {
		name         string
		module       ocpi.ModuleID
		method, url  string
		want, object string
	}{
		{"a location", "locations", "GET", "/ocpi/cpo/2.1.1/locations/LOC1", "", "LOC1"},
		{"an EVSE of a partner", "locations", "PATCH", "/ocpi/emsp/2.1.1/locations/NL/TNM/LOC1/EVSE1", "", "LOC1/EVSE1"},
		{"a connector", "locations", "PUT", "/ocpi//emsp/2.1.1/locations/NL/TNM/LOC1/EVSE1/1/", "", "LOC1/EVSE1/1"},
		{"a list", "locations", "GET", "/ocpi/cpo/2.1.1/locations?offset=10&limit=5", "", ""},
		{"an escaped id", "sessions", "PUT", "/ocpi/emsp/2.1.1/sessions/NL/TNM/a%2Fb%20c", "", "a/b c"},
		{"a CDR that is posted", "cdrs", "POST", "/ocpi/emsp/2.1.1/cdrs/NL/TNM", "", ""},
		{"a tariff at an endpoint with a name of its own", "tariffs", "PUT", "https://x.example.com/api/prices/NL/TNM/T1", "", "T1"},
		{"a command", "commands", "POST", "/ocpi/cpo/2.1.1/commands/START_SESSION", "", "START_SESSION"},
		{"the result of a command", "commands", "POST", "https://x.example.com/ocpi/emsp/2.1.1/commands/START_SESSION/1234-5678-9012", "", "START_SESSION/1234-5678-9012"},
		{"versions", "", "GET", "/ocpi/versions", "", ""},
		{"a token that is pushed", "tokens", "PUT", "/ocpi/cpo/2.1.1/tokens/NL/TNM/012345678901", "/ocpi/cpo/2.1.1/tokens/NL/TNM/01***01", "01***01"},
		{"a token with its type", "tokens", "PATCH", "/ocpi/cpo/2.1.1/tokens/NL/TNM/012345678901?type=RFID", "/ocpi/cpo/2.1.1/tokens/NL/TNM/01***01?type=RFID", "01***01"},
		{"a token to authorize", "tokens", "POST", "/ocpi/emsp/2.1.1/tokens/012345678901/authorize", "/ocpi/emsp/2.1.1/tokens/01***01/authorize", "01***01"},
		{"a token that is escaped", "tokens", "PUT", "/ocpi/cpo/2.1.1/tokens/NL/TNM/a%2Fb%20c%20d%20e%20f", "/ocpi/cpo/2.1.1/tokens/NL/TNM/a%2F***%20f", "a/*** f"},
		{"a token where there is nothing", "", "PUT", "/ocpi/2.1.1/Tokens/NL/TNM/012345678901/x", "/ocpi/2.1.1/Tokens/NL/TNM/01***01/***", ""},
		{"a token at an endpoint with a name of its own", "tokens", "PUT", "https://x.example.com/cards/012345678901", "https://x.example.com/cards/01***01", "01***01"},
		{"the same with a party", "tokens", "GET", "https://x.example.com/cards/NL/TNM/012345678901", "https://x.example.com/cards/NL/TNM/01***01", "01***01"},
		{"the same to authorize", "tokens", "POST", "https://x.example.com/cards/012345678901/authorize", "https://x.example.com/cards/01***01/authorize", "01***01"},
		{"the list at such an endpoint", "tokens", "GET", "https://x.example.com/cards?limit=5", "", ""},
		{"a list of tokens", "tokens", "GET", "https://x.example.com/ocpi/emsp/2.1.1/tokens/?limit=5", "", ""},
		{"who it logs in as", "", "GET", "https://user:password@x.example.com", "https://***@x.example.com", ""},
		{"a token as a parameter", "", "GET", "/versions?a=b&access_token=abcdefgh&c=d#token=abcdefgh", "/versions?a=b&access_token=***&c=d#token=***", ""},
		{"an id as a parameter", "", "GET", "/x?uid=012345678901&contract%5Fid=DE8ACC12E46L89", "/x?uid=01***01&contract%5Fid=DE***89", ""},
		{"no URL at all", "", "GET", "token=abcdefgh", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := c.want
			if want == "" {
				want = c.url
			}
			got := newMasker(false).record(&ocpi.Exchange{Module: c.module, Method: c.method, URL: c.url})
			if got.URL != want || got.Object != c.object {
				t.Errorf("got  %s of %s\nwant %s of %s", got.Object, got.URL, c.object, want)
			}
		})
	}
}

// Our own routes say what is in a path, whatever the prefix and the ids look like.
func TestTheRouteSaysWhatThePathNames(t *testing.T) {
	for _, c := range []struct{ module, route, url, want, object string }{
		{"locations", "/cpo/2.1.1/locations/{location_id}/{evse_uid}", "/ocpi/cpo/2.1.1/locations/AB/CDE", "/ocpi/cpo/2.1.1/locations/AB/CDE", "AB/CDE"},
		{"locations", "/cpo/2.1.1/locations/{location_id}", "/tokens/locations/cpo/2.1.1/locations/LOC-7654321/", "/tokens/locations/cpo/2.1.1/locations/LOC-7654321/", "LOC-7654321"},
		{"tokens", "/cpo/2.1.1/tokens/{country_code}/{party_id}/{token_uid}", "/tokens/cpo/2.1.1/tokens/NL/TNM/012345678901", "/tokens/cpo/2.1.1/tokens/NL/TNM/01***01", "01***01"},
		{"tokens", "/emsp/2.1.1/tokens/{token_uid}/authorize", "/ocpi/emsp/2.1.1/tokens/authorize/authorize", "/ocpi/emsp/2.1.1/tokens/au***ze/authorize", "au***ze"},
	} {
		got := newMasker(false).record(&ocpi.Exchange{Module: ocpi.ModuleID(c.module), Route: c.route, Method: "GET", URL: c.url})
		if got.URL != c.want || got.Object != c.object {
			t.Errorf("%s: got %s of %s", c.url, got.Object, got.URL)
		}
	}
}

// A partner with a wrong base URL names tokens where the server has nothing.
func TestTokensAreMaskedWhereThereIsNothing(t *testing.T) {
	for _, url := range []string{"/ocpi/emsp/2.1.1/tokens/BE/LEN/012345678901", "/ocpi/cpo/2.2.1/tokens/BE/LEN/012345678901", "/ocpi/cpo/2.1.1/Tokens/012345678901/authorize"} {
		answer := `{"status_code":2000,"status_message":"there is nothing at ` + url + `"}`
		got := newMasker(false).record(&ocpi.Exchange{Route: "/", Method: "PUT", URL: url, ResponseBody: []byte(answer), ResponseSize: int64(len(answer))})
		if !strings.Contains(got.URL, "01***01") || strings.Contains(got.URL+got.Response, "012345678901") {
			t.Errorf("%s: %s", got.URL, got.Response)
		}
	}
}

// What a request names, the answer and the errors quote.
func TestWhatIsMaskedOnceIsMaskedEverywhere(t *testing.T) {
	request := `{"token":"abcdefghijk","uid":"998877665544"}`
	response := `{"status_code":2001,"status_message":"there is no token 012345678901, you sent \"abcdefghijk\"","data":["998877665544"]}`
	got := newMasker(false).record(&ocpi.Exchange{
		Module: ocpi.ModuleTokens, Method: "PUT", URL: "https://x.example.com/tokens/NL/TNM/012345678901",
		RequestBody: []byte(request), RequestSize: int64(len(request)), ResponseBody: []byte(response), ResponseSize: int64(len(response)),
		Error:    `Put "https://x.example.com/tokens/NL/TNM/012345678901": EOF`,
		Findings: []ocpi.Finding{{Pointer: "/uid", Message: "the body says\n998877665544"}, {Pointer: "/auth_id", Code: ocpi.FindingFormat, Message: `"DE8ACC12E46L89" is no id`}},
		Losses: ocpi.Losses{Out: 3, First: []ocpi.Loss{
			{Pointer: "/uid", Reason: "012345678901 is lost"}, {Pointer: "/type", Reason: "not\n998877665544", Withheld: true},
		}},
	})
	want := Record{
		Module: ocpi.ModuleTokens, Method: "PUT", URL: "https://x.example.com/tokens/NL/TNM/01***01", Object: "01***01",
		RequestSize: got.RequestSize, ResponseSize: got.ResponseSize,
		Request:  `{"token":"***","uid":"99***44"}`,
		Response: `{"status_code":2001,"status_message":"there is no token 01***01, you sent \"***\"","data":["99***44"]}`,
		Error:    `Put "https://x.example.com/tokens/NL/TNM/01***01": EOF`,
		Findings: []string{"/uid: the body says 99***44", "/auth_id: format"},
		Losses:   []string{"/uid: lost", "/type: not 99***44 (withheld)", "and 1 more"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A CDR that is posted is found by the id in it (requirement CDR-04), alone or in a list as some partners send it.
func TestAPostedCDRIsKnownByTheIDInIt(t *testing.T) {
	for body, want := range map[string]string{
		`{"location":{"id":"LOC1"},"id":"CDR1"}`:     "CDR1",
		`[{"id":"CDR1","location":{"id":"LOC1"}}]`:   "CDR1",
		`{"location":{"id":"LOC1"},"tariffs":[]}`:    "",
		`{"id":"CDR1","auth_id":"DE8ACC12E46L89"`:    "CDR1",
		`{"id":17,"last_updated":"2026-01-01T00:0Z"`: "",
	} {
		e := ocpi.Exchange{Module: ocpi.ModuleCDRs, Method: "POST", URL: "/ocpi/emsp/2.1.1/cdrs", RequestBody: []byte(body), RequestSize: 1000}
		if got := newMasker(false).record(&e).Object; got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	e := ocpi.Exchange{URL: "/" + strings.Repeat("x", 100_000), RequestID: strings.Repeat("x", 5000), Error: strings.Repeat("ü", 5000)}
	for range 1000 {
		e.Findings = append(e.Findings, ocpi.Finding{Message: "x"})
	}
	got := newMasker(false).record(&e)
	if len(got.URL) > maxURL+3 || len(got.RequestID) > maxText+3 || len(got.Error) > maxText+3 || len(got.Findings) != maxFindings+1 {
		t.Errorf("%d, %d, %d bytes, %d findings", len(got.URL), len(got.RequestID), len(got.Error), len(got.Findings))
	}
}

const secretText = "S3CR3T-0123456789-T3RC3S"

// leak is a piece of the secret in what is kept, longer than the ends that are shown.
func leak(kept, around string) string {
	for i := 0; i+5 <= len(secretText); i++ {
		if piece := secretText[i : i+5]; strings.Contains(kept, piece) && !strings.Contains(around, piece) {
			return piece
		}
	}
	return ""
}

func FuzzMaskURL(f *testing.F) {
	for _, seed := range []struct{ before, after string }{
		{"", ""}, {"https://x.example.com/ocpi/cpo/2.1.1", "?type=RFID"}, {"/ocpi", "/authorize"}, {"//tokens/NL", "/%2F/x#a"}, {"/tokens/NL/TNM", "%zz&"},
	} {
		f.Add(seed.before, seed.after, "PUT")
	}
	f.Fuzz(func(t *testing.T, before, after, method string) {
		if strings.ContainsAny(before, "?#:") {
			return // then it is no part of a path
		}
		for _, url := range []string{before + "/tokens/" + secretText + after, before + "?token=" + secretText + after, before + "#uid=" + secretText + after} {
			for _, module := range []ocpi.ModuleID{"", ocpi.ModuleTokens, ocpi.ModuleLocations} {
				got := newMasker(false).record(&ocpi.Exchange{URL: url, Method: method, Module: module, Error: url})
				if strings.Count(url, "/")+strings.Count(url, "&") > maxKnown/2 {
					got.Error = "" // more than is looked for
				}
				if piece := leak(got.URL+"\n"+got.Object+"\n"+got.Error, before+after); piece != "" {
					t.Fatalf("%q of the secret in %s is in %s, %s and %s", piece, url, got.URL, got.Object, got.Error)
				}
			}
		}
	})
}

func FuzzMask(f *testing.F) {
	for _, seed := range []struct{ before, after string }{
		{`{`, `}`},
		{`{"data":[{"uid":"1",`, `,"valid":true}],"status_code":1000}`},
		{`{"evses":[{"uid":"1",`, `}]}`},
		{`{"a\`, `}`},
		{`["`, `]`},
		{`{"x":"\"`, `"}`},
		{"\ufeff{", "}"},
		{`{"token":{"a":[{`, `}]}}`},
		{`{"http":"http://`, `"}`},
	} {
		f.Add(seed.before, seed.after, uint8(0), false)
		f.Add(seed.before, seed.after, uint8(3), true)
	}
	names := []string{"token", "auth_id", "contract_id", "visual_number", "authId", "cdr_token", "access_token"}
	modules := []ocpi.ModuleID{ocpi.ModuleTokens, ocpi.ModuleLocations, ocpi.ModuleCredentials, ""}
	f.Fuzz(func(t *testing.T, before, after string, choice uint8, list bool) {
		if strings.Contains(before+after, secretText[2:len(secretText)-2]) {
			return
		}
		value := `"` + secretText + `"`
		if list {
			value = `[` + value + `]`
		}
		body := []byte(before + `"` + names[int(choice)%len(names)] + `":` + value + after)
		m := newMasker(false)
		module := modules[int(choice)%len(modules)]
		for end := max(len(before), 0); end <= len(body); end++ {
			got := m.body(body[:end], int64(len(body)), module)
			if piece := leak(got, before+after); piece != "" {
				t.Fatalf("%q of the secret is in %s", piece, got)
			}
		}
	})
}
