package event

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// wants reports whether a filter lets a message through, as the store's Events does.
func wants(want *store.EventFilter, m *message) bool {
	if len(want.Types) > 0 && !slices.ContainsFunc(want.Types, func(t string) bool { return matches(t, m.kind) }) {
		return false
	}
	if len(want.Partners) > 0 && !slices.Contains(want.Partners, m.partner) {
		return false
	}
	return len(want.Modules) == 0 || slices.Contains(want.Modules, m.module)
}

func matches(pattern, kind string) bool {
	start, wild := strings.CutSuffix(pattern, "*")
	return kind == pattern || wild && strings.HasPrefix(kind, start)
}

// Limits of a filter.
const (
	mostInFilter = 100
	longestName  = 100
)

// checkFilter returns what is wrong with a filter, the lists of which are at pointers that end with their names.
func checkFilter(want store.EventFilter, types, partners, modules string) (found []ocpi.Finding) {
	list := func(pointer string, n int, check func(i int) (ocpi.FindingCode, string)) {
		if n > mostInFilter {
			found = append(found, ocpi.Finding{Pointer: pointer, Code: ocpi.FindingLength, Message: "is longer than 100 entries"})
			return
		}
		for i := range n {
			if code, message := check(i); message != "" {
				found = append(found, ocpi.Finding{Pointer: pointer + "/" + strconv.Itoa(i), Code: code, Message: message})
			}
		}
	}
	list(types, len(want.Types), func(i int) (ocpi.FindingCode, string) { return checkType(want.Types[i]) })
	list(partners, len(want.Partners), func(i int) (ocpi.FindingCode, string) { return checkPartner(want.Partners[i]) })
	list(modules, len(want.Modules), func(i int) (ocpi.FindingCode, string) { return checkModule(want.Modules[i]) })
	return found
}

func checkType(t string) (ocpi.FindingCode, string) {
	switch {
	case t == "":
		return ocpi.FindingEmpty, "is empty"
	case len(t) > longestName:
		return ocpi.FindingLength, "is longer than 100 bytes"
	case strings.Contains(strings.TrimSuffix(t, "*"), "*"):
		return ocpi.FindingFormat, "has a * that is not at its end"
	case !knownType(t):
		return ocpi.FindingEnum, "is no type of events there is"
	}
	return "", ""
}

func checkPartner(name string) (ocpi.FindingCode, string) {
	switch {
	case name == "":
		return ocpi.FindingEmpty, "is empty"
	case len(name) > longestName:
		return ocpi.FindingLength, "is longer than 100 bytes"
	case strings.ContainsFunc(name, unicode.IsControl):
		return ocpi.FindingCharacters, "has control characters"
	}
	return "", ""
}

var modules = []ocpi.ModuleID{
	ocpi.ModuleLocations, ocpi.ModuleSessions, ocpi.ModuleCDRs, ocpi.ModuleTariffs, ocpi.ModuleTokens, ocpi.ModuleCommands,
	ocpi.ModuleCredentials, ocpi.ModuleChargingProfiles, ocpi.ModuleHubClientInfo,
}

func checkModule(m ocpi.ModuleID) (ocpi.FindingCode, string) {
	if !slices.Contains(modules, m) {
		return ocpi.FindingEnum, "is no module that events are about"
	}
	return "", ""
}

// A place is where in the journal a client of the stream begins.
type place struct {
	// now is set to begin with what happens from now on; otherwise it begins after a number, 0 for everything that is kept.
	now   bool
	after int64
}

// readQuery reads what a client of the stream wants to hear, and from where on.
func readQuery(r *http.Request) (want store.EventFilter, from place, err error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return want, from, &Invalid{Findings: []ocpi.Finding{{Pointer: "/query", Code: ocpi.FindingFormat, Message: "cannot be read"}}}
	}
	var found []ocpi.Finding
	from.now = true
	for name, values := range query {
		switch name {
		case "type":
			want.Types = split(values)
		case "partner":
			want.Partners = split(values)
		case "module":
			for _, m := range split(values) {
				want.Modules = append(want.Modules, ocpi.ModuleID(m))
			}
		case "after":
			found = append(found, from.read("/query/after", values)...)
		default:
			found = append(found, ocpi.Finding{
				Pointer: "/query/" + escapePointer(name), Code: ocpi.FindingEnum, Message: "is no parameter there is: type, partner, module, after",
			})
		}
	}
	// A client that comes back repeats its URL and adds the header, which is the newer.
	if ids := r.Header.Values("Last-Event-ID"); len(ids) > 0 && ids[0] != "" {
		found = append(found, from.read("/header/Last-Event-ID", ids)...)
	}
	found = append(found, checkFilter(want, "/query/type", "/query/partner", "/query/module")...)
	if len(found) > 0 {
		slices.SortFunc(found, func(a, b ocpi.Finding) int { return strings.Compare(a.Pointer, b.Pointer) })
		return want, from, &Invalid{Findings: found}
	}
	return want, from, nil
}

// read reads the number of an event. The id of events.lost is one too: the number of the last that was lost.
func (p *place) read(pointer string, values []string) []ocpi.Finding {
	if len(values) != 1 {
		return []ocpi.Finding{{Pointer: pointer, Code: ocpi.FindingRange, Message: "is given more than once"}}
	}
	digits := strings.TrimPrefix(values[0], lostID)
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return []ocpi.Finding{{Pointer: pointer, Code: ocpi.FindingFormat, Message: "is not the number of an event"}}
	}
	*p = place{after: int64(n)}
	return nil
}

// split reads lists that are repeated or separated by commas.
func split(values []string) (all []string) {
	for _, v := range values {
		for name := range strings.SplitSeq(v, ",") {
			all = append(all, strings.TrimSpace(name))
		}
	}
	return all
}

func escapePointer(s string) string {
	if len(s) > longestName {
		s = s[:longestName]
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(strings.ToValidUTF8(s, "?"))
}
