package openapi

import (
	"net/http"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
)

// An operation is what one method of a path does.
type operation struct {
	role    ocpi.Role
	module  ocpi.ModuleID
	tail    string
	method  string
	summary string
	text    string
	// body and data name the schemas of what is sent and of what the envelope of the answer holds; empty for nothing.
	body, data string
	// optional tells that the body can be left out.
	optional bool
	// list has the parameters and headers of pages; dateFrom tells that date_from must be given.
	list, dateFrom bool
	// tokenType has the parameter that says which of the tokens of one uid is meant.
	tokenType bool
	// creates tells that the answer can be 201, and location that it has the header of that name.
	creates, location bool
	// params are further parameters, by their names among the components.
	params []string
	// custom tells that it is of a module by agreement, of which nothing else is known.
	custom bool
}

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	patch  = http.MethodPatch
	remove = http.MethodDelete

	cpo  = ocpi.RoleCPO
	emsp = ocpi.RoleEMSP

	owned = "/{country_code}/{party_id}"
)

// find is the operation of a route.
func find(r Route, method string) (operation, bool) {
	if r.Custom {
		return customOperation(r, method), true
	}
	all := versionOperations()
	if r.Module != "" {
		all = append(append(append(append(credentialsOperations(r.Role), senderOperations()...), receiverOperations()...), otherOperations()...), laterOperations()...)
	}
	tail := r.tail()
	for _, op := range all {
		if op.role == r.Role && op.module == r.Module && op.tail == tail && op.method == method {
			return op, true
		}
		if op.module == "" && r.Module == "" && op.tail == tail && op.method == method {
			return op, true
		}
	}
	return operation{}, false
}

func versionOperations() []operation {
	details := operation{
		method: get, tail: "/details", data: "VersionDetails", summary: "Get version details",
		text: "Lists the modules of this version with their URLs. Under a role, those of that side; without one, in 2.1.1 those of the side that is for the caller, and since 2.2 those of all roles.",
	}
	short := details
	short.tail = ""
	return []operation{
		{method: get, tail: "/versions", data: "[]Version", summary: "List versions", text: "Lists the versions spoken here, each with the URL of its details."},
		details, short,
	}
}

func credentialsOperations(role ocpi.Role) []operation {
	one := func(method, summary, text, body, data string) operation {
		return operation{role: role, module: ocpi.ModuleCredentials, method: method, summary: summary, text: text, body: body, data: data}
	}
	return []operation{
		one(get, "Get credentials", "Returns what the caller uses to reach this server.", "", "Credentials"),
		one(post, "Register", "Takes the first credentials of a partner and answers with ours, which hold its new token. HTTP 405 for a partner that is registered.", "Credentials", "Credentials"),
		one(put, "Change credentials", "Takes changed credentials and answers with ours, with a new token. HTTP 405 for a partner that is not registered yet.", "Credentials", "Credentials"),
		one(remove, "Unregister", "Ends the registration. The tokens of both sides are of no use from then on. HTTP 405 for a partner that is not registered.", "", ""),
	}
}

// senderOperations are those by which partners pull our objects.
func senderOperations() []operation {
	return []operation{
		{role: cpo, module: ocpi.ModuleLocations, method: get, data: "[]Location", list: true, summary: "List locations", text: "Returns a page of our locations, oldest first, with all their EVSEs and connectors."},
		{role: cpo, module: ocpi.ModuleLocations, method: get, tail: "/{location_id}", data: "Location", summary: "Get a location", text: "Returns one of our locations."},
		{role: cpo, module: ocpi.ModuleLocations, method: get, tail: "/{location_id}/{evse_uid}", data: "EVSE", summary: "Get an EVSE", text: "Returns one EVSE of one of our locations."},
		{role: cpo, module: ocpi.ModuleLocations, method: get, tail: "/{location_id}/{evse_uid}/{connector_id}", data: "Connector", summary: "Get a connector", text: "Returns one connector of an EVSE of one of our locations."},
		{role: cpo, module: ocpi.ModuleSessions, method: get, data: "[]Session", list: true, dateFrom: true, summary: "List sessions", text: "Returns a page of the sessions of the caller's drivers, oldest first."},
		{role: cpo, module: ocpi.ModuleCDRs, method: get, data: "[]CDR", list: true, summary: "List charge detail records", text: "Returns a page of the CDRs of the caller's drivers, oldest first."},
		{role: cpo, module: ocpi.ModuleTariffs, method: get, data: "[]Tariff", list: true, summary: "List tariffs", text: "Returns a page of our tariffs, oldest first."},
		{role: emsp, module: ocpi.ModuleTokens, method: get, data: "[]Token", list: true, summary: "List tokens", text: "Returns a page of our tokens, oldest first."},
	}
}

