package ocpiclient

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/roamwire/roamwire/ocpi/quirk"
)

// below returns the URL of what lies below an endpoint, each segment escaped once (requirements TF-43, TF-49).
func (c *Client) below(endpoint string, query url.Values, segments ...string) (target string, quirks []quirk.Name, err error) {
	path, err := joined(segments)
	if err != nil {
		return "", nil, err
	}
	target, quirks = c.at(endpoint, path, query.Encode())
	return target, quirks, nil
}

// joined is the path of segments, each escaped.
func joined(segments []string) (string, error) {
	var path strings.Builder
	for i, segment := range segments {
		if segment == "" {
			return "", errors.New("an id is empty, which no URL can say")
		}
		if i > 0 {
			path.WriteByte('/')
		}
		path.WriteString(escape(segment))
	}
	return path.String(), nil
}

// at returns the URL of a path below an endpoint. Without a path it is the endpoint itself, as the partner wrote it. One
// slash joins the two, whether the endpoint ends with one or not (requirement TF-63), and a query that the endpoint has
// already is kept (requirement TF-64).
func (c *Client) at(endpoint, path, query string) (target string, quirks []quirk.Name) {
	base, old, _ := strings.Cut(endpoint, "?")
	base, _, _ = strings.Cut(base, "#")
	old, _, _ = strings.Cut(old, "#")
	if path != "" {
		base = strings.TrimRight(base, "/") + "/" + path
	}
	base, quirks = c.slashed(base)
	params := slices.DeleteFunc([]string{old, query}, func(s string) bool { return s == "" })
	if len(params) > 0 {
		base += "?" + strings.Join(params, "&")
	}
	return base, quirks
}

// escape writes a segment of a path. Ids that are dots would be taken for a relative path.
func escape(segment string) string {
	if segment == "." || segment == ".." {
		return strings.ReplaceAll(segment, ".", "%2E")
	}
	return url.PathEscape(segment)
}

// slashed gives a URL without a query the end that the partner asks for.
func (c *Client) slashed(base string) (string, []quirk.Name) {
	has := strings.HasSuffix(base, "/")
	switch {
	case c.profile.Has(quirk.TrailingSlash) && !has:
		return base + "/", []quirk.Name{quirk.TrailingSlash}
	case c.profile.Has(quirk.NoTrailingSlash) && has:
		return strings.TrimRight(base, "/"), []quirk.Name{quirk.NoTrailingSlash}
	default:
		return base, nil
	}
}

// escapeQuery escapes what cannot stand in a request: partners' Links have blanks in their dates.
func escapeQuery(query string) string {
	if query == "" {
		return ""
	}
	var b strings.Builder
	for i := range len(query) {
		switch c := query[i]; {
		case c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>':
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// sameHost reports whether two URLs lead to the same scheme, host and port.
func sameHost(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// ours reports whether a URL leads to a host where the partner has endpoints, which may get its token, or to https where
// they have http.
func (c *Client) ours(target *url.URL) bool {
	for _, e := range c.config.Endpoints {
		if u, err := url.Parse(e.URL); err == nil && (sameHost(u, target) || upgrades(u, target)) {
			return true
		}
	}
	return false
}

// checkOurs refuses a URL that the partner gave us for one call, where its host must not get the token.
func (c *Client) checkOurs(r *request) error {
	if !c.speaks {
		return fmt.Errorf("ocpiclient: %w: %q", ErrVersion, c.config.Version)
	}
	u, err := url.Parse(r.url)
	if err == nil && (c.ours(u) || c.trusted(u)) {
		return nil
	}
	return &Error{
		Kind: Permanent, Method: r.method, URL: shown(r.url, c.secrets(r)), Err: ErrOtherHost,
		Message: ErrOtherHost.Error() + ": the partner has no endpoint there", unsent: true,
	}
}

// trusted reports whether a URL leads to one of the hosts that get the token by our own decision.
func (c *Client) trusted(target *url.URL) bool {
	return slices.ContainsFunc(c.config.TokenHosts, func(host string) bool {
		u, err := url.Parse(target.Scheme + "://" + host)
		return err == nil && sameHost(u, target)
	})
}

// shown is a URL for people: without a user name, without the secrets, which partners may put into the URLs they send us
// to, and with the values of the parameters that OCPI names only.
func shown(target string, secrets []string) string {
	u, err := url.Parse(target)
	if err != nil {
		return "(unreadable URL)"
	}
	u.User = nil
	params := strings.Split(u.RawQuery, "&")
	for i, param := range params {
		if name, _, found := strings.Cut(param, "="); found && !slices.Contains(harmless(), name) {
			params[i] = name + "=***"
		}
	}
	u.RawQuery = strings.Join(params, "&")
	return without(u.String(), secrets)
}

func harmless() []string {
	return []string{"offset", "limit", "date_from", "date_to", "type", "token_type"}
}
