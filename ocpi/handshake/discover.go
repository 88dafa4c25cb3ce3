package handshake

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

// A found is what a partner tells about itself.
type found struct {
	// url is the partner's versions endpoint, token what it is called with.
	url, token string

	versions  []ocpiclient.VersionEntry
	encoding  ocpi.TokenEncoding
	version   ocpi.Version
	endpoints []ocpi.Endpoint
}

// offers are all versions of the partner.
func (f *found) offers() []ocpi.Version {
	var offers []ocpi.Version
	for _, v := range f.versions {
		offers = append(offers, v.Version)
	}
	return offers
}

// store puts what was found into the relation.
func (f *found) store(h *Handshake, r *Relation) {
	r.Remote.VersionsURL, r.Remote.Offers = f.url, f.offers()
	r.Remote.Version, r.Remote.Endpoints = f.version, f.endpoints
	r.Remote.Read, r.Encoding = h.now(), f.encoding
}

// caller returns a client for finding out about a partner.
func (h *Handshake) caller(r *Relation, f *found) (*ocpiclient.Client, error) {
	as := r.Clone()
	as.Encoding, as.Remote.Version, as.Remote.Endpoints = f.encoding, f.version, f.endpoints
	return h.client(&as, f.token)
}

// readVersions reads the partner's versions. Where it does not know the token, the other form of the token is tried, and
// remembered if that is what it wants (requirement TF-06), unless the partner's quirks say which form it is.
func (h *Handshake) readVersions(ctx context.Context, r *Relation, f *found) error {
	var refused error
	for _, encoding := range h.encodings(r, f) {
		try := *f
		try.encoding = encoding
		c, err := h.caller(r, &try)
		if err != nil {
			return err
		}
		versions, err := c.Versions(ctx, f.url)
		if err == nil {
			f.encoding, f.versions = encoding, versions
			return nil
		}
		if !refusedToken(err) {
			return err
		}
		if refused == nil {
			refused = err
		}
	}
	return refused
}

// encodings are the forms of a token to try, the likeliest first.
func (h *Handshake) encodings(r *Relation, f *found) []ocpi.TokenEncoding {
	profile, err := quirk.Parse(r.Terms.Quirks)
	switch {
	case err != nil: // checkTerms has parsed it
	case profile.Has(quirk.TokenPlain):
		return []ocpi.TokenEncoding{ocpi.TokenPlain}
	case profile.Has(quirk.TokenBase64):
		return []ocpi.TokenEncoding{ocpi.TokenBase64}
	}
	first := cmp.Or(f.encoding, r.Encoding, ocpi.DefaultTokenEncoding(h.newest(r)))
	return []ocpi.TokenEncoding{first, other(first)}
}

func other(encoding ocpi.TokenEncoding) ocpi.TokenEncoding {
	if encoding == ocpi.TokenBase64 {
		return ocpi.TokenPlain
	}
	return ocpi.TokenBase64
}

// newest is the version to expect of a partner that is not known yet.
func (h *Handshake) newest(r *Relation) ocpi.Version {
	if r.Remote.Version != "" {
		return r.Remote.Version
	}
	spoken := h.spoken(r.Terms)
	if len(spoken) == 0 { // of what we spoke when the terms were made, nothing is left
		spoken = h.config.Versions
	}
	return slices.MaxFunc(spoken, ocpi.Version.Compare)
}

// spoken are the versions that may be used under some terms.
func (h *Handshake) spoken(t Terms) []ocpi.Version {
	return slices.DeleteFunc(slices.Clone(h.config.Versions), func(v ocpi.Version) bool { return !t.allow(v) })
}

// choose picks the highest version that both sides speak and that the terms let be used (requirement V-09).
func (h *Handshake) choose(r *Relation, f *found) (ocpiclient.VersionEntry, error) {
	var best ocpiclient.VersionEntry
	ours := h.spoken(r.Terms)
	for _, v := range f.versions {
		if !slices.Contains(ours, v.Version) {
			continue
		}
		if best.Version == "" || v.Version.Compare(best.Version) > 0 {
			best = v
		}
	}
	if best.Version != "" {
		return best, nil
	}
	return best, &ocpi.Error{Code: ocpi.StatusUnsupportedVersion, Message: fmt.Sprintf("no version in common: we speak %v, they offer %s", ours, few(f.offers()))}
}

// find returns one version of those a partner offers.
func (f *found) find(v ocpi.Version) (ocpiclient.VersionEntry, error) {
	for _, entry := range f.versions {
		if entry.Version == v {
			return entry, nil
		}
	}
	return ocpiclient.VersionEntry{}, &ocpi.Error{
		Code: ocpi.StatusUnsupportedVersion, Message: fmt.Sprintf("version %s is not among those at your versions URL: %s", v, few(f.offers())),
	}
}

// readDetails reads the endpoints of a version.
func (h *Handshake) readDetails(ctx context.Context, r *Relation, f *found, entry ocpiclient.VersionEntry) error {
	c, err := h.caller(r, f)
	if err != nil {
		return err
	}
	details, err := c.Details(ctx, entry.URL)
	if err != nil {
		return err
	}
	f.version, f.endpoints = entry.Version, details.Endpoints
	return nil
}

// checkEndpoints refuses a partner without credentials, without anything beside them, or without a module that the
// operator's terms ask for (requirements V-04, V-06, C-15), and URLs that must not be called.
func (h *Handshake) checkEndpoints(r *Relation, f *found) error {
	offered := map[ocpi.ModuleID]bool{}
	for _, e := range f.endpoints {
		offered[e.Module] = true
		if err := h.config.Transport.CheckURL(e.URL); err != nil {
			return fmt.Errorf("the endpoint %s: %w", e.Module, err)
		}
	}
	var missing []ocpi.ModuleID
	for _, m := range append([]ocpi.ModuleID{ocpi.ModuleCredentials}, r.Terms.Modules...) {
		if !offered[m] {
			missing = append(missing, m)
		}
	}
	if len(missing) > 0 {
		return &ocpi.Error{Code: ocpi.StatusMissingEndpoints, Message: fmt.Sprintf("these endpoints are missing from version %s: %v", f.version, missing)}
	}
	if len(offered) == 1 {
		return &ocpi.Error{Code: ocpi.StatusMissingEndpoints, Message: fmt.Sprintf("version %s has no endpoint beside credentials: there is nothing to exchange", f.version)}
	}
	return nil
}

// few writes a list that a partner sent, as far as somebody reads it.
func few(versions []ocpi.Version) string {
	const most = 10
	if len(versions) <= most {
		return fmt.Sprint(versions)
	}
	return fmt.Sprintf("%v and %d more", versions[:most], len(versions)-most)
}
