package node_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/backend"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// An operator calls the backend API of a node.
type operator struct {
	t   *testing.T
	url string
	key string
}

func operate(t *testing.T, n running) operator {
	t.Helper()
	handler, err := n.Backend()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	key, err := n.AddKey(t.Context(), "operator", backend.ScopeAdmin, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return operator{t, server.URL, key}
}

// want calls, wants a status, and reads the answer into a value; nil for no look.
func (o operator) want(status int, method, path, body string, into any) string {
	o.t.Helper()
	r, err := http.NewRequest(method, o.url+path, strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+o.key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		o.t.Fatalf("%s %s: %d, want %d: %s (%v)", method, path, resp.StatusCode, status, raw, err)
	}
	if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			o.t.Fatalf("%v: %s", err, raw)
		}
	}
	return string(raw)
}

func TestAnOperatorFeedsTheNodeAndPartnersHearOfIt(t *testing.T) {
	n, partner := cpo(t, nil)
	o := operate(t, n)
	l := sample.Location(1)
	raw, err := json.Marshal(&l)
	if err != nil {
		t.Fatal(err)
	}
	path := "/api/v1/locations/" + string(l.CountryCode) + "/" + string(l.PartyID) + "/" + string(l.ID)
	o.want(http.StatusCreated, "PUT", path, string(raw), nil)
	awaited(t, partner, 1, ocpitest.Calls(http.MethodPut, ocpi.ModuleLocations))
	status := v230.StatusBlocked
	o.want(http.StatusOK, "POST", "/api/v1/evses/"+string(l.EVSEs[0].UID)+"/status", `{"status":"`+string(status)+`"}`, nil)
	awaited(t, partner, 1, ocpitest.Calls(http.MethodPatch, ocpi.ModuleLocations))

	var pushed struct {
		Items []backend.PushResult `json:"items"`
	}
	body := `{"module":"locations","country":"` + string(l.CountryCode) + `","party":"` + string(l.PartyID) + `","id":"` + string(l.ID) + `"}`
	o.want(http.StatusOK, "POST", "/api/v1/push", body, &pushed)
	if len(pushed.Items) != 1 || !pushed.Items[0].OK || pushed.Items[0].Partner != emsp || pushed.Items[0].HTTP == 0 || pushed.Items[0].Status != ocpi.StatusSuccess {
		t.Errorf("%+v", pushed)
	}
	awaited(t, partner, 2, ocpitest.Calls(http.MethodPut, ocpi.ModuleLocations))
	if err := partner.Close(); err != nil {
		t.Fatal(err)
	}
	o.want(http.StatusOK, "POST", "/api/v1/push", body, &pushed)
	if len(pushed.Items) != 1 || pushed.Items[0].OK || pushed.Items[0].Error == "" {
		t.Errorf("a partner that is gone: %+v", pushed)
	}
}

