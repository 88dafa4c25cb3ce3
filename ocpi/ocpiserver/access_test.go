package ocpiserver_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var variable = regexp.MustCompile(`\{[^}]*\}`)

// isOfRegistration reports whether a path is one of those by which partners register: versions, their details, credentials.
// Details are below the version, and the version itself.
func isOfRegistration(path string) bool {
	last := path[strings.LastIndex(path, "/")+1:]
	return slices.Contains([]string{"versions", "details", "credentials"}, last) || slices.Contains(ocpi.Versions(), ocpi.Version(last))
}

// Requirements DT-05, DT-06, TF-07: in every version each operation needs a token that is known, and one for registration opens
// versions, details and credentials alone.
func TestEveryOperationNeedsATokenThatIsForIt_DT05_DT06(t *testing.T) {
	both := []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: own}, {Role: ocpi.RoleEMSP, Party: own}}
	party := ocpi.NewParty("BE", "TST")
	theirs := []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: party}, {Role: ocpi.RoleEMSP, Party: party}}
	partners := new(ocpitest.Partners)
	partners.Add("token-a", ocpi.Partner{ID: "new", Roles: theirs, Access: ocpi.AccessRegistration})
	partners.Add("token-c", ocpi.Partner{ID: "known", Roles: theirs})
	cpo, emsp := new(ocpitest.CPO).Backend(), new(ocpitest.EMSP).Backend()
	cpo.Sessions = takers{Sender: new(ocpitest.Sender[v230.Session]), taken: map[string]v230.ChargingPreferences{}}
	server, err := ocpiserver.New(ocpiserver.Config{
		BaseURL: "http://127.0.0.1/ocpi", Versions: ocpi.Versions(), Partners: partners, Logger: quiet(),
		Parties: both, Credentials: &ocpitest.Credentials{Parties: both}, CPO: cpo, EMSP: emsp,
		ClientInfos: new(ocpitest.ClientInfos), Hub: &ocpiserver.Hub{ClientInfos: new(ocpitest.Sender[v230.ClientInfo])},
	})
	if err != nil {
		t.Fatal(err)
	}
	operations := server.Served()
	for _, v := range ocpi.Versions() {
		if text := strings.Join(operations, "\n"); strings.Count(text, "/"+string(v)+"/") < 30 {
			t.Fatalf("few operations of %s:\n%s", v, text)
		}
	}
	for i, operation := range operations {
		method, path, _ := strings.Cut(operation, " ")
		for token, want := range map[string]int{"": 401, "unknown": 401, "token-a": 401, "token-c": 0} {
			request := httptest.NewRequestWithContext(t.Context(), method, "/ocpi"+variable.ReplaceAllString(path, "1"), http.NoBody)
			request.RemoteAddr = fmt.Sprintf("10.0.%d.%d:1", i/250, i%250) // who guesses tokens is slowed down
			if token != "" {
				request.Header.Set("Authorization", "Token "+token)
			}
			if token == "token-a" && isOfRegistration(path) {
				want = 0
			}
			answer := httptest.NewRecorder()
			server.ServeHTTP(answer, request)
			if refused := answer.Code == http.StatusUnauthorized; refused != (want == http.StatusUnauthorized) {
				t.Errorf("%s with the token %q: HTTP %d %s", operation, token, answer.Code, answer.Body)
			}
			if want == http.StatusUnauthorized && answer.Header().Get("WWW-Authenticate") != "Token" {
				t.Errorf("%s with the token %q: the answer does not ask for a token", operation, token)
			}
		}
	}
}
