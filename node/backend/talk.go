package backend

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Refuse makes an error that is told to the client with an HTTP status. It is for those who implement what this package asks
// for.
func Refuse(status int, format string, args ...any) error { return problem(status, format, args...) }

// Commands are commands in both directions. Its errors are told as Refuse, ocpi.Error and store.ErrNotFound say.
type Commands interface {
	// Send sends a command to a partner, and waits as long as wanted for its end. Without a wait it returns as soon as the
	// partner has answered, or after a moment.
	Send(ctx context.Context, r CommandRequest, wait time.Duration) (Command, error)
	// Command returns one, Commands those that are wanted, newest first; next is Before of the next page, empty at the end.
	Command(ctx context.Context, id string) (Command, error)
	Commands(ctx context.Context, want CommandFilter) (found []Command, next string, err error)
	// Answer answers a command that a partner has sent, Result tells later what came of it.
	Answer(ctx context.Context, id string, answer CommandAnswer) (Command, error)
	Result(ctx context.Context, id string, result CommandAnswer) (Command, error)
	// Prefer tells a CPO how a driver wants to charge.
	Prefer(ctx context.Context, r PreferenceRequest) (Preference, error)
	// TellProfile tells which charging profile is active in a session of ours from now on, to partners who have set one for it.
	TellProfile(ctx context.Context, sessionID string, active v230.ActiveChargingProfile) ([]Command, error)
}

// A CommandRequest is a command that is to be sent.
type CommandRequest struct {
	// Type is START_SESSION, STOP_SESSION, RESERVE_NOW, CANCEL_RESERVATION or UNLOCK_CONNECTOR, or one of GET_CHARGING_PROFILE,
	// SET_CHARGING_PROFILE and CLEAR_CHARGING_PROFILE.
	Type v230.CommandType
	// Partner is our name for the CPO; empty for the one whose location or session it is.
	Partner string
	// Location is a partner's location, with its owner where that was given.
	Location             ocpi.Key
	EVSEUID, ConnectorID string
	// Session is a partner's session, with its owner where that was given.
	Session ocpi.Key
	// Token is who charges: either the whole token, or Key of one of ours.
	Token    *v230.Token
	TokenKey ocpi.Key
	// ReservationID is for RESERVE_NOW and CANCEL_RESERVATION, ExpiryDate for RESERVE_NOW.
	ReservationID          string
	ExpiryDate             time.Time
	AuthorizationReference string
	// Duration is for GET_CHARGING_PROFILE, Profile for SET_CHARGING_PROFILE.
	Duration time.Duration
	Profile  v230.ChargingProfile
}

// A Command is a command as it stands.
type Command struct {
	ID          string         `json:"id" doc:"Its name, which nobody can guess"`
	Type        string         `json:"type" enum:"START_SESSION,STOP_SESSION,RESERVE_NOW,UNLOCK_CONNECTOR,CANCEL_RESERVATION,GET_CHARGING_PROFILE,SET_CHARGING_PROFILE,CLEAR_CHARGING_PROFILE,UPDATE_CHARGING_PROFILE"`
	Direction   string         `json:"direction" enum:"sent,received" doc:"received where a partner sent it to us"`
	Partner     string         `json:"partner"`
	State       string         `json:"state" doc:"How far it has come"`
	Done        bool           `json:"done" doc:"Whether it has come to its end"`
	Request     JSON           `json:"request,omitempty" doc:"What is asked for, in the model's terms"`
	Reservation string         `json:"reservation,omitempty" doc:"A name of the reservation that a partner wants or gives up, which no other partner's reservation has. The reservation_id in the request is the partner's own, and must not be told to the charge point"`
	Answer      *CommandReply  `json:"answer,omitempty" doc:"The CPO's own answer"`
	Outcome     string         `json:"outcome,omitempty" doc:"How it ended: the result; an answer that refuses it; or UNKNOWN_LOCATION, REFUSED (with an error) or NOT_SENT"`
	Result      *CommandReply  `json:"result,omitempty" doc:"What came of it at the charge point"`
	Profile     JSON           `json:"profile,omitempty" doc:"The active charging profile in the result of GET_CHARGING_PROFILE"`
	Active      JSON           `json:"active_profile,omitempty" doc:"The charging profile that is active since a SET_CHARGING_PROFILE of ours, as the CPO has told it last"`
	Canceled    *CommandReply  `json:"canceled,omitempty" doc:"The CPO has given up the reservation after its result"`
	Later       []CommandReply `json:"later,omitempty" doc:"Results that came when it had its end already"`
	SessionID   string         `json:"session_id,omitempty" doc:"The session that it started, where it is known"`
	Error       string         `json:"error,omitempty" doc:"Why it could not be sent, or its result not delivered"`
	Created     time.Time      `json:"created"`
	Changed     time.Time      `json:"changed"`
	Due         time.Time      `json:"due,omitzero" required:"false" doc:"By when something must happen"`
}