func TestAnOperatorManagesPartners(t *testing.T) {
	n, _ := cpo(t, nil)
	o := operate(t, n)
	var view backend.PartnerView
	shown := o.want(http.StatusOK, "GET", "/api/v1/partners/"+emsp, "", &view)
	if view.State != "registered" || len(view.Roles) != 1 || view.Roles[0].Party != theirs.String() || len(view.WeCallWith) == 0 || view.Version != ocpi.V211 {
		t.Errorf("%s", shown)
	}
	relation, err := n.Partners.Relation(t.Context(), emsp)
	if err != nil || strings.Contains(shown, relation.Outbound[0].Token) {
		t.Errorf("the token is shown: %v", err)
	}
	o.want(http.StatusOK, "POST", "/api/v1/partners/"+emsp+"/rotate", "", &view)
	o.want(http.StatusOK, "POST", "/api/v1/partners/"+emsp+"/suspend", "", &view)
	if !view.Suspended {
		t.Error("it is not suspended")
	}
	o.want(http.StatusOK, "POST", "/api/v1/partners/"+emsp+"/resume", "", &view)
	o.want(http.StatusOK, "PATCH", "/api/v1/partners/"+emsp+"/terms", `{"quirks":"standard"}`, &view)
	if view.Terms.Quirks != "standard" || view.Suspended {
		t.Errorf("%+v", view)
	}
	o.want(http.StatusUnprocessableEntity, "PATCH", "/api/v1/partners/"+emsp+"/terms", `{"quirks":"nonsense!"}`, nil)
	var policy backend.Policy
	o.want(http.StatusOK, "PATCH", "/api/v1/partners/"+emsp+"/policy", `{"push":{"except":["tariffs"]},"pull":{"every":"10m"},"receive":{"patched_evses":"reject"}}`, &policy)
	kept, err := n.Partners.Policy(t.Context(), emsp)
	if err != nil || len(kept.Push.Except) != 1 || kept.Pull.Every != 10*time.Minute || kept.Receive.EVSEs != ocpi.RejectEVSEs {
		t.Errorf("%+v, %v", kept, err)
	}
	o.want(http.StatusOK, "PATCH", "/api/v1/partners/"+emsp+"/policy",
		`{"push":{"timeout":"20s"},"result_hosts":["results.example.com"],"authorize":{"realtime":true,"deadline":"1s"}}`, &policy)
	kept, err = n.Partners.Policy(t.Context(), emsp)
	if err != nil || kept.Push.Timeout != 20*time.Second || len(kept.ResultHosts) != 1 || !kept.Authorize.Realtime || kept.Authorize.Deadline != time.Second ||
		len(kept.Push.Except) != 1 || policy.Authorize.Deadline != backend.Duration(time.Second) {
		t.Errorf("%+v, %v", kept, err)
	}
	o.want(http.StatusUnprocessableEntity, "PATCH", "/api/v1/partners/"+emsp+"/policy", `{"authorize":{"deadline":"-1s"}}`, nil)
	o.want(http.StatusNotFound, "POST", "/api/v1/partners/"+emsp+"/settle-cdr", `{"id":"CDR-1","arrived":true}`, nil)
	var invitation backend.Invitation
	o.want(http.StatusOK, "POST", "/api/v1/partners/newcomer/invite", `{}`, &invitation)
	if len(invitation.TokenA) != 64 || !strings.HasSuffix(invitation.VersionsURL, "/versions") {
		t.Errorf("%+v", invitation)
	}
	var added backend.AddedPartner
	o.want(http.StatusCreated, "POST", "/api/v1/partners", `{"name":"by-hand","parties":[{"party":"FR/HND","role":"EMSP"}]}`, &added)
	if added.Token == "" {
		t.Error("no token")
	}
	o.want(http.StatusConflict, "POST", "/api/v1/partners", `{"name":"by-hand","parties":[{"party":"FR/HNE","role":"EMSP"}]}`, nil)
	var list struct {
		Items []backend.PartnerView `json:"items"`
	}
	if o.want(http.StatusOK, "GET", "/api/v1/partners", "", &list); len(list.Items) != 3 {
		t.Errorf("%+v", list)
	}
	var all struct {
		Items []backend.PartnerStatus `json:"items"`
	}
	if o.want(http.StatusOK, "GET", "/api/v1/status", "", &all); len(all.Items) != 3 {
		t.Errorf("%+v", all)
	}
	var one backend.PartnerStatus
	if o.want(http.StatusOK, "GET", "/api/v1/partners/"+emsp+"/status", "", &one); len(one.Push) == 0 {
		t.Errorf("%+v", one)
	}
	o.want(http.StatusOK, "GET", "/api/v1/partners/"+emsp+"/parked", "", nil)
	o.want(http.StatusOK, "POST", "/api/v1/partners/"+emsp+"/retry-pushes", `{}`, nil)
	var pulls struct {
		Items []backend.PullResult `json:"items"`
	}
	eventually(t, "it is pulled from, once the node does not do that by itself", func() bool {
		o.want(http.StatusOK, "POST", "/api/v1/partners/"+emsp+"/pull", `{"full":true}`, &pulls)
		return !slices.ContainsFunc(pulls.Items, func(p backend.PullResult) bool { return p.Error != "" || p.State == nil })
	})
	o.want(http.StatusOK, "POST", "/api/v1/partners/"+emsp+"/unregister", "", &view)
	if view.State != "removed" {
		t.Error(view.State)
	}
	o.want(http.StatusNoContent, "DELETE", "/api/v1/partners/by-hand", "", nil)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "", ""}, {"DELETE", "", ""}, {"POST", "/rotate", ""}, {"POST", "/suspend", ""}, {"POST", "/unregister", ""}, {"GET", "/policy", ""},
		{"PATCH", "/policy", "{}"}, {"PATCH", "/terms", "{}"}, {"GET", "/status", ""}, {"GET", "/parked", ""}, {"POST", "/pull", "{}"}, {"POST", "/retry-pushes", "{}"},
		{"POST", "/settle-cdr", `{"id":"x","arrived":false}`},
	} {
		o.want(http.StatusNotFound, c.method, "/api/v1/partners/nobody"+c.path, c.body, nil)
	}
	o.want(http.StatusUnprocessableEntity, "POST", "/api/v1/partners/x/register", `{"versions_url":"http://x","terms":{"party":"?"}}`, nil)
}

func TestTheViewerShowsTheBackendAPI(t *testing.T) {
	c := config(t)
	n := start(t, c)
	o := operate(t, n)
	if page := o.want(http.StatusOK, "GET", "/api/docs", "", nil); !strings.Contains(page, `data-document="/api/openapi.json"`) {
		t.Error(page)
	}
	o.want(http.StatusOK, "GET", "/api/docs/swagger-ui-bundle.js", "", nil)
}
