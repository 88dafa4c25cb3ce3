package sqlite

import (
	"slices"
	"strings"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// The column audience says who may list an object: the party it is meant for, as "NL/ABC", or nothing for all, and then
// the versions that it is withheld from, as "#2.1.1". Objects are put on shelves by it, so that what is withheld costs
// nothing to leave out and is not counted.
const (
	withheldMark = "#"
	versionComma = ","
)

func audienceText(o *store.Object) string {
	text := ""
	if o.Audience != (ocpi.Party{}) {
		text = o.Audience.String()
	}
	if len(o.Withheld) == 0 {
		return text
	}
	versions := make([]string, len(o.Withheld))
	for i, v := range o.Withheld {
		versions[i] = string(v)
	}
	slices.Sort(versions) // one order, one shelf
	return text + withheldMark + strings.Join(slices.Compact(versions), versionComma)
}

// readAudience is the other direction of audienceText.
func readAudience(text string) (audience ocpi.Party, withheld []ocpi.Version) {
	text, versions, some := strings.Cut(text, withheldMark)
	audience.CountryCode, audience.PartyID, _ = strings.Cut(text, "/")
	if some {
		for v := range strings.SplitSeq(versions, versionComma) {
			withheld = append(withheld, ocpi.Version(v))
		}
	}
	return audience, withheld
}

// hears reports whether the selection includes objects with this audience.
func hears(selection store.Selection, audience string) bool {
	return audience == "" || selection.Sees(readAudience(audience))
}
