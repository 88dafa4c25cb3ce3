package handshake_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
)

// Whatever bytes a partner sends as its credentials, it gets an answer of OCPI, and the relation is as it was or that of
// a whole registration (C-17).
func FuzzCredentials(f *testing.F) {
	emsp, good := callable(f)
	// Other hosts than the eMSP's are not called: the time for that is over before it begins.
	dead := newPlatform(f, ocpi.RoleCPO, cpoParty, func(h *handshake.Config, _ *ocpiserver.Config) { h.Timeout = time.Nanosecond })
	live := newPlatform(f, ocpi.RoleCPO, cpoParty)
	for _, put := range []bool{false, true} {
		for _, body := range []string{
			good, "[" + good + "]", "", "null", "[]", "{}", `"token"`, "\xff", good + good, good[:len(good)/2], "\ufeff" + good,
			replace(good, `"their-token"`, `""`), replace(good, `"their-token"`, `7`), replace(good, `their-token`, strings.Repeat("x", 65)),
			replace(good, `their-token`, `a\nb`), replace(good, `"party_id":"TST"`, `"party_id":["TST"]`), replace(good, `"TST"`, `"GPE"`),
			replace(good, `"BE"`, `"be"`), replace(good, `"BE"`, `"\u0000\u0000"`), replace(good, `"TST"`, `"/.."`),
			replace(good, emsp.versionsURL(), "http://127.0.0.1:1/"), replace(good, emsp.versionsURL(), "http://user:pass@"+emsp.url[7:]+"/versions"),
			replace(good, emsp.versionsURL(), "file:///etc/passwd"), replace(good, emsp.versionsURL(), emsp.url+"/2.1.1/details"),
			replace(good, emsp.versionsURL(), "http://[::1"), replace(good, `"business_details":{"name":"Test"}`, `"business_details":[{"name":"Test"}]`),
			replace(good, `{"name":"Test"}`, `null`), `{"token":"a","token":"b"}`, `{"url":{"url":{"url":{}}}}`,
		} {
			f.Add(put, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, put bool, body []byte) {
		cpo := dead
		if leadsTo(body, emsp.url+"/") {
			cpo = live
		}
		token, before := prepare(t, cpo, put)
		method := map[bool]string{true: http.MethodPut, false: http.MethodPost}[put]
		got, raw := request(t, method, cpo.credentialsURL(), token, string(body))
		after := cpo.relation(t, "emsp")
		switch {
		case got.ocpi == ocpi.StatusSuccess:
			if after.State != handshake.Registered || after.Attempt != nil || len(after.Outbound) == 0 || len(after.Inbound) == 0 || len(after.Remote.Roles) != 1 {
				t.Errorf("half a registration: %+v", after)
			}
		case got.ocpi.ClientError() && (got.http == http.StatusOK || got.http/100 == 4), got.ocpi.ServerError() && got.ocpi != ocpi.StatusServerError:
			if a := after.Attempt; a != nil && a.Failure == "" {
				t.Errorf("it is still under way: %+v", a)
			}
			after.Attempt = nil
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("it failed and changed the relation: %s", diff)
			}
			if s, _ := request(t, http.MethodGet, cpo.versionsURL(), token, ""); s.http != http.StatusOK {
				t.Errorf("the token before is good no more: %+v", s)
			}
		default:
			t.Errorf("got %+v: %s", got, raw)
		}
	})
}

// leadsTo reports whether credentials have a URL that begins so, and nothing that could hide another.
func leadsTo(body []byte, base string) bool {
	var theirs struct {
		URL string `json:"url"`
	}
	return json.Unmarshal(body, &theirs) == nil && strings.HasPrefix(theirs.URL, base)
}

// prepare makes the relation one that is invited, or registered, and returns its token.
func prepare(t *testing.T, cpo *platform, registered bool) (token string, before handshake.Relation) {
	t.Helper()
	token = handshake.NewToken()
	r := handshake.Relation{Name: "emsp", State: handshake.Invited, Inbound: []handshake.InboundToken{
		{Hash: handshake.HashToken(token), Status: handshake.TokenInvitation},
	}}
	if registered {
		r.State, r.Inbound[0].Status, r.Inbound[0].Used = handshake.Registered, handshake.TokenCurrent, cpo.clock.now()
		r.Outbound = []handshake.OutboundToken{{Token: "their-token"}}
		r.Remote.Roles = []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: emspParty}}
	}
	err := cpo.store.ChangeRelation(t.Context(), "emsp", func(rel *handshake.Relation) error { *rel = r.Clone(); return nil })
	if err != nil {
		err = cpo.store.AddRelation(t.Context(), r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return token, cpo.relation(t, "emsp")
}
