package ocpiserver

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/openapi"
)

// A document is an OpenAPI document as it is sent.
type document struct {
	raw  []byte
	etag string
}

const documentName = "/openapi.json"

// describe writes the OpenAPI documents: one of everything, and one of each version.
func (s *Server) describe() error {
	if s.config.NoOpenAPI {
		return nil
	}
	s.documents = map[string]document{}
	if err := s.addDocument(documentName, s.routes); err != nil {
		return err
	}
	for _, v := range s.config.Versions {
		of := slices.DeleteFunc(slices.Clone(s.routes), func(r openapi.Route) bool { return r.Version != "" && r.Version != v })
		if err := s.addDocument("/"+string(v)+documentName, of); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) addDocument(path string, routes []openapi.Route) error {
	raw, err := openapi.Document(openapi.Config{URL: s.base, PageLimit: s.config.PageLimit, Routes: routes})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(raw)
	s.documents[path] = document{raw, `"` + hex.EncodeToString(sum[:8]) + `"`}
	return nil
}

// serveDocument answers requests for what describes the interface. It reports whether this was one. They are no calls of a
// partner's: nobody is told of them, and they need no token.
func (s *Server) serveDocument(c *call) bool {
	path, ok := strings.CutPrefix(c.r.URL.Path, s.prefix)
	if !ok || c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		return false
	}
	if d, ok := s.documents[path]; ok {
		s.cors(c)
		d.send(c.w, c.r)
		return true
	}
	rest, ok := strings.CutPrefix(path, "/docs")
	switch {
	case !ok || s.config.Docs == nil:
		return false
	case rest == "": // what the pages refer to is below them
		http.Redirect(c.w, c.r, s.prefix+"/docs/", http.StatusFound)
		return true
	case rest[0] != '/':
		return false
	}
	http.StripPrefix(s.prefix+"/docs", s.config.Docs).ServeHTTP(c.w, c.r)
	return true
}

func (d document) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("ETag", d.etag)
	h.Set("Cache-Control", "no-cache") // ask again each time: another configuration has another document
	if r.Header.Get("If-None-Match") == d.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(d.raw)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(d.raw) // the client is gone; net/http has noticed
	}
}

// Document returns the OpenAPI document of a version, or of all where it is empty; nil where there is none.
func (s *Server) Document(v ocpi.Version) []byte {
	path := documentName
	if v != "" {
		path = "/" + string(v) + documentName
	}
	return s.documents[path].raw
}
