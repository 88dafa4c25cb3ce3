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
	var segments []string
	for segment := range strings.SplitSeq(r.URL.EscapedPath(), "/") {
		switch segment {
		case "":
		case ".", "..": // an id like any other; the mux would take it for a relative path
			segments = append(segments, strings.ReplaceAll(segment, ".", "%2E"))
		default:
			segments = append(segments, segment)
		}
	}
	rest, ok := strings.CutPrefix("/"+strings.Join(segments, "/"), s.prefix)
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
