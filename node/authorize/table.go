package authorize

import "github.com/roamwire/roamwire/ocpi/v230"

// An Outcome is what came of asking the eMSP of a token in real time.
type Outcome string

// The outcomes of asking an eMSP.
const (
	// NotAsked is before the eMSP is asked: the table says whether to.
	NotAsked Outcome = "not asked"
	// Answered is an answer, whether it allows or refuses.
	Answered Outcome = "answered"
	// UnknownToken is the answer that the eMSP does not know the token. It is a refusal and no outage (requirement TOK-12).
	UnknownToken Outcome = "unknown token"
	// NeedsLocation is the answer that the eMSP must be told where the driver wants to charge (requirement TOK-10).
	NeedsLocation Outcome = "needs location"
	// UnknownPlace is the answer that the eMSP does not know the location where the driver wants to charge.
	UnknownPlace Outcome = "unknown location"
	// NoAnswer is none in time, one that cannot be used, or an eMSP that cannot be asked at all.
	NoAnswer Outcome = "no answer"
)

// A Preference is the CPO's choice for tokens whose whitelist is ALLOWED.
type Preference string

// The choices of a CPO.
const (
	// PreferCache decides by the token as the eMSP has sent it.
	PreferCache Preference = ""
	// PreferRealtime asks the eMSP, and decides by the token where there is no answer.
	PreferRealtime Preference = "realtime"
)

// By says what a decision was made by.
type By string

// What decisions are made by.
const (
	// ByCache is a token as its eMSP has sent it.
	ByCache By = "cache"
	// ByRealtime is the answer of an eMSP that was asked.
	ByRealtime By = "realtime"
	// ByFallback is a token as its eMSP has sent it, or its whitelist, because the eMSP did not answer.
	ByFallback By = "fallback"
	// ByCommand is a command of the eMSP's, which has authorized its driver before sending it (requirement DM-05).
	ByCommand By = "command"
	// ByUnknown is the rule for tokens that nobody knows.
	ByUnknown By = "unknown"
	// ByTable is our own token, ByWebhook the operator's system: we are the eMSP and were asked.
	ByTable   By = "table"
	ByWebhook By = "webhook"
)

// A Case is what a CPO decides by: a token that an eMSP has sent, and what came of asking.
type Case struct {
	Whitelist v230.WhitelistType
	Valid     bool
	// Prefer is used for tokens whose whitelist is ALLOWED.
	Prefer  Preference
	Outcome Outcome
	// Allowed is the answer where Outcome is Answered.
	Allowed v230.AllowedType
}

// A Decision is what follows from a Case.
type Decision struct {
	// Ask tells that the eMSP has to be asked first; the rest is empty then.
	Ask     bool
	Allowed v230.AllowedType
	By      By
	Why     string
}

// Decide is the decision table of a CPO (requirements TOK-12 to TOK-14). It is also the answer to whether the eMSP has to be
// asked: Ask is true only while Outcome is NotAsked.
//
// What is decided before anybody is asked:
//
//	| whitelist         | valid                        | not valid                    |
//	|-------------------|------------------------------|------------------------------|
//	| ALWAYS            | ALLOWED, by cache            | BLOCKED, by cache            |
//	| ALLOWED, cache    | ALLOWED, by cache            | BLOCKED, by cache            |
//	| ALLOWED, realtime | ask                          | ask                          |
//	| ALLOWED_OFFLINE   | ask                          | ask                          |
//	| NEVER, or unknown | ask                          | ask                          |
//
// What is decided by what came of asking:
//
//	| whitelist         | answer    | token unknown, or    | no answer             | no answer             |
//	|                   |           | location is missing  | and valid             | and not valid         |
//	|                   |           | or unknown           |                       |                       |
//	|-------------------|-----------|----------------------|-----------------------|-----------------------|
//	| ALLOWED, realtime | as it is, | NOT_ALLOWED,         | ALLOWED, fallback     | BLOCKED, fallback     |
//	| ALLOWED_OFFLINE   | realtime  | realtime             | ALLOWED, fallback     | BLOCKED, fallback     |
//	| NEVER, or unknown |           |                      | NOT_ALLOWED, fallback | BLOCKED, fallback     |
//
// ALWAYS is never asked about: its eMSP need not be able to answer (requirement TOK-07). A token that is not valid is not
// taken from the cache, and where its whitelist wants real time, its eMSP is asked all the same. An answer that is none of
// the five is a refusal. A whitelist that is none of the four is NEVER, which is the strictest.
func Decide(c Case) Decision {
	if c.Whitelist == v230.WhitelistTypeAlways || c.Whitelist == v230.WhitelistTypeAllowed && c.Prefer == PreferCache {
		return cached(c)
	}
	switch c.Outcome {
	case Answered:
		return answered(c.Allowed)
	case UnknownToken:
		return Decision{Allowed: v230.AllowedTypeNotAllowed, By: ByRealtime, Why: "the eMSP does not know the token"}
	case NeedsLocation:
		return Decision{Allowed: v230.AllowedTypeNotAllowed, By: ByRealtime, Why: "the eMSP must be told where the driver wants to charge"}
	case UnknownPlace:
		return Decision{Allowed: v230.AllowedTypeNotAllowed, By: ByRealtime, Why: "the eMSP does not know the location"}
	case NoAnswer:
		return unanswered(c)
	default:
		return Decision{Ask: true}
	}
}

