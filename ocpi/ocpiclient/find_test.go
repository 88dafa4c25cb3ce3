package ocpiclient_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A keeper is a partner that has CDRs at some of its paths.
type keeper map[string]func(w http.ResponseWriter)

func (k keeper) answer(asked *[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.URL.EscapedPath())
		if answer, ok := k[r.URL.EscapedPath()]; ok {
			answer(w)
			return
		}
		fails(w, http.StatusNotFound, 2000, "nothing here")
	}
}

// CDR-04 to CDR-06: a CDR is looked for where the partner has others, and then where partners usually have them.
func TestFindAsksWhereACDRMayBe(t *testing.T) {
	const id, base = "CDR 1/a", "/ocpi/emsp/2.1.1/cdrs/"
	const byID, byOwner = base + "CDR%201%2Fa", base + "BE/TST/CDR%201%2Fa"
	c := codecs(t)
	has := func(id string) func(w http.ResponseWriter) {
		cdr := ocpitest.Network(ours).CDR(1)
		cdr.ID = ocpi.CiString(id)
		raw, _, err := c.CDRs.Write(cdr, convert.Env{Owner: ours})
		if err != nil {
			t.Fatal(err)
		}
		return func(w http.ResponseWriter) { ok(w, string(raw)) }
	}
	status := func(status int) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(status) }
	}
	data := func(data string) func(w http.ResponseWriter) { return func(w http.ResponseWriter) { ok(w, data) } }
	for name, k := range map[string]struct {
		keeper keeper
		// like are Locations of the CDR OLD, below the partner's URL where they are no URLs.
		like []string
		// at is where it is found; empty with kind saying why not.
		at    string
		kind  ocpiclient.Kind
		asked []string
	}{
		"by its id":                              {keeper{byID: has(id)}, nil, byID, "", []string{byID}},
		"by its id in other letters":             {keeper{byID: has("cdr 1/A")}, nil, byID, "", []string{byID}},
		"by its owner":                           {keeper{byOwner: has(id)}, nil, byOwner, "", []string{byID, byOwner}},
		"nowhere":                                {keeper{}, nil, "", ocpiclient.NotFound, []string{byID, byOwner}},
		"another CDR":                            {keeper{byID: has("CDR2"), byOwner: has("CDR3")}, nil, "", ocpiclient.NotFound, []string{byID, byOwner}},
		"like another":                           {keeper{"/their/CDR%201%2Fa/v": has(id)}, []string{"/their/OLD/v"}, "/their/CDR%201%2Fa/v", "", []string{"/their/CDR%201%2Fa/v"}},
		"like another in small letters":          {keeper{"/their/CDR%201%2Fa": has(id)}, []string{"/their/old"}, "/their/CDR%201%2Fa", "", []string{"/their/CDR%201%2Fa"}},
		"like another, twice in it":              {keeper{"/OLD/CDR%201%2Fa": has(id)}, []string{"/OLD/OLD"}, "/OLD/CDR%201%2Fa", "", []string{"/OLD/CDR%201%2Fa"}},
		"like another, whole before part":        {keeper{"/CDR%201%2Fa/OLDER": has(id)}, []string{"/OLD/OLDER"}, "/CDR%201%2Fa/OLDER", "", []string{"/CDR%201%2Fa/OLDER"}},
		"like another, inside a segment":         {keeper{"/x/cdr-CDR%201%2Fa.json": has(id)}, []string{"/x/cdr-OLD.json"}, "/x/cdr-CDR%201%2Fa.json", "", []string{"/x/cdr-CDR%201%2Fa.json"}},
		"not like another, but by its id":        {keeper{byID: has(id)}, []string{"/their/OLD"}, byID, "", []string{"/their/CDR%201%2Fa", byID}},
		"not like one in whose number it is":     {keeper{}, []string{"/their/7OLD"}, "", ocpiclient.NotFound, []string{byID, byOwner}},
		"like one whose URL says nothing":        {keeper{}, []string{"/their/17"}, "", ocpiclient.NotFound, []string{byID, byOwner}},
		"like one on another host":               {keeper{}, []string{"https://elsewhere.example.com/OLD"}, "", ocpiclient.NotFound, []string{byID, byOwner}},
		"like one with a user name":              {keeper{}, []string{"user@/OLD"}, "", ocpiclient.NotFound, []string{byID, byOwner}},
		"like two at one place":                  {keeper{}, []string{"/their/OLD", "/their/OLD"}, "", ocpiclient.NotFound, []string{"/their/CDR%201%2Fa", byID, byOwner}},
		"no GET there, but by its owner":         {keeper{byID: status(405), byOwner: has(id)}, nil, byOwner, "", []string{byID, byOwner}},
		"no GET there, and nothing elsewhere":    {keeper{byID: status(405)}, nil, "", ocpiclient.Permanent, []string{byID, byOwner}},
		"nothing there, and no GET elsewhere":    {keeper{byOwner: status(405)}, nil, "", ocpiclient.Permanent, []string{byID, byOwner}},
		"success without a CDR is not not found": {keeper{byID: data("null")}, nil, "", ocpiclient.Permanent, []string{byID, byOwner}},
		"who does not let us in is not asked on": {keeper{byID: status(401)}, nil, "", ocpiclient.Permanent, []string{byID}},
		"who is busy is not asked on":            {keeper{byID: status(503), byOwner: has(id)}, nil, "", ocpiclient.TryLater, []string{byID}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			partner := newAwkward(t, ocpiclient.Config{Retries: -1, Own: theirs}, k.keeper.answer(&asked))
			var like []ocpiclient.PlacedCDR
			for _, at := range k.like {
				switch user, path, _ := strings.Cut(at, "@"); {
				case path != "":
					at = strings.Replace(partner.URL, "://", "://"+user+"@", 1) + path
				case strings.HasPrefix(at, "/"):
					at = partner.URL + at
				}
				like = append(like, ocpiclient.PlacedCDR{ID: "OLD", Location: at})
			}
			cdr, at, err := partner.client.EMSP().CDRs.Find(t.Context(), ocpi.Key{Party: ours, ID: id}, like...)
			if diff := cmp.Diff(k.asked, asked); diff != "" {
				t.Error(diff)
			}
			if k.kind != "" {
				var e *ocpiclient.Error
				if !errors.As(err, &e) || e.Kind != k.kind || errors.Is(err, ocpi.ErrNotFound) != (k.kind == ocpiclient.NotFound) || at != "" {
					t.Errorf("got %v at %q, want %s", err, at, k.kind)
				}
				return
			}
			if err != nil || at != partner.URL+k.at || !cdr.ID.Equal(id) || string(cdr.CountryCode) != ours.CountryCode {
				t.Errorf("got %s/%s at %q, %v, want %s", cdr.CountryCode, cdr.ID, at, err, k.at)
			}
		})
	}
}

