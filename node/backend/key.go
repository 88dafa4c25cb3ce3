package backend

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/node/store"
)

// A Scope is what an access key is good for. Each has all that the one before has.
type Scope string

// The scopes.
const (
	// ScopeRead lets look at everything but keys and tokens.
	ScopeRead Scope = "read"
	// ScopeWrite lets change objects, push, and send and answer commands.
	ScopeWrite Scope = "write"
	// ScopeAdmin lets change partners and webhooks.
	ScopeAdmin Scope = "admin"
)

var scopes = []Scope{ScopeRead, ScopeWrite, ScopeAdmin}

// ParseScope reads the name of a scope.
func ParseScope(s string) (Scope, error) {
	if slices.Contains(scopes, Scope(s)) {
		return Scope(s), nil
	}
	return "", fmt.Errorf("%q is no scope; there are read, write and admin", s)
}

// grants reports whether a key with these scopes is good for one.
func grants(has []string, wanted Scope) bool {
	return slices.ContainsFunc(has, func(s string) bool {
		return slices.Index(scopes, Scope(s)) >= slices.Index(scopes, wanted)
	})
}

const (
	keyPrefix = "rw_"
	keyBytes  = 20
)

// A Keys keeps access keys.
type Keys interface {
	// AccessKey returns the key with a hash, or store.ErrNotFound.
	AccessKey(ctx context.Context, hash store.TokenHash) (store.AccessKey, error)
}

// NewKey makes an access key: what its owner sends, and the record of it without that.
func NewKey(name string, scope Scope, added, expires time.Time) (key string, record store.AccessKey, err error) {
	if name == "" || len(name) > 100 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", record, fmt.Errorf("%q cannot be the name of a key: 1 to 100 printable characters without spaces", name)
	}
	secret := make([]byte, keyBytes)
	_, _ = rand.Read(secret) // never fails
	key = keyPrefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret))
	return key, store.AccessKey{Hash: HashKey(key), Name: name, Scopes: []string{string(scope)}, Added: added, Expires: expires}, nil
}

// HashKey returns the hash by which a key is kept and found. Keys are random and long, so a plain hash gives nothing away,
// and looking one up compares no secret bytes.
func HashKey(key string) store.TokenHash { return sha256.Sum256([]byte(key)) }

// A caller is who sends a request.
type caller struct{ name, key string }

type callerKey struct{}

// callerOf is the name of the key that a request came with.
func callerOf(ctx context.Context) string {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c.name
}

// socketKey begins the protocol, among those that a WebSocket is asked for, that is no protocol but the key: a page in a browser
// can set no header.
const socketKey = "bearer."

// authorizationOf is the header Authorization, or what stands for it where a WebSocket is opened; empty for none.
func authorizationOf(r *http.Request) string {
	if given := r.Header.Get("Authorization"); given != "" || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return given
	}
	for protocol := range strings.SplitSeq(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",") {
		if key, ok := strings.CutPrefix(strings.TrimSpace(protocol), socketKey); ok {
			return "Bearer " + key
		}
	}
	return ""
}

// admit finds out who sends a request and whether it may. The same is done for every wrong key, whatever is wrong with it.
func (a *API) admit(r *http.Request, wanted Scope) (*http.Request, error) {
	authorization := authorizationOf(r)
	scheme, key, _ := strings.Cut(authorization, " ")
	if authorization == "" {
		return nil, problem(http.StatusUnauthorized, "an access key is needed: Authorization: Bearer rw_…; \"roamwire key add\" makes one").
			with("WWW-Authenticate", `Bearer realm="roamwire"`)
	}
	if !strings.EqualFold(scheme, "Bearer") {
		key = ""
	}
	key = strings.TrimSpace(key)
	found, err := a.config.Keys.AccessKey(r.Context(), HashKey(key))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if err != nil || !found.Expires.IsZero() && !a.config.Now().Before(found.Expires) {
		if err := a.slowDown(r); err != nil {
			return nil, err
		}
		return nil, problem(http.StatusUnauthorized, "this access key is not known, or not good any more").
			with("WWW-Authenticate", `Bearer realm="roamwire", error="invalid_token"`)
	}
	if !grants(found.Scopes, wanted) {
		return nil, problem(http.StatusForbidden, "this needs a key with scope %s; %s has %s", wanted, found.Name, strings.Join(found.Scopes, ", ")).
			with("WWW-Authenticate", fmt.Sprintf(`Bearer realm="roamwire", error="insufficient_scope", scope=%q`, wanted))
	}
	if seen, ok := r.Context().Value(seenKey{}).(*seen); ok {
		seen.caller = found.Name
	}
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, caller{found.Name, key})), nil
}
