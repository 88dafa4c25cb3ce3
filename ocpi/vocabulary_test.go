package ocpi_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
)

func TestVersionsCompareByTheirNumbers(t *testing.T) {
	ordered := []ocpi.Version{"1.9", "2.0", "2.1", "2.1.1", "2.2", "2.2.1", "2.3.0", "2.10", "3.0"}
	for i, v := range ordered {
		for j, w := range ordered {
			if got := v.Compare(w); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%s compared with %s is %d", v, w, got)
			}
		}
	}
	// Requirement V-08: nothing breaks on versions nobody knows.
	if ocpi.Version("2.x").Compare("2.1.1") >= 0 || ocpi.Version("").Known() {
		t.Error("an unreadable version must come before readable ones and be unknown")
	}
}

func TestPartiesAreReadInTheFormsPeopleUse(t *testing.T) {
	want := ocpi.Party{CountryCode: "NL", PartyID: "ABC"}
	for _, in := range []string{"NL/ABC", "nl/abc", "NL-ABC", "NL*ABC", "NLABC", " NL/ABC "} {
		if got, err := ocpi.ParseParty(in); err != nil || got != want {
			t.Errorf("%q was read as %v (%v)", in, got, err)
		}
	}
	for _, in := range []string{"", "NL", "NL/", "NL/ABCD", "N/ABC", "NL/A C", "NL_ABC", "NLABCD", "ÄÖ/ABC"} {
		if got, err := ocpi.ParseParty(in); err == nil {
			t.Errorf("%q was read as %v", in, got)
		}
	}
}

func TestCiStringsCompareWithoutCaseAndKeepTheirs(t *testing.T) {
	if !ocpi.CiString("CDR-1a").Equal("cdr-1A") || ocpi.CiString("a").Equal("b") {
		t.Error("CiStrings compare without case")
	}
	if ocpi.CiString("ABC").Fold() != "abc" || string(ocpi.CiString("AbC")) != "AbC" {
		t.Error("a CiString folds to lower case and keeps its own")
	}
	if ocpi.CiString("Ä").Equal("ä") {
		t.Error("only ASCII letters have no case")
	}
}