// A short id may be part of a number that the partner has given: what is asked for there proves nothing.
func TestALocationLeadsOnlyWhereItsIDIsNotThereByChance(t *testing.T) {
	for _, tt := range []struct {
		id, location string
		leads        bool
	}{
		{"1", "https://them.example.com/cdrs/1", true},
		{"1", "https://them.example.com/cdrs/1/", true},
		{"1", "https://them.example.com/cdrs/81", false},
		{"1", "https://them.example.com/cdrs/2026-1", false},
		{"1", "https://them.example.com/cdrs/NL/GPE/1", true},
		{"CDR-2026-1", "https://them.example.com/cdrs/NL*GPE*CDR-2026-1", true},
		{"CDR-2026-1", "https://them.example.com/cdrs/CDR-2026-17", false},
		{"CDR-2026-1", "https://them.example.com/cdrs?id=CDR-2026-1", false},
		{"", "https://them.example.com/cdrs/", false},
	} {
		if got := (ocpiclient.PlacedCDR{ID: tt.id, Location: tt.location}).Leads("CDR-2026-2"); got != tt.leads {
			t.Errorf("%s of %s: %t", tt.location, tt.id, got)
		}
	}
}

// Later versions say whose a CDR is, and parties may have CDRs of one id.
func TestFindLooksAtTheOwner(t *testing.T) {
	for _, owner := range []ocpi.Party{ours, theirs} {
		codecs, _ := wire.For(ocpi.V230)
		cdr := ocpitest.Network(owner).CDR(1)
		cdr.ID = "CDR1"
		raw, _, err := codecs.CDRs.Write(cdr, convert.Env{})
		if err != nil {
			t.Fatal(err)
		}
		var asked []string
		base := "/ocpi/emsp/2.1.1/cdrs/"
		partner := newAwkward(t, ocpiclient.Config{Version: ocpi.V230}, keeper{base + "CDR1": func(w http.ResponseWriter) { ok(w, string(raw)) }}.answer(&asked))
		_, _, err = partner.client.EMSP().CDRs.Find(t.Context(), ocpi.Key{Party: ours, ID: "CDR1"})
		if found := err == nil; found != (owner == ours) || !found && !errors.Is(err, ocpi.ErrNotFound) {
			t.Errorf("a CDR of %s: %v", owner, err)
		}
	}
}

// Whatever partners call the places of their CDRs, a place made of one is on the same host, and leaves the caller's list
// alone.
func FuzzFindAsksOnlyThePartner(f *testing.F) {
	for _, location := range []string{"/their/OLD", "//evil.example.com/OLD", "http://user@host/OLD", "/a%2FOLD?x=OLD#OLD", "/\u00e9/OLD", "OLD", "/%zz/OLD", "/old/%4FLD"} {
		f.Add(location, "OLD", "new/\u00fc ?#%")
	}
	f.Fuzz(func(t *testing.T, location, other, id string) {
		var asked []string
		partner := newAwkward(t, ocpiclient.Config{Retries: -1}, keeper{}.answer(&asked))
		u, err := url.Parse(partner.URL)
		if err != nil {
			t.Fatal(err)
		}
		if at, err := u.Parse(location); err == nil {
			location = at.String()
		}
		like := []ocpiclient.PlacedCDR{{ID: other, Location: location}}
		before := slices.Clone(like)
		_, _, err = partner.client.EMSP().CDRs.Find(t.Context(), ocpi.Key{Party: ours, ID: id}, like...)
		if err == nil || !slices.Equal(before, like) || len(asked) > 3 {
			t.Error(fmt.Sprint(err, like, asked))
		}
	})
}
