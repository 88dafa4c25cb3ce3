package ocpiclient

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

// A VersionEntry is one version that a partner offers.
type VersionEntry struct {
	Version ocpi.Version
	// URL is that of its details.
	URL string
}

// Details are what a partner serves in one version.
type Details struct {
	// Version is the one the partner names; empty where it names none.
	Version ocpi.Version
	// Endpoints are all it lists, in its order, also those of modules this package does not know (requirement V-07).
	Endpoints []ocpi.Endpoint
}

// Versions asks for the versions a partner offers, which may be some this package does not know (requirements V-01,
// V-08). The URL is the one from its credentials, or the one that was handed over with the first token.
func (c *Client) Versions(ctx context.Context, url string) ([]VersionEntry, error) {
	return read(ctx, c, url, readVersions)
}

// Details asks for the details of a version at the URL that Versions gave (requirements V-02, V-04).
func (c *Client) Details(ctx context.Context, url string) (Details, error) {
	return read(ctx, c, url, readDetails)
}

// Bounds of what is taken of versions and details: they are kept for as long as the partner is one. No platform comes near
// them.
const (
	maxDiscovery = 1 << 20 // bytes of one answer
	maxVersions  = 100
	maxEndpoints = 200
	maxURL       = 2048
	maxWord      = 64 // characters of a version number or a module's id
)

var errTooMuch = errors.New("more in it than any platform has")

// read asks for a document that is the same in all versions. It is read by hand, because it is asked for before a
// version has been chosen.
func read[T any](ctx context.Context, c *Client, target string, parse func(jsontext.Value, *url.URL) (T, []quirk.Name, error)) (T, error) {
	var none T
	ctx = correlated(ctx)
	a, err := c.do(ctx, request{method: http.MethodGet, url: target})
	if err != nil {
		return none, err
	}
	if len(a.body) > maxDiscovery {
		return none, c.fail(ctx, a, Permanent, errTooMuch, errTooMuch.Error())
	}
	document, quirks, err := parse(a.data, a.from)
	c.count(a, quirks...)
	if err != nil {
		return none, c.fail(ctx, a, Permanent, err, err.Error())
	}
	c.tell(ctx, a.exchange)
	return document, nil
}

// readVersions passes over entries that do not name a version and a URL, or something else than that.
func readVersions(data jsontext.Value, base *url.URL) ([]VersionEntry, []quirk.Name, error) {
	elements, quirks, err := list(data)
	if err != nil {
		return nil, quirks, errors.New("no list of versions")
	}
	var versions []VersionEntry
	for _, element := range elements {
		m := membersOf(element)
		v := VersionEntry{Version: ocpi.Version(strings.TrimSpace(text(m["version"]))), URL: absolute(base, text(m["url"]))}
		if v.Version != "" && v.URL != "" && len(v.Version) <= maxWord && len(v.URL) <= maxURL {
			versions = append(versions, v)
		}
	}
	if len(versions) > maxVersions {
		return nil, quirks, errTooMuch
	}
	if len(versions) == 0 {
		return nil, quirks, errors.New("no version in its list")
	}
	return versions, quirks, nil
}

// readDetails passes over endpoints that do not name a module and a URL, or something else than that.
func readDetails(data jsontext.Value, base *url.URL) (Details, []quirk.Name, error) {
	var quirks []quirk.Name
	if data.Kind() == '[' {
		if elements, _, err := list(data); err == nil && len(elements) == 1 {
			data, quirks = elements[0], append(quirks, quirk.WrappedObject)
		}
	}
	m := membersOf(data)
	elements, more, err := list(m["endpoints"])
	quirks = append(quirks, more...)
	if err != nil {
		return Details{}, quirks, errors.New("no version details: there is no list of endpoints")
	}
	details := Details{Version: ocpi.Version(strings.TrimSpace(text(m["version"])))}
	for _, element := range elements {
		m := membersOf(element)
		e := ocpi.Endpoint{
			Module: moduleID(text(m["identifier"])), Role: ocpi.InterfaceRole(strings.ToUpper(text(m["role"]))),
			URL: absolute(base, text(m["url"])),
		}
		if e.Module != "" && e.URL != "" && len(e.Module) <= maxWord && len(e.URL) <= maxURL {
			details.Endpoints = append(details.Endpoints, e)
		}
	}
	if len(details.Endpoints) > maxEndpoints {
		return Details{}, quirks, errTooMuch
	}
	if len(details.Endpoints) == 0 {
		return Details{}, quirks, ErrNoEndpoints
	}
	return details, quirks, nil
}

// moduleID is a module as OCPI writes it, in small letters; the ids of modules by agreement stay as they are.
func moduleID(written string) ocpi.ModuleID {
	written = strings.TrimSpace(written)
	for _, known := range ocpi.Modules() {
		if strings.EqualFold(written, string(known)) {
			return known
		}
	}
	return ocpi.ModuleID(written)
}

// absolute is a URL as the partner wrote it, or where it is relative, seen from where it was found. It is empty for what
// is no URL.
func absolute(base *url.URL, written string) string {
	written = strings.TrimSpace(written)
	u, err := url.Parse(written)
	switch {
	case err != nil || written == "":
		return ""
	case u.IsAbs():
		return written
	default:
		return base.ResolveReference(u).String()
	}
}

// list returns the elements of a list, or a single object as the one element of a list.
func list(value jsontext.Value) ([]jsontext.Value, []quirk.Name, error) {
	switch value.Kind() {
	case '[':
		var elements []jsontext.Value
		err := walk(value, func(_ string, element jsontext.Value) { elements = append(elements, element) })
		return elements, nil, err
	case '{':
		return []jsontext.Value{value}, []quirk.Name{quirk.ObjectForList}, nil
	default:
		return nil, nil, errors.New("no list")
	}
}

// membersOf returns the members of an object; nothing for any other value.
func membersOf(value jsontext.Value) map[string]jsontext.Value {
	members := map[string]jsontext.Value{}
	if value.Kind() == '{' {
		_ = walk(value, func(name string, member jsontext.Value) { members[name] = member }) // the value was read before
	}
	return members
}
