package openapi

import (
	"net/http"

	"github.com/roamwire/roamwire/ocpi"
)

// laterOperations are those of the modules that came with 2.2.
func laterOperations() []operation {
	return append(profileOperations(), clientInfoOperations()...)
}

func profileOperations() []operation {
	asked := operation{role: cpo, module: ocpi.ModuleChargingProfiles, tail: "/{session_id}", data: "ChargingProfileResponse"}
	const follows = " The answer is ours; the result of the EVSE follows at the response URL, where this one is ACCEPTED. It is UNKNOWN_SESSION for a session that the caller does not see."
	active, set, clearing := asked, asked, asked
	active.method, active.summary, active.params = get, "Ask for the active charging profile", []string{"Duration", "ResponseURL"}
	active.text = "Asks how a session will charge during a time from now." + follows
	set.method, set.summary, set.body = put, "Set a charging profile", "SetChargingProfile"
	set.text = "Limits how a session charges, in the place of a profile that was set before." + follows
	clearing.method, clearing.summary, clearing.params = remove, "Clear a charging profile", []string{"ResponseURL"}
	clearing.text = "Removes the profile that was set for a session." + follows
	all := []operation{active, set, clearing}
	for _, result := range []struct{ kind, object, what string }{
		{"active", "ActiveChargingProfileResult", "which charging profile is active"},
		{"set", "ChargingProfileResult", "what came of setting a charging profile"},
		{"clear", "ClearProfileResult", "what came of clearing a charging profile"},
	} {
		all = append(all, operation{
			role: emsp, module: ocpi.ModuleChargingProfiles, method: post, tail: "/" + result.kind + "/{uid}", body: result.object,
			summary: "Say " + result.what, text: "Takes the result of a request of ours. The URL is the one that the request named.",
		})
	}
	return append(all, operation{
		role: emsp, module: ocpi.ModuleChargingProfiles, method: put, tail: "/{session_id}", body: "ActiveChargingProfile",
		summary: "Tell that a charging profile has changed", text: "Takes the profile that is active from now on in a session for which we have set one.",
	})
}

func clientInfoOperations() []operation {
	const module = ocpi.ModuleHubClientInfo
	return []operation{
		{module: module, method: get, data: "[]ClientInfo", list: true, summary: "List the parties behind this hub", text: "Returns a page of the parties that are reached through this hub, and whether they are."},
		{module: module, method: get, tail: owned, data: "ClientInfo", summary: "Get what the calling hub said about a party", text: "Returns it as it is stored here. Where the party has several roles, it is what was said last."},
		{module: module, method: put, tail: owned, body: "ClientInfo", creates: true, summary: "Say whether a party is reached through the calling hub", text: "Stores it. What is older than what is here is refused."},
	}
}

// customOperation is what is known of a module that OCPI does not have.
func customOperation(r Route, method string) operation {
	return operation{
		module: r.Module, tail: r.tail(), method: method, optional: true, custom: true,
		summary: "Module by agreement", text: "The module " + string(r.Module) + " is none of OCPI's: what it takes and answers, partners agree on.",
	}
}

// bodies tells whether a method can have a body.
func bodies(method string) bool { return method != http.MethodGet && method != http.MethodDelete }
