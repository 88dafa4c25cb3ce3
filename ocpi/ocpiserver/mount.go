package ocpiserver

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// mount puts the routes of the version in place: at the paths of the reference, and since 2.2 at those of all roles too.
func (s *speaker) mount() {
	s.offered = map[side][]ocpi.ModuleID{}
	for _, path := range []string{"/%s/details", "/%s"} {
		s.handle(fmt.Sprintf(path, s.version), resource{version: s.version, methods: methods{http.MethodGet: s.details(nil)}})
	}
	if s.config.Credentials != nil && s.since22() {
		root := s.shared("", ocpi.ModuleCredentials)
		s.handle(root, resource{module: ocpi.ModuleCredentials, version: s.version, root: root, methods: s.credentials(side{})})
	}
	for _, side := range s.sides() {
		for _, path := range []string{"%s/%s/details", "%s/%s"} {
			s.handle(fmt.Sprintf(path, side.path, s.version), resource{version: s.version, role: side.role, methods: methods{http.MethodGet: s.details(&side)}})
		}
		if s.config.Credentials != nil {
			s.offer(side, ocpi.ModuleCredentials)
			s.at(side, ocpi.ModuleCredentials, "", resource{methods: s.credentials(side)})
		}
	}
	if s.config.CPO != nil {
		s.mountCPO(s.config.CPO)
	}
	if s.config.EMSP != nil {
		s.mountEMSP(s.config.EMSP)
	}
	if s.since22() {
		s.mountClientInfos()
	}
	s.mountModules()
}

func (s *speaker) offer(side side, module ocpi.ModuleID) {
	s.offered[side] = append(s.offered[side], module)
}

// navigators are the roles that came with 2.2 and read what drivers are shown: where they can charge, and for how much.
var navigators = []ocpi.Role{ocpi.RoleHub, ocpi.RoleNAP, ocpi.RoleNSP, ocpi.RoleOther, ocpi.RoleSCSP}

// at mounts a resource below a module. The functional modules are for partners of the other role, and what is open to everybody
// also for the roles that came later (requirement DT-34).
func (s *speaker) at(side side, module ocpi.ModuleID, path string, res resource) {
	res.module, res.version, res.role = module, s.version, side.role
	if module != ocpi.ModuleCredentials {
		res.caller = callerOf(side.role)
	}
	if res.open && s.since22() {
		res.readers = navigators
	}
	res.root = s.reference(side, module)
	s.handle(res.root+path, res)
	if s.since22() && module != ocpi.ModuleCredentials {
		res.root = s.shared(interfaceRole(side.role, module), module)
		s.handle(res.root+path, res)
	}
}

// reference is where the reference has a module of a side, below BaseURL.
func (s *speaker) reference(side side, module ocpi.ModuleID) string {
	return fmt.Sprintf("%s/%s/%s", side.path, s.version, module)
}

// shared is where a module is among those of all our roles. What we send and what we receive is apart, so that an id never
// stands where a country code is meant. Credentials are neither.
func (s *speaker) shared(role ocpi.InterfaceRole, module ocpi.ModuleID) string {
	if module == ocpi.ModuleCredentials {
		return fmt.Sprintf("/%s/%s", s.version, module)
	}
	return fmt.Sprintf("/%s/%s/%s", s.version, strings.ToLower(string(role)), module)
}

func (s *speaker) mountCPO(cpo *CPO) {
	if cpo.Locations != nil {
		s.offer(cpoSide, ocpi.ModuleLocations)
		own := cpo.Locations.(Getter[wire.Location]) // check has seen to it
		s.at(cpoSide, ocpi.ModuleLocations, "", resource{open: true, methods: get(list(s, cpo.Locations, s.codecs.Locations, false))})
		s.at(cpoSide, ocpi.ModuleLocations, "/{location_id}", resource{open: true, methods: get(ownLocation(s, own))})
		s.at(cpoSide, ocpi.ModuleLocations, "/{location_id}/{evse_uid}", resource{open: true, methods: get(ownPart(s, own, s.evsePart()))})
		s.at(cpoSide, ocpi.ModuleLocations, "/{location_id}/{evse_uid}/{connector_id}", resource{open: true, methods: get(ownPart(s, own, s.connectorPart()))})
	}
	if cpo.Sessions != nil {
		s.offer(cpoSide, ocpi.ModuleSessions)
		s.at(cpoSide, ocpi.ModuleSessions, "", resource{methods: get(list(s, cpo.Sessions, s.codecs.Sessions, true))})
		if taker, ok := cpo.Sessions.(PreferenceTaker); ok && s.since22() {
			s.at(cpoSide, ocpi.ModuleSessions, "/{session_id}/charging_preferences", resource{methods: methods{http.MethodPut: s.preferences(taker)}})
		}
	}
	if cpo.CDRs != nil {
		s.offer(cpoSide, ocpi.ModuleCDRs)
		s.at(cpoSide, ocpi.ModuleCDRs, "", resource{methods: get(list(s, cpo.CDRs, s.codecs.CDRs, false))})
	}
	if cpo.Tariffs != nil {
		s.offer(cpoSide, ocpi.ModuleTariffs)
		s.at(cpoSide, ocpi.ModuleTariffs, "", resource{open: true, methods: get(list(s, cpo.Tariffs, s.codecs.Tariffs, false))})
	}
	if cpo.Tokens != nil {
		s.offer(cpoSide, ocpi.ModuleTokens)
		s.at(cpoSide, ocpi.ModuleTokens, ownedPath+"/{token_uid}", resource{methods: s.tokens(cpo.Tokens).methods()})
	}
	if cpo.Commands != nil {
		s.offer(cpoSide, ocpi.ModuleCommands)
		s.at(cpoSide, ocpi.ModuleCommands, "/{command}", resource{methods: methods{http.MethodPost: s.command(cpo.Commands)}})
	}
	if cpo.ChargingProfiles != nil && s.since22() {
		s.mountProfiles(cpo.ChargingProfiles)
	}
}

