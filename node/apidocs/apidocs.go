// Package apidocs shows OpenAPI documents in a browser, with a viewer that is part of the program: nothing is fetched from
// anywhere else, and the page's policy forbids it.
package apidocs

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"path"
	"strings"
	"time"
)

// What the viewer is made of stays in the program's own text, of which nothing has to be copied.
var (
	//go:embed swagger/swagger-ui-bundle.js
	bundle string
	//go:embed swagger/swagger-ui.css
	style string
	//go:embed start.js
	start string
	//go:embed page.css
	pageStyle string
	//go:embed page.html
	page string
)

// A Page is a viewer of one or several documents.
type Page struct {
	// Title is that of the page.
	Title string
	// Prefix is the path under which the Handler is served, as in /api/docs.
	Prefix string
	// Documents are what can be shown, the first at the beginning.
	Documents []Document
}

// A Document is an OpenAPI document on the same host.
type Document struct {
	// Name stands in the page's navigation, URL is where the document is.
	Name, URL string
}

// policy lets the page have nothing but what this host serves. The icons of the viewer are in its style sheet.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// A file is one that the viewer is made of, with the tag by which browsers know whether they have it.
type file struct{ text, tag string }

// Handler returns what serves the page and the files it is made of.
func (p Page) Handler() (http.Handler, error) {
	if len(p.Documents) == 0 {
		return nil, errors.New("apidocs: there is no document to show")
	}
	p.Prefix = strings.TrimRight(p.Prefix, "/")
	html, err := p.html()
	if err != nil {
		return nil, fmt.Errorf("apidocs: make the page: %w", err)
	}
	served := map[string]file{p.Prefix: html, p.Prefix + "/": html}
	for name, text := range map[string]string{"swagger-ui-bundle.js": bundle, "swagger-ui.css": style, "start.js": start, "page.css": pageStyle} {
		served[p.Prefix+"/"+name] = newFile(text)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := served[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		serve(w, r, f)
	}), nil
}

func newFile(text string) file {
	sum := sha256.New()
	_, _ = io.Copy(sum, strings.NewReader(text)) // neither of the two fails
	return file{text, `"` + hex.EncodeToString(sum.Sum(nil)[:8]) + `"`}
}

func (p Page) html() (file, error) {
	t, err := template.New("page.html").Parse(page)
	if err != nil {
		return file{}, err
	}
	var out strings.Builder
	err = t.Execute(&out, p)
	return newFile(out.String()), err
}

func serve(w http.ResponseWriter, r *http.Request, f file) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache") // it may be kept, and is asked for by its tag
	h.Set("ETag", f.tag)
	name := path.Base(r.URL.Path)
	if path.Ext(name) == "" {
		name = "page.html"
	}
	http.ServeContent(w, r, name, time.Time{}, strings.NewReader(f.text))
}