func cached(c Case) Decision {
	if !c.Valid {
		return Decision{Allowed: v230.AllowedTypeBlocked, By: ByCache, Why: "the token is not valid"}
	}
	return Decision{Allowed: v230.AllowedTypeAllowed, By: ByCache, Why: "the token is valid, and its whitelist " + string(c.Whitelist) + " lets the CPO decide"}
}

func answered(allowed v230.AllowedType) Decision {
	switch {
	case allowed == v230.AllowedTypeAllowed:
		return Decision{Allowed: allowed, By: ByRealtime, Why: "the eMSP allows it"}
	case allowed.Known():
		return Decision{Allowed: allowed, By: ByRealtime, Why: "the eMSP refuses it"}
	default:
		return Decision{Allowed: v230.AllowedTypeNotAllowed, By: ByRealtime, Why: "the eMSP's answer is none that OCPI has"}
	}
}

func unanswered(c Case) Decision {
	offline := c.Whitelist == v230.WhitelistTypeAllowed || c.Whitelist == v230.WhitelistTypeAllowedOffline
	switch {
	case !c.Valid:
		return Decision{Allowed: v230.AllowedTypeBlocked, By: ByFallback, Why: "the token is not valid"}
	case offline:
		return Decision{Allowed: v230.AllowedTypeAllowed, By: ByFallback, Why: "the token is valid, and its whitelist " + string(c.Whitelist) + " lets the CPO decide when the eMSP does not answer"}
	default:
		return Decision{Allowed: v230.AllowedTypeNotAllowed, By: ByFallback, Why: "the whitelist of the token wants the eMSP's own answer"}
	}
}

// Method is how a session or CDR that follows says its driver was authorized (the last column of the table of requirement
// TOK-14's section); empty for a refusal.
func (d Decision) Method() v230.AuthMethod {
	switch {
	case d.Allowed != v230.AllowedTypeAllowed:
		return ""
	case d.By == ByRealtime:
		return v230.AuthMethodAuthRequest
	default:
		return v230.AuthMethodWhitelist
	}
}

// A Spot is what we know as eMSP of the place a CPO asks about.
type Spot string

// What is known of a place.
const (
	// NoSpot is where the CPO has named no place.
	NoSpot Spot = "none"
	// UnknownSpot is a location, or EVSEs, that the CPO has not told us of: that is not held against the driver.
	UnknownSpot Spot = "unknown"
	// OpenSpot is where some of what was asked about is there and not removed.
	OpenSpot Spot = "open"
	// ClosedSpot is where nothing of it is.
	ClosedSpot Spot = "closed"
)

// Answer is the decision table of an eMSP that is asked about one of its tokens (requirements TOK-09, TOK-11). A token that
// is not there has no answer but the error 404 (requirement TOK-12).
//
//	| token     | no place, unknown, or open | closed      |
//	|-----------|----------------------------|-------------|
//	| valid     | ALLOWED                    | NOT_ALLOWED |
//	| not valid | BLOCKED                    | BLOCKED     |
//
// EXPIRED and NO_CREDIT are nothing that tokens say, which have no more than valid: the operator's own system answers them,
// through the webhook.
func Answer(valid bool, spot Spot) Decision {
	switch {
	case !valid:
		return Decision{Allowed: v230.AllowedTypeBlocked, By: ByTable, Why: "the token is not valid"}
	case spot == ClosedSpot:
		return Decision{Allowed: v230.AllowedTypeNotAllowed, By: ByTable, Why: "nothing of the place asked about is there"}
	default:
		return Decision{Allowed: v230.AllowedTypeAllowed, By: ByTable, Why: "the token is valid"}
	}
}
