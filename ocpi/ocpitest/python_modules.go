package ocpitest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
)

func (c *pythonCall) versions() Answer {
	return success(encode([]v211.Version{{Version: ocpi.V211, URL: c.partner.URL + "/2.1.1/details"}}))
}

// details never lists the commands of a CPO, though they are there. With both roles, each module is there twice.
func (c *pythonCall) details() Answer {
	details := v211.VersionDetails{Version: ocpi.V211}
	modules := []ocpi.ModuleID{ocpi.ModuleCredentials, ocpi.ModuleLocations, ocpi.ModuleCDRs, ocpi.ModuleSessions, ocpi.ModuleTokens, ocpi.ModuleTariffs}
	for _, role := range []ocpi.Role{ocpi.RoleCPO, ocpi.RoleEMSP} {
		if !slices.Contains(c.partner.config.Roles, role) {
			continue
		}
		if role == ocpi.RoleEMSP {
			modules = append(modules, ocpi.ModuleCommands)
		}
		for _, module := range modules {
			details.Endpoints = append(details.Endpoints, v211.Endpoint{
				Identifier: module, URL: c.partner.URL + "/" + strings.ToLower(string(role)) + "/2.1.1/" + string(module) + "/",
			})
		}
	}
	return success(encode(&details))
}

// credentials are not in an array.
func (c *pythonCall) credentials() Answer {
	var body []byte
	if c.r.Method == http.MethodPost || c.r.Method == http.MethodPut {
		if refusal := c.checkBody("Credentials", false, "body"); refusal != nil {
			return *refusal
		}
		body = pythonRead(c.body, pythonType("Credentials"))
	}
	data, refusal := dataOf(c.ask(c.r.Method, c.path, nil, body))
	switch {
	case refusal != nil:
		return *refusal
	case c.r.Method == http.MethodDelete:
		return success(pythonList())
	default:
		return success(pythonForm(data, pythonType("Credentials")))
	}
}

// get answers with one object, in an array.
func (c *pythonCall) get() Answer { return c.one(c.ask(http.MethodGet, c.path, nil, nil)) }

func (c *pythonCall) one(a *Answer) Answer {
	data, refusal := dataOf(a)
	if refusal != nil {
		return *refusal
	}
	return success(pythonList(pythonForm(data, pythonType(c.route.object))))
}

// owned serves objects that the other side owns. What has changed them answers with the whole object.
func (c *pythonCall) owned() Answer {
	switch c.r.Method {
	case http.MethodPut, http.MethodPatch:
		if refusal := c.write(); refusal != nil {
			return *refusal
		}
	case http.MethodDelete:
		if _, refusal := dataOf(c.ask(http.MethodDelete, c.path, nil, nil)); refusal != nil {
			return *refusal
		}
		return success(pythonList())
	}
	return c.get()
}

// write stores the body. A PATCH without a field that is known and not null changes nothing.
func (c *pythonCall) write() *Answer {
	patch := c.r.Method == http.MethodPatch
	if refusal := c.checkBody(c.route.object, patch, "body"); refusal != nil {
		return refusal
	}
	read := pythonRead
	if patch {
		read = pythonReadPatch
	}
	body := read(c.body, pythonType(c.route.object))
	if string(body) == "{}" {
		return nil
	}
	_, refusal := dataOf(c.ask(c.r.Method, c.path, nil, body))
	return refusal
}

// postCDR answers with the CDR, and with a Location that does not exist. A CDR that is there already is no error.
func (c *pythonCall) postCDR() Answer {
	if refusal := c.checkBody("CDR", false, "body"); refusal != nil {
		return *refusal
	}
	body := pythonRead(c.body, pythonType("CDR"))
	var cdr v211.CDR
	_ = json.Unmarshal(body, &cdr) // what cannot be read is refused by the server behind
	path := c.path + "/" + string(cdr.ID)
	if stored := c.ask(http.MethodGet, path, nil, nil); stored.HTTP == http.StatusNotFound {
		if _, refusal := dataOf(c.ask(http.MethodPost, c.path, nil, body)); refusal != nil {
			return *refusal
		}
	}
	a := c.one(c.ask(http.MethodGet, path, nil, nil))
	a.Header = http.Header{"Location": {"https://" + c.r.Host + pythonPrefix + "/emsp/VersionNumber.v_2_1_1/ModuleID.cdrs/" + url.PathEscape(string(cdr.ID))}}
	return a
}

func (c *pythonCall) authorize() Answer {
	tokenType := c.r.URL.Query().Get("token_type")
	if tokenType != "" && !v211.TokenType(tokenType).Known() {
		return *unprocessable(notInEnum([]any{"query", "token_type"}, string(v211.TokenTypeOther), string(v211.TokenTypeRFID)))
	}
	var body []byte
	if len(c.body) > 0 {
		if refusal := c.checkBody("LocationReferences", false, "body"); refusal != nil {
			return *refusal
		}
		body = pythonRead(c.body, pythonType("LocationReferences"))
	}
	query := url.Values{}
	if tokenType != "" {
		query.Set("token_type", tokenType)
	}
	return c.one(c.ask(http.MethodPost, c.path, query, body))
}

// command looks for the location of a command first, and at nothing else in it.
func (c *pythonCall) command() Answer {
	objects := map[string]string{
		"RESERVE_NOW": "ReserveNow", "START_SESSION": "StartSession", "STOP_SESSION": "StopSession", "UNLOCK_CONNECTOR": "UnlockConnector",
	}
	object, ok := objects[c.params["command"]]
	if !ok {
		return *unprocessable(notInEnum([]any{"path", "command"}, "RESERVE_NOW", "START_SESSION", "STOP_SESSION", "UNLOCK_CONNECTOR"))
	}
	if refusal := c.checkBody(object, false); refusal != nil {
		return *refusal
	}
	body := pythonRead(c.body, pythonType(object))
	var at struct {
		LocationID string `json:"location_id"`
	}
	_ = json.Unmarshal(body, &at) // checkBody has seen to it
	if at.LocationID != "" {
		locations := strings.TrimSuffix(c.path, "commands/"+c.params["command"]) + "locations/"
		if c.ask(http.MethodGet, locations+at.LocationID, nil, nil).HTTP == http.StatusNotFound {
			return pythonEnvelope(pythonList(encode(v211.CommandResponse{Result: v211.CommandResponseTypeRejected})), ocpi.StatusUnknownLocation)
		}
	}
	return c.one(c.ask(http.MethodPost, c.path, nil, body))
}

func (c *pythonCall) commandResult() Answer {
	if refusal := c.checkBody(c.route.object, false, "body"); refusal != nil {
		return *refusal
	}
	if _, refusal := dataOf(c.ask(http.MethodPost, c.path, nil, pythonRead(c.body, pythonType(c.route.object)))); refusal != nil {
		return *refusal
	}
	return success(pythonList())
}