// Requirements TF-01, TF-06, TF-08, DT-02.
func TestAuthorizationIsReadInBothForms(t *testing.T) {
	tests := []struct {
		name, header string
		want         []string
	}{
		{"plain", "Token abc:def", []string{"abc:def"}},
		{"Base64 comes after the token as written", "Token c2VjcmV0LXRva2Vu", []string{"c2VjcmV0LXRva2Vu", "secret-token"}},
		{"Base64 with padding", "Token dG9rZW4tMQ==", []string{"dG9rZW4tMQ==", "token-1"}},
		{"Base64 of a token with a newline", "Token dG9rZW4tMQo=", []string{"dG9rZW4tMQo=", "token-1"}},
		{"the scheme has no case", "tOkEn abc:def", []string{"abc:def"}},
		{"spaces around the token", "Token   abc:def  ", []string{"abc:def"}},
		{"another scheme", "Bearer abc", nil},
		{"no scheme", "abc", nil},
		{"no token", "Token", nil},
		{"only a space", "Token ", nil},
		{"nothing", "", nil},
		{"a space inside", "Token abc def", nil},
		{"Base64 of a token of 64 characters", ocpi.Authorization(strings.Repeat("x", 64), ocpi.TokenBase64), []string{strings.Repeat("x", 64)}},
		{"65 characters", "Token " + strings.Repeat("-", 65), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ocpi.ParseAuthorization(tt.header)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Requirements TF-02, DT-03.
func TestTokensArePrintableASCIIOfAtMost64Characters(t *testing.T) {
	for _, ok := range []string{"a", strings.Repeat("~", 64), "!#$%&'*+-.^_`|~"} {
		if err := ocpi.CheckToken(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"", strings.Repeat("a", 65), "a b", "a\tb", "é", "\x7f"} {
		if ocpi.CheckToken(bad) == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{"Token abc", "Token c2VjcmV0", "token  ", "Bearer x", "Token =\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		for _, token := range ocpi.ParseAuthorization(header) {
			if err := ocpi.CheckToken(token); err != nil {
				t.Fatalf("%q gave the token %q: %v", header, token, err)
			}
		}
	})
}

// Requirements TF-37, TF-39: absent, null and a value are three things.
func TestFieldTellsAbsentNullAndValueApart(t *testing.T) {
	type patch struct {
		Name ocpi.Field[string]   `json:"name,omitzero"`
		List ocpi.Field[[]string] `json:"list,omitzero"`
	}
	for _, in := range []string{`{}`, `{"name":null}`, `{"name":""}`, `{"name":"x","list":[]}`, `{"list":null}`, `{"list":["a"]}`} {
		var p patch
		if err := json.Unmarshal([]byte(in), &p); err != nil {
			t.Fatal(err)
		}
		out, err := json.Marshal(p)
		if err != nil || string(out) != in {
			t.Errorf("%s was written as %s (%v)", in, out, err)
		}
	}
	name := new("old")
	ocpi.Field[string]{}.ApplyToOptional(&name)
	if name == nil || *name != "old" {
		t.Error("an absent field changed the object")
	}
	ocpi.Clear[string]().ApplyToOptional(&name)
	if name != nil {
		t.Error("null did not clear the field")
	}
	ocpi.Set("new").ApplyToOptional(&name)
	if name == nil || *name != "new" {
		t.Error("the value was not set")
	}
}

func TestErrorsMatchByWhatTheyTellTheClient(t *testing.T) {
	err := fmt.Errorf("get location: %w", ocpi.NotFound("there is no location %s", "LOC1"))
	if !errors.Is(err, ocpi.ErrNotFound) || errors.Is(err, ocpi.ErrUnauthorized) {
		t.Error("a wrapped NotFound must match ErrNotFound only")
	}
	cause := errors.New("secret of ours")
	if e := ocpi.ServerError(cause); !errors.Is(e, cause) || strings.Contains(e.StatusMessage(), "secret") {
		t.Error("the cause must be in the error and not in what is sent")
	}
	unusable := ocpi.Unusable("Location", []ocpi.Finding{{Pointer: "/id", Message: "required field is missing"}})
	if got, want := unusable.StatusMessage(), "Location cannot be used: /id: required field is missing"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnknownMembersOfAPatchSetAndRemove(t *testing.T) {
	var e ocpi.Extra
	e.Merge(ocpi.Extra{"a": []byte(`1`), "b": []byte(`2`)})
	e.Merge(ocpi.Extra{"a": []byte(`null`), "c": []byte(`3`)})
	if diff := cmp.Diff(ocpi.Extra{"b": []byte(`2`), "c": []byte(`3`)}, e); diff != "" {
		t.Error(diff)
	}
}

// Requirement TF-60.
func TestStatusCodesAreJudgedByTheirRange(t *testing.T) {
	for code, want := range map[ocpi.StatusCode]string{1000: "success", 1999: "success", 2001: "client", 2999: "client", 3000: "server", 3950: "server", 4001: "hub", 999: "", 5000: ""} {
		got := ""
		switch {
		case code.Success():
			got = "success"
		case code.ClientError():
			got = "client"
		case code.ServerError():
			got = "server"
		case code.HubError():
			got = "hub"
		}
		if got != want {
			t.Errorf("%d is %q, want %q", code, got, want)
		}
	}
}

func TestAnErrorWithManyFindingsIsShort(t *testing.T) {
	finding := ocpi.Finding{Pointer: "/x", Message: strings.Repeat("long ", 10_000)}
	e := ocpi.Unusable("location", slices.Repeat([]ocpi.Finding{finding}, 150))
	if got := e.StatusMessage(); len(got) > 60_000 || !strings.HasSuffix(got, "and 50 more") {
		t.Errorf("%d bytes: %s", len(got), got[max(0, len(got)-100):])
	}
	e.Findings = append(e.Findings, ocpi.Finding{Code: ocpi.FindingMore, Message: "7000 more findings"})
	if got := e.StatusMessage(); !strings.HasSuffix(got, "and 50 more; 7000 more findings") {
		t.Errorf("got …%s", got[max(0, len(got)-100):])
	}
}
