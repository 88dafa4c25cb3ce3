package ocpiclient

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// A PlacedCDR is a CDR of ours of which it is known where the partner has it.
type PlacedCDR struct {
	ID string
	// Location is what Post returned for it.
	Location string
}

// Leads reports whether the Location of this CDR surely says where one with another id would be: its own id is a segment of
// its path, or is inside of one and too long to be there by chance, as "1" is in a number of the partner's own.
func (p PlacedCDR) Leads(id string) bool {
	_, whole, ok := inPlaceOf(p, id)
	return ok && (whole || len(p.ID) >= noChance)
}

// noChance is how long an id is that is not inside of something else by chance.
const noChance = 6

// Find asks the partner for a CDR of ours whose Location is not known, because the answer to its Post was lost. It asks at
// the places that follow from where the partner has other CDRs, with the id in the place of theirs, and then below the
// endpoint by the id, and by the owner and the id.
//
// The error is ocpi.ErrNotFound only where the partner answers that at every place; its Status is 0 where one of the answers
// was none of OCPI: there may be nothing at that place for any CDR. A partner that says nowhere else where it has its CDRs may
// still have this one at a place that cannot be guessed: then like makes the answer a sure one.
func (r CDRReceiver) Find(ctx context.Context, key ocpi.Key, like ...PlacedCDR) (cdr v230.CDR, location string, err error) {
	places, err := r.places(key, like)
	if err != nil {
		return cdr, "", err
	}
	ctx = correlated(ctx)
	var failed error
	for _, place := range places {
		cdr, err := r.at(ctx, place, key)
		var e *Error
		switch {
		case err == nil:
			return cdr, place, nil
		case !errors.As(err, &e), e.Kind == TryLater, e.ConcernsPartner():
			return v230.CDR{}, "", err
		case failed == nil, errors.Is(failed, ocpi.ErrNotFound) && (!errors.Is(err, ocpi.ErrNotFound) || e.Status == 0):
			failed = err
		}
	}
	return v230.CDR{}, "", failed
}

// at gets the CDR at a place, if it is the one that is looked for.
func (r CDRReceiver) at(ctx context.Context, place string, key ocpi.Key) (v230.CDR, error) {
	c := r.client
	owner := c.owner(key.Party)
	cdr, err := r.get(ctx, place, c.env(ctx, owner))
	if err != nil {
		return v230.CDR{}, err
	}
	found := newKey(cdr.CountryCode, cdr.PartyID, cdr.ID)
	if cdr.ID.Equal(ocpi.CiString(key.ID)) && found.Party == ocpi.NewParty(owner.CountryCode, owner.PartyID) {
		return cdr, nil
	}
	return v230.CDR{}, &Error{
		Kind: NotFound, Method: http.MethodGet, URL: shown(place, c.secrets(&request{})), HTTP: http.StatusOK, Status: ocpi.StatusSuccess,
		Message: "another CDR is there: " + clean(found.Party.String()+" "+found.ID, c.secrets(&request{})),
	}
}

// get gets the CDR at a URL on the partner's hosts.
func (r CDRReceiver) get(ctx context.Context, location string, env convert.Env) (v230.CDR, error) {
	c := r.client
	call := request{method: http.MethodGet, url: location, module: ocpi.ModuleCDRs, role: ocpi.RoleEMSP, routing: ocpi.Routing{From: env.Owner}}
	if err := c.checkOurs(&call); err != nil {
		return v230.CDR{}, err
	}
	cdr, _, err := ask(ctx, c, call, c.codecs.CDRs, env)
	return cdr, err
}

// places are where the partner may have a CDR, the likeliest first.
func (r CDRReceiver) places(key ocpi.Key, like []PlacedCDR) ([]string, error) {
	c := r.client
	endpoint, err := c.endpoint(ocpi.ModuleCDRs, ocpi.Receiver, ocpi.RoleEMSP)
	if err != nil {
		return nil, err
	}
	var places []string
	add := func(place string) {
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	for _, other := range like {
		if place, _, ok := inPlaceOf(other, key.ID); ok && place.User == nil && c.ours(place) {
			add(place.String())
		}
	}
	owner := c.owner(key.Party)
	for _, segments := range [][]string{{key.ID}, {owner.CountryCode, owner.PartyID, key.ID}} {
		place, _, err := c.below(endpoint, nil, segments...)
		if err != nil {
			return nil, err
		}
		add(place)
	}
	return places, nil
}

// inPlaceOf returns the Location of another CDR with this id in the place of its own: of the last segment of the path that
// is its id, or else of the last that has it inside, with no letter or digit beside it. whole tells which of the two. Ids
// compare without case, and some partners change it in their URLs.
func inPlaceOf(other PlacedCDR, id string) (place *url.URL, whole, ok bool) {
	u, err := url.Parse(other.Location)
	if err != nil || other.ID == "" {
		return nil, false, false
	}
	path, its := u.EscapedPath(), ocpi.CiString(escape(other.ID)).Fold()
	folded := ocpi.CiString(path).Fold()
	at := strings.LastIndex(folded+"/", "/"+its+"/") + 1
	whole = at > 0
	if !whole {
		at = lastWord(folded, its)
	}
	if at < 0 {
		return nil, false, false
	}
	made := path[:at] + escape(id) + path[at+len(its):]
	if u.Path, err = url.PathUnescape(made); err != nil {
		return nil, false, false
	}
	u.RawPath = made
	return u, whole, true
}

// lastWord is where a word begins in a text for the last time without a letter or digit beside it; negative for nowhere.
func lastWord(text, word string) int {
	for end := len(text); ; {
		at := strings.LastIndex(text[:end], word)
		if at < 0 || !inWord(text, at-1) && !inWord(text, at+len(word)) {
			return at
		}
		end = at + len(word) - 1
	}
}

func inWord(text string, at int) bool {
	if at < 0 || at >= len(text) {
		return false
	}
	b := text[at]
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || b >= utf8.RuneSelf
}
