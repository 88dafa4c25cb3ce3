package event

import (
	"slices"
	"strings"
	"time"

	"github.com/roamwire/roamwire/ocpi"
)

// The types of events that are not about an object. Those about objects are made of the kind of object and what has happened to
// it, as in "location.changed".
const (
	// CommandRequested: a partner has sent a command and waits for the answer.
	CommandRequested = "command.requested"
	// CommandAnswered: a command has got its first answer, ours or the partner's.
	CommandAnswered = "command.answered"
	// CommandFinished: a command has its result, or its time is over.
	CommandFinished = "command.finished"
	// SessionPreferences: a driver wants a session of ours to be charged in some way.
	SessionPreferences = "session.preferences"
	// CommandLate: a partner's result has come after the end of a command of ours.
	CommandLate = "command.late"
	// CommandCanceled: the CPO has given up a reservation that it had made, in either direction.
	CommandCanceled = "command.canceled"
	// CommandUndelivered: the result of a command could not be delivered to the partner and was given up.
	CommandUndelivered = "command.undelivered"
	// CommandSession: a session that belongs to a command was seen.
	CommandSession = "command.session"
	// ProfileChanged: a CPO has told which charging profile is active, since one that we have set. Data is the command that set it.
	ProfileChanged = "chargingprofile.changed"
	// HubClientChanged: a hub says something new about a party behind it. Data is the ClientInfo.
	HubClientChanged = "hubclient.changed"
	// AuthorizationAsked: somebody has asked whether a token may charge.
	AuthorizationAsked = "authorization.asked"
	// PartnerChanged: where we stand with a partner is other than before. Data is a PartnerChange.
	PartnerChanged = "partner.changed"
	// PushParked: a partner keeps refusing an object of ours, and a person has to look. Data is a ParkedPush.
	PushParked = "push.parked"
	// PullFinished: a list of a partner's objects was fetched, or fetching it has failed. Data is a FinishedPull.
	PullFinished = "pull.finished"
	// CDRChecked: a partner's CDR was priced again with its tariff, for the first time or with another verdict. Data is a CheckedCDR.
	CDRChecked = "cdr.checked"
	// WebhookDisabled: a webhook was switched off because its endpoint is gone. Data is a DisabledWebhook.
	WebhookDisabled = "webhook.disabled"
	// WebhookTest: somebody tries whether a webhook's endpoint takes events. It is in no journal. Data is empty.
	WebhookTest = "webhook.test"
	// EventsLost: the consumer was away for longer than events are kept, and has missed some. It has to read the present state
	// anew. Whatever a consumer has chosen to hear of, it hears of this. It is in no journal. Data is a Lost.
	EventsLost = "events.lost"
)

// A CheckedCDR is the data of cdr.checked.
type CheckedCDR struct {
	Partner string     `json:"partner"`
	Party   ocpi.Party `json:"party"`
	ID      string     `json:"id"`
	// Verdict is "agrees", "differs" or "cannot-say"; Before is what it was, empty for a CDR that was never checked.
	Verdict string `json:"verdict"`
	Before  string `json:"before,omitempty"`
	// Stated is the cost before taxes in the CDR, Computed what its tariff gives; empty where that is not known.
	Currency string       `json:"currency"`
	Stated   string       `json:"stated"`
	Computed string       `json:"computed,omitempty"`
	Findings []CDRFinding `json:"findings,omitempty"`
}

// A CDRFinding is something about a CDR that is not as it should be.
type CDRFinding struct {
	Code    string `json:"code"`
	Pointer string `json:"pointer"`
	Message string `json:"message"`
}

// A PartnerChange is the data of partner.changed.
type PartnerChange struct {
	Partner string `json:"partner"`
	// State is where we stand: "invited", "registered" and so on, or "forgotten" for one that is no partner any more; Before is
	// where we stood, empty for a partner that is new.
	State  string `json:"state"`
	Before string `json:"before,omitempty"`
	// Suspended tells that no data is exchanged, by our decision.
	Suspended bool `json:"suspended,omitzero"`
	// Failure is why an exchange of credentials has failed; empty where none has.
	Failure string `json:"failure,omitempty"`
}

// A ParkedPush is the data of push.parked.
type ParkedPush struct {
	Partner   string        `json:"partner"`
	Module    ocpi.ModuleID `json:"module"`
	Party     ocpi.Party    `json:"party"`
	ID        string        `json:"id"`
	TokenType string        `json:"token_type,omitempty"`
	Attempts  int           `json:"attempts"`
	// Reason is what the partner answered.
	Reason string `json:"reason"`
	// Unclear tells of a CDR of which it is not known whether it arrived.
	Unclear bool `json:"unclear,omitzero"`
}

