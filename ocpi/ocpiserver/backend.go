package ocpiserver

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Partners knows who may call.
type Partners interface {
	// PartnerByToken returns the partner that calls with this token, or ocpi.ErrUnauthorized. It is called for every
	// request, with each form the token may have been sent in.
	PartnerByToken(ctx context.Context, token string) (*ocpi.Partner, error)
}

// A Sender offers our objects of one module for partners to pull.
type Sender[T any] interface {
	// List returns a page of what the partner may see, oldest first by creation. The limit is already bounded.
	List(ctx context.Context, to *ocpi.Partner, q ocpi.Query) (ocpi.Page[T], error)
}

// A Getter is a Sender that has single objects too. Locations of a CPO must be one (requirement L-06).
type Getter[T any] interface {
	// Get returns one of our objects, or ocpi.ErrNotFound.
	Get(ctx context.Context, to *ocpi.Partner, id string) (T, error)
}

// A RenderedSender is a Sender that has its objects as the bytes a partner of a version gets. The server then writes
// them as they are (so without what the model keeps of other versions, and without what is withheld), which makes a page cost
// about as much as reading it. The page's Losses are told to the Observer as those of a translation are.
type RenderedSender interface {
	ListRendered(ctx context.Context, to *ocpi.Partner, v ocpi.Version, q ocpi.Query) (ocpi.Page[jsontext.Value], error)
}

// A Receiver takes a partner's objects of one module.
type Receiver[T any] interface {
	// Get returns the object as it is stored here, or ocpi.ErrNotFound.
	Get(ctx context.Context, from *ocpi.Partner, key ocpi.Key) (T, error)
	// Put creates the object or replaces it whole.
	Put(ctx context.Context, from *ocpi.Partner, key ocpi.Key, object T) (created bool, err error)
	// Update applies fn to the stored object as one atomic step, or returns ocpi.ErrNotFound. It stores nothing and
	// returns fn's error where fn fails. It may call fn more than once, each time with the object as it then is; only the
	// last call counts. PATCH arrives here, and so does PUT of an EVSE or Connector.
	Update(ctx context.Context, from *ocpi.Partner, key ocpi.Key, fn func(*T) error) error
}

// A Replacer is a Receiver that lets the server decide about a replacement by what is there, in one step with it. With
// others, two messages about one object that come at the same time may leave the older.
type Replacer[T any] interface {
	// Replace creates the object, or replaces it whole where allow does not fail. It returns allow's error otherwise, and
	// may call it more than once, each time with the object as it then is, after telling Times about it.
	Replace(ctx context.Context, from *ocpi.Partner, key ocpi.Key, object T, allow func(before *T) error) (created bool, err error)
}

// A Deleter is a Receiver whose objects can be deleted. Tariffs must be one (requirements TF-42, TAR-04).
type Deleter interface {
	// Delete removes the object, or returns ocpi.ErrNotFound.
	Delete(ctx context.Context, from *ocpi.Partner, key ocpi.Key) error
}

// A CDRReceiver takes charge detail records, which are posted once and never change.
type CDRReceiver interface {
	// Get returns the CDR as it is stored here, or ocpi.ErrNotFound. The ID compares without case.
	Get(ctx context.Context, from *ocpi.Partner, key ocpi.Key) (v230.CDR, error)
	// Create stores a CDR that is not there yet. Where there is one with this key it changes nothing and returns it
	// with created false; the server then decides whether the two are the same (requirement CDR-08).
	Create(ctx context.Context, from *ocpi.Partner, key ocpi.Key, cdr v230.CDR) (stored v230.CDR, created bool, err error)
}

// An Authorizer answers a CPO that asks whether a driver may charge. It is part of an eMSP's token Sender.
type Authorizer interface {
	// Authorize decides about one of our tokens, or returns ocpi.ErrNotFound for a token that is not ours. An error
	// with ocpi.StatusNotEnoughInformation asks for location references. A refusal is an answer, not an error.
	Authorize(ctx context.Context, from *ocpi.Partner, request AuthorizeRequest) (v230.AuthorizationInfo, error)
}

