package ocpitest

import (
	"maps"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// The actions here are about what messages have since 2.2.

// WithoutMessageIDs answers without the X-Request-ID and X-Correlation-ID of the request (requirement DT-15).
func WithoutMessageIDs() Action {
	return Change(func(_ *http.Request, a *Answer) {
		a.Header.Del("X-Request-ID")
		a.Header.Del("X-Correlation-ID")
	})
}

// Route answers with these routing headers, whatever the request said; none of a zero Party (requirement DT-20).
func Route(routing ocpi.Routing) Action {
	return Change(func(_ *http.Request, a *Answer) {
		for _, name := range []string{ocpi.HeaderToCountry, ocpi.HeaderToParty, ocpi.HeaderFromCountry, ocpi.HeaderFromParty} {
			a.Header.Del(name)
		}
		routing.Set(a.Header)
	})
}

// WithoutMember leaves a member, such as last_updated, out of the object that is answered, or out of each in the list.
func WithoutMember(name string) Action {
	without := func(raw jsontext.Value) jsontext.Value {
		var object map[string]jsontext.Value
		if json.Unmarshal(raw, &object) != nil || object == nil {
			return raw
		}
		delete(object, name)
		return encode(object)
	}
	return ChangeData(func(_ *http.Request, data jsontext.Value) jsontext.Value {
		var list []jsontext.Value
		if json.Unmarshal(data, &list) != nil || list == nil {
			return without(data)
		}
		for i := range list {
			list[i] = without(list[i])
		}
		return encode(list)
	})
}

// WithoutEndpointRoles leaves out which side of its module each endpoint in version details is (requirement DV-01).
func WithoutEndpointRoles() Action {
	return endpointRoles(func(jsontext.Value) jsontext.Value { return nil })
}

// WrongEndpointRoles says in version details that each endpoint is the other side of its module.
func WrongEndpointRoles() Action {
	return endpointRoles(func(role jsontext.Value) jsontext.Value {
		if string(role) == string(encode(ocpi.Sender)) {
			return encode(ocpi.Receiver)
		}
		return encode(ocpi.Sender)
	})
}

// endpointRoles changes the roles in version details that have them; nil leaves one out.
func endpointRoles(change func(role jsontext.Value) jsontext.Value) Action {
	return changeObject(CallDetails, func(details map[string]jsontext.Value) {
		var endpoints []map[string]jsontext.Value
		if json.Unmarshal(details["endpoints"], &endpoints) != nil || endpoints == nil {
			return
		}
		for _, e := range endpoints {
			if e["role"] == nil {
				continue
			}
			e["role"] = change(e["role"])
			maps.DeleteFunc(e, func(_ string, value jsontext.Value) bool { return value == nil })
		}
		details["endpoints"] = encode(endpoints)
	})
}