// A FinishedPull is the data of pull.finished.
type FinishedPull struct {
	Partner string        `json:"partner"`
	Module  ocpi.ModuleID `json:"module"`
	// Full tells that everything was asked for, and not only what is new.
	Full  bool      `json:"full"`
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	// Objects is how many came, Changed how many of them were new or other than before, Unusable how many were not stored, and
	// Gone how many count as gone because they came no more.
	Objects  int `json:"objects"`
	Changed  int `json:"changed"`
	Unusable int `json:"unusable,omitzero"`
	Gone     int `json:"gone,omitzero"`
	// Unstored are the first of the objects that were not stored.
	Unstored []UnstoredObject `json:"unstored,omitempty"`
	// Error is why it has failed; empty where it did not.
	Error string `json:"error,omitempty"`
}

// An UnstoredObject is an object of a partner's that was not stored.
type UnstoredObject struct {
	// ID is the object's, or says at which place of the list it is where it could not even be fetched.
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// A DisabledWebhook is the data of webhook.disabled.
type DisabledWebhook struct {
	ID  string `json:"id"`
	URL string `json:"url"`
	// Reason is why it was switched off.
	Reason string `json:"reason"`
}

// A Lost is the data of events.lost.
type Lost struct {
	// First is the number of the first event that may have been missed; it is missing where nobody can say (LostUnknown). Last is
	// that of the last one: what follows is complete.
	First int64 `json:"first,omitzero"`
	Last  int64 `json:"last"`
	// Reason is LostTrimmed or LostUnknown.
	Reason string `json:"reason"`
}

// Why events were missed.
const (
	// LostTrimmed: they were not kept for that long.
	LostTrimmed = "trimmed"
	// LostUnknown: the consumer names an event later than the latest, as when the node's data was brought back from a copy. What
	// it has heard may not be in the data, and what has happened since may not have been told.
	LostUnknown = "unknown"
)

// A Kind is a type of events, in one line for people.
type Kind struct {
	Type    string `json:"type"`
	Meaning string `json:"meaning"`
}

// Types lists all types of events there are.
func Types() []Kind {
	var kinds []Kind
	for _, o := range []struct{ kind, of string }{
		{"location", "A location with its EVSEs and connectors"}, {"session", "A charging session"},
		{"cdr", "A charge detail record"}, {"tariff", "A tariff"}, {"token", "A token"},
	} {
		kinds = append(kinds,
			Kind{o.kind + ".created", o.of + " was created, by us or by a partner."},
			Kind{o.kind + ".changed", o.of + " has changed; the data has it before and after."},
			Kind{o.kind + ".removed", o.of + " was deleted."},
		)
	}
	return append(kinds,
		Kind{SessionPreferences, "A driver has said how a session of ours should be charged."},
		Kind{CommandRequested, "A command was received from a partner and wants an answer."},
		Kind{CommandAnswered, "A command has got its first answer."},
		Kind{CommandFinished, "A command has its result, or timed out."},
		Kind{CommandLate, "A partner's result has come after the end of a command."},
		Kind{CommandCanceled, "The CPO has given up a reservation that it had made."},
		Kind{CommandUndelivered, "The result of a command could not be delivered to the partner and was given up."},
		Kind{CommandSession, "A session that belongs to a command was seen."},
		Kind{ProfileChanged, "A CPO has told which charging profile is active in a session for which we have set one."},
		Kind{HubClientChanged, "A hub says something new about a party that is reached through it."},
		Kind{AuthorizationAsked, "Somebody asked whether a token may charge, and was answered."},
		Kind{PartnerChanged, "Where we stand with a partner has changed: registered, suspended, removed, failed."},
		Kind{PushParked, "A partner keeps refusing an object of ours; a person has to look."},
		Kind{PullFinished, "A partner's list was fetched, or fetching it has failed."},
		Kind{CDRChecked, "A partner's CDR was priced again with its tariff: it agrees, it differs, or nobody can say."},
		Kind{WebhookDisabled, "A webhook was switched off because its endpoint answered 410 Gone."},
		Kind{WebhookTest, "A webhook was tried by a person."},
		Kind{EventsLost, "The consumer was away for too long and has missed events; it has to read the present state anew."},
	)
}

// knownType reports whether a filter's type, which may end with "*", stands for any type there is.
func knownType(t string) bool {
	start, wild := strings.CutSuffix(t, "*")
	return slices.ContainsFunc(Types(), func(k Kind) bool { return k.Type == t || wild && strings.HasPrefix(k.Type, start) })
}
