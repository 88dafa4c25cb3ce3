package exchange

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
)

// url masks the URL of an exchange: who it logs in as, the uid of a token in its path, and what its parameters name.
func (m *masker) url(e *ocpi.Exchange) string {
	origin, path, query, fragment := splitURL(e.URL)
	if login := strings.LastIndexByte(origin, '@'); login >= 0 {
		origin = origin[:strings.Index(origin, "//")+2] + stars + origin[login:]
	}
	return origin + m.path(path, e) + m.parameters(query) + m.parameters(fragment)
}

// splitURL splits a URL without losing a byte of it, whether it is a correct one or not: query and fragment begin with
// their mark, and the origin is all before the path.
func splitURL(text string) (origin, path, query, fragment string) {
	if i := strings.IndexByte(text, '#'); i >= 0 {
		text, fragment = text[:i], text[i:]
	}
	if i := strings.IndexByte(text, '?'); i >= 0 {
		text, query = text[:i], text[i:]
	}
	i := strings.Index(text, "://")
	if i < 0 || strings.IndexByte(text, '/') < i {
		return "", text, query, fragment
	}
	host := i + len("://")
	if slash := strings.IndexByte(text[host:], '/'); slash >= 0 {
		return text[:host+slash], text[host+slash:], query, fragment
	}
	return text, "", query, fragment
}

// path masks the segments that are the uid of a token.
func (m *masker) path(path string, e *ocpi.Exchange) string {
	segments := strings.Split(path, "/")
	if m.unmasked || !aboutTokens(segments, e) {
		return path
	}
	for _, i := range namesOfObject(segments, ocpi.ModuleTokens, e) {
		m.learn(segments[i], id)
		kept := m.learn(unescaped(segments[i]), id)
		segments[i] = strings.ReplaceAll(url.PathEscape(kept), "%2A", "*")
	}
	return strings.Join(segments, "/")
}

// aboutTokens reports whether a path may name a token. It may where it has the module's name and the exchange has no
// module, because there is nothing at that path.
func aboutTokens(segments []string, e *ocpi.Exchange) bool {
	nowhere := e.Route == "" || e.Route == "/" // what a server says of a path that it does not have
	return e.Module == ocpi.ModuleTokens || nowhere && below(segments, ocpi.ModuleTokens) >= 0
}

// object is what the URL names of its module, as it is kept.
func (m *masker) object(e *ocpi.Exchange) string {
	if e.Module == "" {
		return ""
	}
	_, path, _, _ := splitURL(e.URL)
	segments := strings.Split(path, "/")
	var names []string
	for _, i := range namesOfObject(segments, e.Module, e) {
		name := unescaped(segments[i])
		if !m.unmasked && aboutTokens(segments, e) {
			name = mask(name)
		}
		names = append(names, name)
	}
	return strings.Join(names, "/")
}

func unescaped(segment string) string {
	if text, err := url.PathUnescape(segment); err == nil {
		return text
	}
	return segment
}

// namesOfObject are the places of the segments that name an object of a module: what is below the module and the party
// that owns the object, but for the word authorize (requirements TF-43, TOK-06).
func namesOfObject(segments []string, module ocpi.ModuleID, e *ocpi.Exchange) []int {
	start := below(segments, module)
	var filled []int
	for i := max(start, 0); i < len(segments); i++ {
		if segments[i] != "" {
			filled = append(filled, i)
		}
	}
	owned := isParty(segments, filled)
	if _, names, ok := strings.Cut(e.Route, "/"+string(module)); ok {
		filled = last(filled, strings.Count(names, "/"))
		owned = strings.HasPrefix(names, "/{country_code}")
	}
	authorize := module == ocpi.ModuleTokens && len(filled) > 0 && segments[filled[len(filled)-1]] == "authorize"
	if authorize {
		filled = filled[:len(filled)-1]
	}
	switch {
	case start < 0 && authorize:
		return last(filled, 1)
	case start < 0:
		return namesBelowParty(segments, filled, module, e)
	case owned:
		return filled[2:]
	default:
		return filled
	}
}

// namesBelowParty finds the names in a path that does not name the module, as partners' need not (requirement TF-61).
func namesBelowParty(segments []string, filled []int, module ocpi.ModuleID, e *ocpi.Exchange) []int {
	for i := range filled {
		if isParty(segments, filled[i:]) {
			return filled[i+2:]
		}
	}
	if module == ocpi.ModuleTokens && e.Method != http.MethodGet {
		return last(filled, 1)
	}
	return nil
}

func last(places []int, n int) []int { return places[max(len(places)-n, 0):] }

// below is the first place below a module in a path; -1 where the path does not name it.
func below(segments []string, module ocpi.ModuleID) int {
	for i, s := range segments {
		if strings.EqualFold(s, string(module)) {
			return i + 1
		}
	}
	return -1
}

// isParty reports whether the first two of these segments look like a party.
func isParty(segments []string, places []int) bool {
	return len(places) >= 2 && isWord(segments[places[0]], 2, false) && isWord(segments[places[1]], 3, true)
}

func isWord(text string, length int, digits bool) bool {
	for _, c := range []byte(text) {
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z'; !letter && (!digits || c < '0' || c > '9') {
			return false
		}
	}
	return len(text) == length
}

// parameters masks those of a query or fragment that name a token, a contract or a login.
func (m *masker) parameters(text string) string {
	if !strings.Contains(text, "=") {
		return text
	}
	all := strings.Split(text[1:], "&")
	for i, parameter := range all {
		name, value, _ := strings.Cut(parameter, "=")
		if kept, masked := m.parameter(name, value); masked {
			all[i] = name + "=" + kept
		}
	}
	return text[:1] + strings.Join(all, "&")
}

func (m *masker) parameter(name, value string) (kept string, masked bool) {
	c := classOf([]byte(parameterText(name)))
	switch {
	case c == secret, c == token:
		c = secret
	case (c == id || c == uid) && !m.unmasked:
		c = id
	default:
		return "", false
	}
	m.learn(value, c)
	return m.learn(parameterText(value), c), true
}

func parameterText(escaped string) string {
	if text, err := url.QueryUnescape(escaped); err == nil {
		return text
	}
	return escaped
}