// A CommandReply is an answer or a result, with when it came.
type CommandReply struct {
	Result  string    `json:"result" example:"ACCEPTED"`
	Message string    `json:"message,omitempty"`
	Default bool      `json:"default,omitzero" required:"false" doc:"It stands because the operator's system gave none in time"`
	At      time.Time `json:"at"`
}

// A CommandFilter says which commands are wanted.
type CommandFilter struct {
	Direction, Partner, Type, State string
	Since                           time.Time
	Before                          string
	Limit                           int
}

// A CommandAnswer is what the operator says to a command.
type CommandAnswer struct {
	Result  string `json:"result" doc:"To answer: ACCEPTED, REJECTED, NOT_SUPPORTED or UNKNOWN_SESSION, and TOO_OFTEN about a charging profile. As a result: ACCEPTED, REJECTED, FAILED, TIMEOUT and others of CommandResultType. CANCELED_RESERVATION may follow the ACCEPTED of a RESERVE_NOW. About a charging profile it is ACCEPTED, REJECTED or UNKNOWN"`
	Message string `json:"message,omitempty" maxLength:"512" doc:"For people"`
	Profile JSON   `json:"profile,omitempty" required:"false" doc:"With the result of GET_CHARGING_PROFILE: the profile that is active, an ActiveChargingProfile"`
}

// CommandToken says who charges.
type CommandToken struct {
	Token     TokenObject `json:"token,omitempty" required:"false" doc:"The token, whole"`
	TokenUID  string      `json:"token_uid,omitempty" doc:"In place of token: the uid of one of ours"`
	TokenType string      `json:"token_type,omitempty" enum:"AD_HOC_USER,APP_USER,EMAID,OTHER,RFID" doc:"The type of that token"`
}

// A JSON is a JSON document that this package passes on.
type JSON jsontext.Value

// Schema is for huma.
func (JSON) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: "object"} }

// MarshalJSON writes it.
func (j JSON) MarshalJSON() ([]byte, error) { return jsontext.Value(j).MarshalJSON() }

// UnmarshalJSON reads it.
func (j *JSON) UnmarshalJSON(raw []byte) error { return (*jsontext.Value)(j).UnmarshalJSON(raw) }

// A TokenObject is a token in a body, read by the tables of the model.
type TokenObject jsontext.Value

// Schema is for huma.
func (TokenObject) Schema(huma.Registry) *huma.Schema { return ref("Token" + inputSuffix) }

// MarshalJSON writes it.
func (t TokenObject) MarshalJSON() ([]byte, error) { return jsontext.Value(t).MarshalJSON() }

// UnmarshalJSON reads it.
func (t *TokenObject) UnmarshalJSON(raw []byte) error { return (*jsontext.Value)(t).UnmarshalJSON(raw) }

// WaitInput says how long to wait.
type WaitInput struct {
	Wait int `query:"wait" minimum:"0" maximum:"120" doc:"How many seconds to wait for the result. Default: none; the answer is then the command to follow, with the CPO's own answer where that came at once"`
}