// ownedPath is where objects of partners live.
const ownedPath = "/{country_code}/{party_id}"

func get(h handler) methods { return methods{http.MethodGet: h} }

func (s *speaker) mountEMSP(emsp *EMSP) {
	if emsp.Locations != nil {
		s.offer(emspSide, ocpi.ModuleLocations)
		locations := s.locations(emsp.Locations)
		s.at(emspSide, ocpi.ModuleLocations, ownedPath+"/{location_id}", resource{methods: locations.methods()})
		s.at(emspSide, ocpi.ModuleLocations, ownedPath+"/{location_id}/{evse_uid}", resource{methods: partMethods(locations, s.evsePart())})
		s.at(emspSide, ocpi.ModuleLocations, ownedPath+"/{location_id}/{evse_uid}/{connector_id}", resource{methods: partMethods(locations, s.connectorPart())})
	}
	if emsp.Sessions != nil {
		s.offer(emspSide, ocpi.ModuleSessions)
		s.at(emspSide, ocpi.ModuleSessions, ownedPath+"/{session_id}", resource{methods: s.sessions(emsp.Sessions).methods()})
	}
	if emsp.CDRs != nil {
		s.offer(emspSide, ocpi.ModuleCDRs)
		d := cdrs{s, emsp.CDRs}
		s.at(emspSide, ocpi.ModuleCDRs, "", resource{methods: d.postMethods()})
		s.at(emspSide, ocpi.ModuleCDRs, ownedPath, resource{methods: d.postMethods()})
		s.at(emspSide, ocpi.ModuleCDRs, "/{cdr_id}", resource{methods: d.getMethods()})
		s.at(emspSide, ocpi.ModuleCDRs, ownedPath+"/{cdr_id}", resource{methods: d.getMethods()})
	}
	if emsp.Tariffs != nil {
		s.offer(emspSide, ocpi.ModuleTariffs)
		s.at(emspSide, ocpi.ModuleTariffs, ownedPath+"/{tariff_id}", resource{methods: s.tariffs(emsp.Tariffs).methods()})
	}
	if emsp.Tokens != nil {
		s.offer(emspSide, ocpi.ModuleTokens)
		authorizer := emsp.Tokens.(Authorizer) // check has seen to it
		s.at(emspSide, ocpi.ModuleTokens, "", resource{methods: get(list(s, emsp.Tokens, s.codecs.Tokens, false))})
		s.at(emspSide, ocpi.ModuleTokens, "/{token_uid}/authorize", resource{methods: methods{http.MethodPost: s.authorize(authorizer)}})
	}
	if emsp.CommandResults != nil {
		s.offer(emspSide, ocpi.ModuleCommands)
		res := resource{methods: methods{http.MethodPost: s.commandResult(emsp.CommandResults)}}
		s.at(emspSide, ocpi.ModuleCommands, "/{uid}", res)
		s.at(emspSide, ocpi.ModuleCommands, "/{command}/{uid}", res)
	}
	if emsp.ChargingProfileResults != nil && s.since22() {
		s.mountProfileResults(emsp.ChargingProfileResults)
	}
}

func (s *speaker) locations(receiver Receiver[wire.Location]) owned[wire.Location] {
	return owned[wire.Location]{
		speaker: s, owner: ocpi.RoleCPO, receiver: receiver, codec: s.codecs.Locations, idPath: "location_id", idField: "id",
		id:          func(l *wire.Location) string { return string(l.ID) },
		lastUpdated: func(l *wire.Location) *ocpi.DateTime { return &l.LastUpdated },
		older:       (*call).olderLocation,
		patched:     patchLocation,
	}
}

func (s *speaker) sessions(receiver Receiver[wire.Session]) owned[wire.Session] {
	return owned[wire.Session]{
		speaker: s, owner: ocpi.RoleCPO, receiver: receiver, codec: s.codecs.Sessions, idPath: "session_id", idField: "id",
		id:          func(x *wire.Session) string { return string(x.ID) },
		lastUpdated: func(x *wire.Session) *ocpi.DateTime { return &x.LastUpdated },
		checkPatch:  unchangedWhenCompleted,
	}
}

func (s *speaker) tariffs(receiver Receiver[wire.Tariff]) owned[wire.Tariff] {
	return owned[wire.Tariff]{
		speaker: s, owner: ocpi.RoleCPO, receiver: receiver, codec: s.codecs.Tariffs, idPath: "tariff_id", idField: "id",
		id:          func(t *wire.Tariff) string { return string(t.ID) },
		lastUpdated: func(t *wire.Tariff) *ocpi.DateTime { return &t.LastUpdated },
		deleter:     receiver.(Deleter), // check has seen to it
	}
}

func (s *speaker) tokens(receiver Receiver[wire.Token]) owned[wire.Token] {
	return owned[wire.Token]{
		speaker: s, owner: ocpi.RoleEMSP, receiver: receiver, codec: s.codecs.Tokens, idPath: "token_uid", idField: "uid",
		id:          func(t *wire.Token) string { return string(t.UID) },
		lastUpdated: func(t *wire.Token) *ocpi.DateTime { return &t.LastUpdated },
		tokenType:   func(t *wire.Token) string { return string(t.Type) },
		checkPatch:  sameTokenType,
	}
}