// receiverOperations are those by which partners push their objects.
func receiverOperations() []operation {
	var all []operation
	for _, o := range []struct {
		role               ocpi.Role
		module             ocpi.ModuleID
		tail, object, name string
		tokenType, deletes bool
		// inside is what it is a part of.
		inside string
	}{
		{role: emsp, module: ocpi.ModuleLocations, tail: "/{location_id}", object: "Location", name: "location"},
		{role: emsp, module: ocpi.ModuleLocations, tail: "/{location_id}/{evse_uid}", object: "EVSE", name: "EVSE", inside: "location"},
		{role: emsp, module: ocpi.ModuleLocations, tail: "/{location_id}/{evse_uid}/{connector_id}", object: "Connector", name: "connector", inside: "EVSE"},
		{role: emsp, module: ocpi.ModuleSessions, tail: "/{session_id}", object: "Session", name: "session"},
		{role: emsp, module: ocpi.ModuleTariffs, tail: "/{tariff_id}", object: "Tariff", name: "tariff", deletes: true},
		{role: cpo, module: ocpi.ModuleTokens, tail: "/{token_uid}", object: "Token", name: "token", tokenType: true},
	} {
		one := operation{role: o.role, module: o.module, tail: owned + o.tail, tokenType: o.tokenType}
		stored, store, change := one, one, one
		stored.method, stored.data, stored.summary = get, o.object, "Get the caller's "+o.name
		stored.text = "Returns the " + o.name + " of the caller's as it is stored here."
		store.method, store.body, store.creates, store.summary = put, o.object, true, "Store a "+o.name
		store.text = "Creates the " + o.name + ", or replaces it whole. One that is older than what is here is refused."
		change.method, change.body, change.summary = patch, o.object+"Patch", "Change a "+o.name
		change.text = "Changes the fields that are named, and no others."
		if o.inside != "" {
			store.text += " The " + o.inside + " that it is in must be there."
		}
		if o.object == "EVSE" {
			store.summary, change.summary = "Store an EVSE", "Change an EVSE"
		}
		all = append(all, stored, store, change)
		if o.deletes {
			gone := one
			gone.method, gone.summary, gone.text = remove, "Delete a "+o.name, "Removes the "+o.name+" of the caller's."
			all = append(all, gone)
		}
	}
	return all
}

func otherOperations() []operation {
	record := operation{
		role: emsp, module: ocpi.ModuleCDRs, method: post, body: "CDR", creates: true, location: true, summary: "Send a charge detail record",
		text: "Stores a CDR, which never changes afterwards. Sent again as it is, it is a success; with other content it is refused, and the first stays.",
	}
	recordOf := record
	recordOf.tail, recordOf.text = owned, record.text+" The path names the party whose CDR it is, for callers with several."
	stored := operation{
		role: emsp, module: ocpi.ModuleCDRs, method: get, tail: "/{cdr_id}", data: "CDR", summary: "Get the caller's charge detail record",
		text: "Returns a CDR of the caller's as it is stored here.",
	}
	storedOf := stored
	storedOf.tail = owned + "/{cdr_id}"
	result := operation{
		role: emsp, module: ocpi.ModuleCommands, method: post, tail: "/{uid}", body: "CommandResult", summary: "Send the result of a command",
		text: "Takes what came of a command of ours at the charging station. The URL is the one that the command named.",
	}
	resultOf := result
	resultOf.tail = "/{command}/{uid}"
	return []operation{
		{
			role: cpo, module: ocpi.ModuleSessions, method: put, tail: "/{session_id}/charging_preferences", body: "ChargingPreferences", data: "ChargingPreferencesResponse",
			summary: "Say how a driver wants to charge",
			text:    "Takes what the driver of a session wants, and answers whether it can be followed. HTTP 404 with status 2001 is for EVSEs that take no preferences.",
		},
		record, recordOf, stored, storedOf, result, resultOf,
		{
			role: emsp, module: ocpi.ModuleTokens, method: post, tail: "/{token_uid}/authorize", body: "LocationReferences", optional: true, data: "AuthorizationInfo",
			tokenType: true, summary: "Ask whether a driver may charge",
			text: "Answers whether the driver with this token may charge, and where of the places in the body. A refusal is an answer like any other; HTTP 404 is for tokens that are not ours, and status 2002 asks for the place.",
		},
		{
			role: cpo, module: ocpi.ModuleCommands, method: post, tail: "/{command}", body: commandObjects, data: "CommandResponse",
			summary: "Send a command",
			text:    "Asks for something to be done at a charging station. The answer is ours; that of the charging station follows at the `response_url` of the command, where this one is ACCEPTED. Status 2003 is for locations that are not ours.",
		},
	}
}

// commandObjects are the commands of every version.
const commandObjects = "StartSession|StopSession|ReserveNow|UnlockConnector"

// named is a schema as a version calls it.
func named(v ocpi.Version, name string) string {
	switch {
	case name == "CommandResult" && v == ocpi.V211: // which has one object for both
		return "CommandResponse"
	case name == commandObjects && v.Compare("2.2") >= 0:
		return name + "|CancelReservation"
	default:
		return name
	}
}

// operationID names an operation by its method and path.
func operationID(method, path string) string {
	parts := strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("/{}._", r) })
	return strings.Join(append([]string{strings.ToLower(method)}, parts...), "_")
}