// An AuthorizeRequest is the question whether a driver may charge.
type AuthorizeRequest struct {
	TokenUID string
	// TokenType is RFID where the partner did not say (requirement TOK-06).
	TokenType v230.TokenType
	// At says where the driver wants to charge; nil where the partner did not say.
	At *v230.LocationReferences
}

// Commands carries out what an eMSP asks of our charge points. The answer is ours, at once; the charge point's own
// result follows at the command's ResponseURL, only where the answer was ACCEPTED (requirement CMD-04).
//
// For a location that is not ours, return an *ocpi.Error with ocpi.StatusUnknownLocation (requirement CMD-10).
type Commands interface {
	StartSession(ctx context.Context, from *ocpi.Partner, command v230.StartSession) (v230.CommandResponse, error)
	StopSession(ctx context.Context, from *ocpi.Partner, command v230.StopSession) (v230.CommandResponse, error)
	ReserveNow(ctx context.Context, from *ocpi.Partner, command v230.ReserveNow) (v230.CommandResponse, error)
	CancelReservation(ctx context.Context, from *ocpi.Partner, command v230.CancelReservation) (v230.CommandResponse, error)
	UnlockConnector(ctx context.Context, from *ocpi.Partner, command v230.UnlockConnector) (v230.CommandResponse, error)
}

// CommandResults takes the results of commands we sent as eMSP.
type CommandResults interface {
	// CommandResult takes the result for the command we named uid in its response_url. command is empty where the
	// URL does not name it. A result that comes late is no error (requirement CMD-08).
	CommandResult(ctx context.Context, from *ocpi.Partner, command v230.CommandType, uid string, result v230.CommandResult) error
}

// A PreferenceTaker is a CPO's Sender of sessions that takes what drivers want of their charging, which is possible since 2.2. With
// others the interface is not there.
type PreferenceTaker interface {
	// TakePreferences takes the driver's preferences for one of our sessions and says whether they can be followed, or returns
	// ocpi.ErrNotFound for a session that the partner does not see. It returns ErrNoPreferences where the EVSE cannot take any.
	TakePreferences(ctx context.Context, from *ocpi.Partner, sessionID string, preferences v230.ChargingPreferences) (v230.ChargingPreferencesResponse, error)
}

// ErrNoPreferences is what a PreferenceTaker returns for an EVSE that lacks the capability CHARGING_PREFERENCES_CAPABLE: HTTP 404
// with status 2001 (requirement DS-09).
var ErrNoPreferences = &ocpi.Error{
	HTTP: http.StatusNotFound, Code: ocpi.StatusInvalidParameters, Message: "the EVSE of this session takes no charging preferences",
}

// Credentials tells a partner how it reaches us.
type Credentials interface {
	// Credentials returns what the partner uses to access us. Token is the one it presented with this call, so that
	// tokens need not be kept readable. The role is empty at the interface of all our roles, which there is since 2.2: the
	// credentials then have all of them (requirement DC-06).
	Credentials(ctx context.Context, partner *ocpi.Partner, role ocpi.Role, token string) (v230.Credentials, error)
}

// A Registrar is a Credentials that lets partners register, change and end their registration. Package handshake has
// one. The server has checked that the call fits the state: Register is called for partners with
// ocpi.AccessRegistration, the others for partners without.
//
// The party of credentials read in 2.1.1, which does not say its role, has the role opposite to the caller's Role.
type Registrar interface {
	// Register takes a partner's first credentials and returns ours, with a new token for it (requirement C-04).
	Register(ctx context.Context, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error)
	// Update takes changed credentials and returns ours, with a new token in any case (requirement C-10).
	Update(ctx context.Context, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error)
	// Unregister ends the registration: neither side's token is of use any more (requirement C-13).
	Unregister(ctx context.Context, from ocpi.Caller) error
}