type (
	startInput struct {
		WaitInput
		Body struct {
			Partner                string `json:"partner,omitempty" doc:"Our name for the CPO. Default: the one whose location it is"`
			LocationID             string `json:"location_id" minLength:"1" doc:"The location's id, or country/party/id"`
			EVSEUID                string `json:"evse_uid,omitempty"`
			ConnectorID            string `json:"connector_id,omitempty"`
			AuthorizationReference string `json:"authorization_reference,omitempty" maxLength:"36"`
			CommandToken
		}
	}
	stopInput struct {
		WaitInput
		Body struct {
			Partner   string `json:"partner,omitempty" doc:"Our name for the CPO. Default: the one whose session it is"`
			SessionID string `json:"session_id" minLength:"1" doc:"The session's id, or country/party/id"`
		}
	}
	reserveInput struct {
		WaitInput
		Body struct {
			Partner                string    `json:"partner,omitempty" doc:"Our name for the CPO. Default: the one whose location it is"`
			LocationID             string    `json:"location_id" minLength:"1" doc:"The location's id, or country/party/id"`
			EVSEUID                string    `json:"evse_uid,omitempty"`
			ReservationID          string    `json:"reservation_id,omitempty" maxLength:"36" doc:"Ours. The same again changes a reservation. Default: a new one"`
			ExpiryDate             time.Time `json:"expiry_date" doc:"Until when"`
			AuthorizationReference string    `json:"authorization_reference,omitempty" maxLength:"36"`
			CommandToken
		}
	}
	cancelInput struct {
		WaitInput
		Body struct {
			Partner       string `json:"partner,omitempty" doc:"Our name for the CPO. Default: the one that was asked for the reservation"`
			ReservationID string `json:"reservation_id" minLength:"1" maxLength:"36"`
		}
	}
	unlockInput struct {
		WaitInput
		Body struct {
			Partner     string `json:"partner,omitempty" doc:"Our name for the CPO. Default: the one whose location it is"`
			LocationID  string `json:"location_id" minLength:"1" doc:"The location's id, or country/party/id"`
			EVSEUID     string `json:"evse_uid" minLength:"1"`
			ConnectorID string `json:"connector_id" minLength:"1"`
		}
	}
	commandsInput struct {
		Direction string    `query:"direction" enum:"sent,received"`
		Partner   string    `query:"partner"`
		Type      string    `query:"type" enum:"START_SESSION,STOP_SESSION,RESERVE_NOW,UNLOCK_CONNECTOR,CANCEL_RESERVATION,GET_CHARGING_PROFILE,SET_CHARGING_PROFILE,CLEAR_CHARGING_PROFILE,UPDATE_CHARGING_PROFILE"`
		State     string    `query:"state"`
		Since     time.Time `query:"since" doc:"Only commands made at or after this time"`
		Limit     int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
		Cursor    string    `query:"cursor" doc:"Where the list goes on: next of the page before"`
	}
	commandInput struct {
		ID string `path:"id"`
	}
	commandAnswerInput struct {
		ID   string `path:"id"`
		Body CommandAnswer
	}
)

