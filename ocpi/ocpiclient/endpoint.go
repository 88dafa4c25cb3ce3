package ocpiclient

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
)

// endpoint returns where the partner, in the role it is called in, serves a side of a module (requirements TF-61, DV-01).
//
// Versions before 2.2 do not say the side. A platform with both roles should then have version details for each
// (requirement V-05); where it lists both in one, or leaves the side out since, the path tells them apart. It also does where
// one side is listed several times, as by a platform with an address for each of its roles.
func (c *Client) endpoint(module ocpi.ModuleID, side ocpi.InterfaceRole, role ocpi.Role) (string, error) {
	if !c.speaks {
		return "", fmt.Errorf("ocpiclient: %w: %q", ErrVersion, c.config.Version)
	}
	var fitting, unsaid, other []string
	for _, e := range c.config.Endpoints {
		switch {
		case e.Module != module || e.URL == "":
		case e.Role != ocpi.Sender && e.Role != ocpi.Receiver:
			unsaid = append(unsaid, e.URL)
		case e.Role == side || side == "":
			fitting = append(fitting, e.URL)
		default:
			other = append(other, string(e.Role))
		}
	}
	switch {
	case len(fitting) > 0:
		return first(fitting, string(role)), nil
	case len(unsaid) > 0:
		return first(unsaid, string(side), string(role)), nil
	case len(other) > 0:
		return "", fmt.Errorf("ocpiclient: %w: %s as %s: it is listed as %s alone, and not as %s", ErrNotOffered, module, role, other[0], side)
	default:
		return "", fmt.Errorf("ocpiclient: %w: %s as %s", ErrNotOffered, module, role)
	}
}

// first is the first endpoint whose path has one of these segments, the earlier ones first, or else the first of all.
func first(endpoints []string, segments ...string) string {
	for _, segment := range segments {
		if at := slices.IndexFunc(endpoints, func(endpoint string) bool { return hasSegment(endpoint, segment) }); at >= 0 {
			return endpoints[at]
		}
	}
	return endpoints[0]
}

// hasSegment reports whether the path of a URL has a segment, such as cpo.
func hasSegment(endpoint, segment string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || segment == "" {
		return false
	}
	return slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return strings.EqualFold(s, segment) })
}
