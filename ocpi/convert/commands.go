package convert

import (
	"hash/fnv"
	"strconv"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

func (u *up) startSession(in *v211.StartSession, out *v230.StartSession) {
	u.bulkStartSession(in, out)
	u.commandToken(&in.Token, &out.Token)
	out.Extra = u.extra(in.Extra, &namesStartSession, nil)
}

func (d *down) startSession(in *v230.StartSession, out *v211.StartSession) {
	out.Extra, _ = d.extra(in.Extra, &namesStartSession)
	d.bulkStartSession(in, out)
	d.commandToken(&in.Token, &out.Token)
	lostField(d, "connector_id", in.ConnectorID)
	lostField(d, "authorization_reference", in.AuthorizationReference)
}

func (u *up) reserveNow(in *v211.ReserveNow, out *v230.ReserveNow) {
	u.bulkReserveNow(in, out)
	u.commandToken(&in.Token, &out.Token)
	out.ReservationID = ocpi.CiString(strconv.Itoa(in.ReservationID))
	out.Extra = u.extra(in.Extra, &namesReserveNow, nil)
}

func (d *down) reserveNow(in *v230.ReserveNow, out *v211.ReserveNow) {
	out.Extra, _ = d.extra(in.Extra, &namesReserveNow)
	d.bulkReserveNow(in, out)
	d.commandToken(&in.Token, &out.Token)
	out.ReservationID = d.reservationID(in.ReservationID)
	lostField(d, "authorization_reference", in.AuthorizationReference)
}

func (u *up) commandToken(in *v211.Token, out *v230.Token) {
	u.enter("token")
	u.tokenOf(u.env.tokenOwner(), in, out)
	u.leave()
}

func (d *down) commandToken(in *v230.Token, out *v211.Token) {
	d.enter("token")
	d.tokenOf(d.env.tokenOwner(), in, out)
	d.leave()
}

// reservationID is the number that the text writes, or else one derived from the text: 31 bits of its FNV-1a hash,
// letters folded, never 0. So the same reservation has the same number each time, as replacing it requires
// (requirement CMD-11), and no table has to remember it.
func (d *down) reservationID(id ocpi.CiString) int {
	// 007 must not become the number of 7, which is another reservation.
	if n, err := strconv.Atoi(string(id)); err == nil && strconv.Itoa(n) == string(id) {
		return n
	}
	h := fnv.New32a()
	h.Write([]byte(id.Fold()))
	n := max(1, int(h.Sum32()&0x7fffffff))
	d.lose("reservation_id", "2.1.1 numbers reservations: "+strconv.Itoa(n)+" is derived from "+string(id))
	return n
}

// commandResponse raises the CPO's own answer. 2.3.0 has no TIMEOUT here, since only a station can time out; the value
// is kept. The time to wait, which 2.1.1 does not say, stays 0 for the caller to fill in (requirement CMD-08).
func (u *up) commandResponse(in *v211.CommandResponse, out *v230.CommandResponse) {
	var left leftover
	foreign(&left, "result", in.Result)
	out.Result = v230.CommandResponseType(in.Result)
	if in.Result == v211.CommandResponseTypeTimeout {
		u.lose("result", "2.3.0 does not list TIMEOUT for the first answer to a command")
	}
	out.Extra = u.extra(in.Extra, &namesCommandResponse, left)
}

func (d *down) commandResponse(in *v230.CommandResponse, out *v211.CommandResponse) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &namesCommandResponse)
	out.Result = lowerResult(d, left, in.Result)
	if in.Timeout != 0 {
		d.lose("timeout", "2.1.1 has no timeout here")
	}
	lostList(d, "message", in.Message)
}

// lowerResult turns every result that 2.1.1 does not list into REJECTED: all of them mean no.
func lowerResult[M ~string](d *down, left leftover, m M) v211.CommandResponseType {
	return lowerOr(d, left, "result", m, v211.CommandResponseTypeRejected)
}

// namesCommandResult compares the CommandResult of 2.3.0 with the CommandResponse of 2.1.1, which is used for both
// answers to a command.
var namesCommandResult = names{model: []string{"message"}}

// CommandResultFrom211 translates the asynchronous answer to a command, a CommandResponse of 2.1.1, into the model
// (2.3.0), where it is a CommandResult (requirements CMD-07, DM-02).
func CommandResultFrom211(in v211.CommandResponse, env Env) (v230.CommandResult, []Loss) {
	var out v230.CommandResult
	var left leftover
	u := newUp(env)
	out.Result = raisedResult(in.Result)
	if !in.Result.Known() || string(out.Result) != string(in.Result) {
		left.set("result", string(in.Result))
	}
	if in.Result == v211.CommandResponseTypeUnknownSession {
		u.lose("result", "2.3.0 does not list UNKNOWN_SESSION for the result of a command, it becomes FAILED")
	}
	out.Extra = u.extra(in.Extra, &namesCommandResult, left)
	return out, u.losses
}

// CommandResult is the result of a command in the model, by the word that some version has for it. UNKNOWN_SESSION, which only
// 2.1.1 has there, becomes FAILED, and is UNKNOWN_SESSION again for partners on 2.1.1 (requirement CMD-07).
func CommandResult(word string) v230.CommandResult {
	if word != string(v211.CommandResponseTypeUnknownSession) {
		return v230.CommandResult{Result: v230.CommandResultType(word)}
	}
	result, _ := CommandResultFrom211(v211.CommandResponse{Result: v211.CommandResponseTypeUnknownSession}, Env{})
	return result
}

func raisedResult(r v211.CommandResponseType) v230.CommandResultType {
	if r == v211.CommandResponseTypeUnknownSession {
		return v230.CommandResultTypeFailed
	}
	return v230.CommandResultType(r)
}

// CommandResultTo211 translates the asynchronous answer to a command into 2.1.1, where it is a CommandResponse.
func CommandResultTo211(in v230.CommandResult, env Env) (v211.CommandResponse, []Loss) {
	var out v211.CommandResponse
	var left leftover
	d := newDown(env)
	out.Extra, left = d.extra(in.Extra, &namesCommandResult)
	said, ok := recall(left, "result", func(was v211.CommandResponseType) bool { return raisedResult(was) == in.Result })
	switch {
	case ok:
		out.Result = said
	case in.Result == v230.CommandResultType(v211.CommandResponseTypeUnknownSession):
		d.lose("result", "2.3.0 does not list UNKNOWN_SESSION here, it is sent as 2.1.1 means it")
		out.Result = v211.CommandResponseTypeUnknownSession
	default:
		out.Result = lowerResult(d, nil, in.Result)
	}
	lostList(d, "message", in.Message)
	return out, d.losses
}