// addCommands adds the operations on commands, and the question whether a driver may charge.
func (a *API) addCommands() {
	a.addAuthorize()
	if a.config.Commands == nil {
		return
	}
	send := operation{tag: "commands", scope: ScopeWrite, result: schemaOf[Command](a), statuses: []int{http.StatusAccepted, http.StatusOK}}
	send.doc = "202 is a command that has not come to its end: follow it at Location, or by events. 200 is one that has, be it by a refusal."
	add(a, send.as("POST", "/commands/start-session", "start-session", "Ask a CPO to start a session"), func(ctx context.Context, in *startInput) (*answer, error) {
		r := CommandRequest{
			Type: v230.CommandTypeStartSession, Partner: in.Body.Partner, Location: looseKey(in.Body.LocationID), EVSEUID: in.Body.EVSEUID,
			ConnectorID: in.Body.ConnectorID, AuthorizationReference: in.Body.AuthorizationReference,
		}
		return a.send(ctx, r, &in.Body.CommandToken, in.WaitInput)
	})
	add(a, send.as("POST", "/commands/stop-session", "stop-session", "Ask a CPO to end a session"), func(ctx context.Context, in *stopInput) (*answer, error) {
		r := CommandRequest{Type: v230.CommandTypeStopSession, Partner: in.Body.Partner, Session: looseKey(in.Body.SessionID)}
		return a.send(ctx, r, nil, in.WaitInput)
	})
	add(a, send.as("POST", "/commands/reserve-now", "reserve-now", "Ask a CPO to keep a charge point free"), func(ctx context.Context, in *reserveInput) (*answer, error) {
		r := CommandRequest{
			Type: v230.CommandTypeReserveNow, Partner: in.Body.Partner, Location: looseKey(in.Body.LocationID), EVSEUID: in.Body.EVSEUID,
			ReservationID: in.Body.ReservationID, ExpiryDate: in.Body.ExpiryDate, AuthorizationReference: in.Body.AuthorizationReference,
		}
		return a.send(ctx, r, &in.Body.CommandToken, in.WaitInput)
	})
	cancel := send.as("POST", "/commands/cancel-reservation", "cancel-reservation", "Ask a CPO to give up a reservation")
	cancel.doc = "Partners on 2.1.1 cannot be asked: that is 409. " + send.doc
	add(a, cancel, func(ctx context.Context, in *cancelInput) (*answer, error) {
		r := CommandRequest{Type: v230.CommandTypeCancelReservation, Partner: in.Body.Partner, ReservationID: in.Body.ReservationID}
		return a.send(ctx, r, nil, in.WaitInput)
	})
	unlock := send.as("POST", "/commands/unlock-connector", "unlock-connector", "Ask a CPO to let go of a plug")
	unlock.doc = "It is for help desks only (OCPI, requirement CMD-14). " + send.doc
	add(a, unlock, func(ctx context.Context, in *unlockInput) (*answer, error) {
		r := CommandRequest{
			Type: v230.CommandTypeUnlockConnector, Partner: in.Body.Partner, Location: looseKey(in.Body.LocationID), EVSEUID: in.Body.EVSEUID,
			ConnectorID: in.Body.ConnectorID,
		}
		return a.send(ctx, r, nil, in.WaitInput)
	})
	a.addPreferences()
	a.addProfiles(send)
	a.addCommandTable()
}

func (a *API) addCommandTable() {
	read := operation{tag: "commands", scope: ScopeRead, result: listOf(schemaOf[Command](a))}
	add(a, read.as("GET", "/commands", "list-commands", "List commands, newest first"), func(ctx context.Context, in *commandsInput) (*answer, error) {
		found, next, err := a.config.Commands.Commands(ctx, CommandFilter{
			Direction: in.Direction, Partner: in.Partner, Type: in.Type, State: in.State, Since: in.Since, Before: in.Cursor, Limit: in.Limit,
		})
		if err != nil {
			return nil, err
		}
		return page(found, next)
	})
	read.result = schemaOf[Command](a)
	add(a, read.as("GET", "/commands/{id}", "get-command", "Read a command"), func(ctx context.Context, in *commandInput) (*answer, error) {
		return a.command(a.config.Commands.Command(ctx, in.ID))
	})
	read.scope = ScopeWrite
	reply := read.as("POST", "/commands/{id}/answer", "answer-command", "Answer a command that a partner has sent")
	add(a, reply, func(ctx context.Context, in *commandAnswerInput) (*answer, error) {
		return a.command(a.config.Commands.Answer(ctx, in.ID, in.Body))
	})
	result := read.as("POST", "/commands/{id}/result", "finish-command", "Tell what came of a command that was accepted")
	result.doc = "The node delivers it to the partner, again and again if need be."
	add(a, result, func(ctx context.Context, in *commandAnswerInput) (*answer, error) {
		return a.command(a.config.Commands.Result(ctx, in.ID, in.Body))
	})
}

func (a *API) command(c Command, err error) (*answer, error) {
	if err != nil {
		return nil, err
	}
	return answered(http.StatusOK, c)
}

// looseKey reads an id, or an id with its owner as in NL/GPE/LOC-1.
func looseKey(text string) ocpi.Key {
	if key, err := parsePlace(text); err == nil {
		return key
	}
	return ocpi.Key{ID: text}
}

