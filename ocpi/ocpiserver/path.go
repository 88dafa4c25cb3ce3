package ocpiserver

import (
	"net/http"
	"net/url"
	"strings"
)

// route returns the URL to look up in the mux: without the prefix, without slashes that are doubled or at the end,
// and otherwise as it was sent, so that a %2F stays inside its segment. Partners get what they mean without a
// redirect, which would lose their Authorization header or turn a POST into a GET (requirement TF-63). It is false
// for paths outside the prefix.
func (s *Server) route(r *http.Request) (*url.URL, bool) {
	rest, ok := strings.CutPrefix(normal(r.URL), s.prefix)
	if !ok || rest != "" && rest[0] != '/' {
		return nil, false
	}
	if rest == "" {
		rest = "/"
	}
	path, err := url.PathUnescape(rest)
	if err != nil {
		return nil, false
	}
	u := *r.URL
	u.Path, u.RawPath = path, rest
	return &u, true
}

// normal is a URL's path in one form: no slashes doubled or at the end, each segment escaped in the same way.
func normal(u *url.URL) string {
	written := u.RawPath // empty where it says no more than Path
	if written == "" {
		written = u.EscapedPath()
	}
	var b strings.Builder
	for segment := range strings.SplitSeq(written, "/") {
		if segment != "" {
			b.WriteString("/" + escaped(segment))
		}
	}
	return b.String()
}

// escaped writes a segment with nothing in it that has to be escaped: not every client escapes all it should.
func escaped(segment string) string {
	text, err := url.PathUnescape(segment)
	if err != nil {
		return segment // net/http has refused such a URL already
	}
	if text == "." || text == ".." { // ids like any others; the mux would take them for a relative path
		return strings.ReplaceAll(text, ".", "%2E")
	}
	return url.PathEscape(text)
}
