package ocpiclient

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
)

// endpoint returns where the partner, in the role it is called in, serves a side of a module (requirement TF-61).
//
// Versions before 2.2 do not say the side. A platform with both roles should then have version details for each
// (requirement V-05); where it lists both in one, the path tells them apart.
func (c *Client) endpoint(module ocpi.ModuleID, side ocpi.InterfaceRole, role ocpi.Role) (string, error) {
	if !c.speaks {
		return "", fmt.Errorf("ocpiclient: %w: %q", ErrVersion, c.config.Version)
	}
	var fitting, unsaid []string
	for _, e := range c.config.Endpoints {
		switch {
		case e.Module != module || e.URL == "":
		case e.Role == "":
			unsaid = append(unsaid, e.URL)
		case e.Role == side || side == "":
			fitting = append(fitting, e.URL)
		}
	}
	if len(fitting) > 0 {
		return fitting[0], nil
	}
	if len(unsaid) == 0 {
		return "", fmt.Errorf("ocpiclient: %w: %s as %s", ErrNotOffered, module, role)
	}
	if len(unsaid) == 1 {
		return unsaid[0], nil
	}
	at := slices.IndexFunc(unsaid, func(endpoint string) bool { return hasSegment(endpoint, string(role)) })
	return unsaid[max(at, 0)], nil
}

// hasSegment reports whether the path of a URL has a segment, such as cpo.
func hasSegment(endpoint, segment string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || segment == "" {
		return false
	}
	return slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return strings.EqualFold(s, segment) })
}