// send sends a command. who is nil for commands that need no token.
func (a *API) send(ctx context.Context, r CommandRequest, who *CommandToken, wait WaitInput) (*answer, error) {
	if who != nil {
		if err := who.into(&r); err != nil {
			return nil, err
		}
	}
	c, err := a.config.Commands.Send(ctx, r, time.Duration(wait.Wait)*time.Second)
	if err != nil {
		return nil, err
	}
	status := http.StatusAccepted
	if c.Done {
		status = http.StatusOK
	}
	out, err := answered(status, c)
	out.Location = Prefix + "/commands/" + c.ID
	return out, err
}

// into puts who charges into a command.
func (t *CommandToken) into(r *CommandRequest) error {
	switch {
	case len(t.Token) > 0 && t.TokenUID != "":
		return mistake("/token_uid", ocpi.FindingConsistency, "either token or token_uid, not both")
	case len(t.Token) == 0 && t.TokenUID == "":
		return mistake("", ocpi.FindingMissing, "either token or token_uid is needed")
	case t.TokenUID != "":
		r.TokenKey = ocpi.Key{ID: t.TokenUID, TokenType: t.TokenType}
		return nil
	}
	token, findings, err := strictly("Token", v230.DecodeToken, t.Token)
	if err != nil {
		return err
	}
	for i := range findings {
		findings[i].Pointer = "/token" + findings[i].Pointer
	}
	if len(findings) > 0 {
		return invalid("the token", findings)
	}
	r.Token = &token
	return nil
}

// page is a page of a list of plain values.
func page[T any](items []T, next string) (*answer, error) {
	if items == nil {
		items = []T{}
	}
	return answered(http.StatusOK, struct {
		Items []T    `json:"items"`
		Next  string `json:"next,omitempty"`
	}{items, next})
}

// An Authorizer says whether a driver may charge.
type Authorizer interface {
	Authorize(ctx context.Context, r AuthorizeRequest) (Authorization, error)
}

// An AuthorizeRequest is the question whether a driver may charge.
type AuthorizeRequest struct {
	TokenUID  string             `json:"token_uid" minLength:"1" maxLength:"36" doc:"What the card reader or the app says"`
	TokenType string             `json:"token_type,omitempty" enum:"AD_HOC_USER,APP_USER,EMAID,OTHER,RFID" doc:"Default: RFID, or what there is where there is no RFID token of this uid"`
	Partner   string             `json:"partner,omitempty" doc:"The eMSP to ask. Default: the one whose token it is"`
	Location  *LocationReference `json:"location,omitempty" doc:"Where the driver wants to charge"`
	Offline   bool               `json:"offline,omitzero" required:"false" doc:"Decide from what is known here, without asking the eMSP"`
}

// A LocationReference is where somebody wants to charge.
type LocationReference struct {
	LocationID   string   `json:"location_id" minLength:"1" maxLength:"36"`
	EVSEUIDs     []string `json:"evse_uids,omitempty"`
	ConnectorIDs []string `json:"connector_ids,omitempty" doc:"For partners that speak 2.1.1; later versions have no such thing"`
}

// An Authorization is the answer, with how it came about.
type Authorization struct {
	Allowed   string             `json:"allowed" enum:"ALLOWED,BLOCKED,EXPIRED,NO_CREDIT,NOT_ALLOWED" doc:"Whether the driver may charge"`
	Reason    string             `json:"reason" doc:"Why, for people"`
	Source    string             `json:"source" enum:"cache,realtime,fallback,command,unknown" doc:"What it was decided by: the token as its eMSP has sent it, the eMSP in real time, a command that the eMSP has sent for this driver here, the token because the eMSP was not heard, or the rule for tokens that nobody knows"`
	Trouble   string             `json:"trouble,omitempty" doc:"Why an eMSP was not heard that should have been: late, failed, unusable, busy (too many are waiting for it), away (it has been late so often that it is not asked for some seconds), not offered"`
	Partner   string             `json:"partner,omitempty" doc:"The eMSP"`
	Party     string             `json:"party,omitempty" example:"DE/GWH" doc:"The party of it that pays"`
	Others    []string           `json:"others,omitempty" doc:"Further eMSPs that have a token of this uid"`
	Token     JSON               `json:"token,omitempty" doc:"The token, as it is known"`
	Location  *LocationReference `json:"location,omitempty" doc:"Where the driver may charge, of what was asked about"`
	Method    string             `json:"auth_method,omitempty" enum:"AUTH_REQUEST,COMMAND,WHITELIST" doc:"What the session and CDR must say"`
	Reference string             `json:"authorization_reference,omitempty" doc:"What the session and CDR must carry"`
	Info      string             `json:"info,omitempty" doc:"A text for the driver"`
	Took      Duration           `json:"took" doc:"How long it took, as in 12ms"`
}

