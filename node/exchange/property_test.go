package exchange

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/roamwire/roamwire/ocpi"
)

// Wherever a driver's token is in a document, whatever the order of its members and wherever the document is cut, its ids
// are not in what is kept; the uids of EVSEs in whole documents are.
func TestTokensAreMaskedAnywhereAndEVSEsAreNot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &generator{T: t}
		body := g.value(4)
		module := rapid.SampledFrom([]ocpi.ModuleID{"tokens", "sessions", "cdrs", "commands", "locations", ""}).Draw(t, "module")
		m := newMasker(false)
		whole := m.body([]byte(body), int64(len(body)), module)
		if !jsontext.Value(whole).IsValid() {
			t.Fatalf("%s\nis masked as\n%s", body, whole)
		}
		for _, uid := range g.evses {
			if !strings.Contains(whole, uid) {
				t.Fatalf("the EVSE %s of\n%s\nis not in\n%s", uid, body, whole)
			}
		}
		for end := range len(body) + 1 {
			kept := m.body([]byte(body[:end]), int64(len(body)), module)
			for _, secret := range g.secrets {
				if strings.Contains(kept, secret[3:len(secret)-3]) {
					t.Fatalf("%s of\n%s\nis in\n%s", secret, body[:end], kept)
				}
			}
		}
	})
}

// A generator makes documents, and remembers what must not and what must be kept of them.
type generator struct {
	*rapid.T
	secrets, evses []string
	made           int
}

func (g *generator) next(prefix string) string {
	g.made++
	return fmt.Sprintf("%s-%06d-X", prefix, g.made)
}

func (g *generator) secret() string {
	s := g.next("SECRET")
	g.secrets = append(g.secrets, s)
	return fmt.Sprintf("%q", s)
}

// value is a JSON value of some depth.
func (g *generator) value(depth int) string {
	if depth == 0 {
		return rapid.SampledFrom([]string{`1.50`, `true`, `null`, `"x"`, `"a \" b"`, `""`, `[]`, `{}`}).Draw(g.T, "scalar")
	}
	switch rapid.IntRange(0, 4).Draw(g.T, "kind") {
	case 0:
		return g.token()
	case 1:
		return g.object(`"evses":[` + g.evse() + `,` + g.evse() + `]`)
	case 2:
		var elements []string
		for range rapid.IntRange(0, 3).Draw(g.T, "elements") {
			elements = append(elements, g.value(depth-1))
		}
		return `[` + strings.Join(elements, ", ") + `]`
	case 3:
		return g.object(`"cdr_token":{"uid":`+g.secret()+`,"contract_id":`+g.secret()+`}`, `"auth_id":`+g.secret(), `"data":`+g.value(depth-1))
	default:
		return g.object(`"id":"1"`, `"location":`+g.value(depth-1), `"token":`+rapid.SampledFrom([]func() string{g.token, g.secret}).Draw(g.T, "token")())
	}
}

func (g *generator) token() string {
	return g.object(`"uid":`+g.secret(), `"type":"RFID"`, `"auth_id":`+g.secret(), `"visual_number":`+g.secret(), `"issuer":"X"`, `"valid":true`, `"whitelist":"NEVER"`)
}

func (g *generator) evse() string {
	uid := g.next("EVSE")
	g.evses = append(g.evses, uid)
	return g.object(`"uid":"`+uid+`"`, `"status":"AVAILABLE"`, `"connectors":[{"id":"1"}]`)
}

// object has its members in any order, with any space between them.
func (g *generator) object(members ...string) string {
	space := rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(g.T, "space")
	return "{" + space + strings.Join(rapid.Permutation(members).Draw(g.T, "order"), space+","+space) + space + "}"
}
