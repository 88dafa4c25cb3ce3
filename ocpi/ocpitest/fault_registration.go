package ocpitest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
)

// The actions here are about versions, version details and credentials, and leave every other answer as it is. To lie in
// credentials that the Partner sends, and not only in those it answers with, use Claim.

// LieAboutParty names another party in the answered credentials.
func LieAboutParty(party ocpi.Party) Action {
	return changeObject(ocpi.ModuleCredentials, func(credentials map[string]jsontext.Value) {
		country, id := encode(party.CountryCode), encode(party.PartyID)
		if credentials["party_id"] != nil { // 2.1.1 has one party, later versions have several
			credentials["country_code"], credentials["party_id"] = country, id
		}
		var roles []map[string]jsontext.Value
		if json.Unmarshal(credentials["roles"], &roles) == nil {
			for _, role := range roles {
				role["country_code"], role["party_id"] = country, id
			}
			credentials["roles"] = encode(roles)
		}
	})
}

// CredentialsURL names another versions URL in the answered credentials, such as one in a private network.
func CredentialsURL(url string) Action {
	return changeObject(ocpi.ModuleCredentials, func(credentials map[string]jsontext.Value) {
		if credentials["url"] != nil {
			credentials["url"] = encode(url)
		}
	})
}

func changeObject(module ocpi.ModuleID, change func(map[string]jsontext.Value)) Action {
	return ChangeData(func(r *http.Request, data jsontext.Value) jsontext.Value {
		var object map[string]jsontext.Value
		if moduleOf(r.URL.Path) != module || json.Unmarshal(data, &object) != nil || object == nil {
			return data
		}
		change(object)
		return encode(object)
	})
}

// WithoutEndpoints leaves these modules out of version details.
func WithoutEndpoints(modules ...ocpi.ModuleID) Action {
	return ChangeEndpoints(func(endpoints []v211.Endpoint) []v211.Endpoint {
		return slices.DeleteFunc(endpoints, func(e v211.Endpoint) bool { return slices.Contains(modules, e.Identifier) })
	})
}

// ChangeEndpoints changes the endpoints in version details, for example their URLs.
func ChangeEndpoints(change func([]v211.Endpoint) []v211.Endpoint) Action {
	return changeObject(CallDetails, func(details map[string]jsontext.Value) {
		var endpoints []v211.Endpoint
		if json.Unmarshal(details["endpoints"], &endpoints) != nil || endpoints == nil {
			return
		}
		details["endpoints"] = encode(change(endpoints))
	})
}

// OfferVersions offers these versions, in this order, instead of those the Partner speaks. Those it does not speak have
// a URL too, at which there is nothing.
func OfferVersions(versions ...ocpi.Version) Action {
	return ChangeData(func(r *http.Request, data jsontext.Value) jsontext.Value {
		var offered []v211.Version
		if moduleOf(r.URL.Path) != CallVersions || json.Unmarshal(data, &offered) != nil {
			return data
		}
		list := make([]v211.Version, len(versions))
		for i, version := range versions {
			base := "http://" + r.Host + strings.TrimSuffix(r.URL.Path, "/versions")
			list[i] = v211.Version{Version: version, URL: base + "/" + string(version) + "/details"}
			if at := slices.IndexFunc(offered, func(v v211.Version) bool { return v.Version == version }); at >= 0 {
				list[i] = offered[at]
			}
		}
		return encode(list)
	})
}