type authorizeInput struct {
	Body AuthorizeRequest
}

func (a *API) addAuthorize() {
	if a.config.Authorizer == nil {
		return
	}
	o := operation{tag: "authorize", scope: ScopeWrite, result: schemaOf[Authorization](a)}
	add(a, o.as("POST", "/authorize", "authorize", "Ask whether a driver may charge"), func(ctx context.Context, in *authorizeInput) (*answer, error) {
		authorization, err := a.config.Authorizer.Authorize(ctx, in.Body)
		if err != nil {
			return nil, err
		}
		return answered(http.StatusOK, authorization)
	})
}

// Events serve the stream of events. They read Last-Event-ID and the filters from the request; who asks was admitted before.
type Events struct {
	// Stream serves Server-Sent Events, Socket a WebSocket; nil for not offered.
	Stream, Socket http.Handler
}

func (a *API) addEvents() {
	filters := []*huma.Param{
		{Name: "type", In: "query", Description: "Only events of these types, separated by commas, as in location.changed or location.*", Schema: &huma.Schema{Type: "string"}},
		{Name: "partner", In: "query", Description: "Only events about these partners, separated by commas", Schema: &huma.Schema{Type: "string"}},
		{Name: "module", In: "query", Description: "Only events of these modules, separated by commas", Schema: &huma.Schema{Type: "string"}},
		{Name: "after", In: "query", Description: "Where to go on: the id of the last event that was seen; 0 for all that are kept", Schema: &huma.Schema{Type: "string"}},
	}
	o := operation{tag: "events", scope: ScopeRead, result: &huma.Schema{Type: "string"}, resultType: "text/event-stream"}
	if a.config.Events.Stream != nil {
		stream := o.as("GET", "/events", "stream-events", "Hear what happens (Server-Sent Events)")
		stream.doc = "Each event is a CloudEvent in JSON. A client that was away gives the id of the last event it has seen in Last-Event-ID, and misses nothing."
		resume := &huma.Param{Name: "Last-Event-ID", In: "header", Description: "As after", Schema: &huma.Schema{Type: "string"}}
		a.addRaw(stream, append(slices.Clip(filters), resume), a.config.Events.Stream.ServeHTTP)
	}
	if a.config.Events.Socket != nil {
		socket := o.as("GET", "/events/ws", "socket-events", "Hear what happens (WebSocket)")
		socket.result, socket.statuses = nil, []int{http.StatusSwitchingProtocols}
		socket.doc = "A page in a browser, which can set no header, asks for the protocols cloudevents.json and bearer.KEY, with its key for KEY."
		a.addRaw(socket, filters, a.config.Events.Socket.ServeHTTP)
	}
}

// addMe adds what tells a client whose key it has.
func (a *API) addMe() {
	o := operation{tag: "keys", scope: ScopeRead, result: schemaOf[Me](a)}
	add(a, o.as("GET", "/me", "get-me", "Whose key this is"), func(ctx context.Context, _ *struct{}) (*answer, error) {
		parties := []PartnerRole{}
		for _, p := range a.config.Parties {
			parties = append(parties, PartnerRole{p.Party.String(), p.Role})
		}
		return answered(http.StatusOK, Me{Key: callerOf(ctx), Parties: parties, Version: a.config.Version})
	})
}

// Me is whose key a client has, and whose node this is.
type Me struct {
	Key     string        `json:"key" doc:"The name of the key"`
	Parties []PartnerRole `json:"parties" doc:"The node's parties" nullable:"false"`
	Version string        `json:"version" doc:"The program's"`
}
