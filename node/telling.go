package node

import (
	"encoding/json"

	"github.com/roamwire/roamwire/node/event"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/pull"
	"github.com/roamwire/roamwire/node/push"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/handshake"
)

// What rooms do that know no events is told here, in the transactions in which they do it.

// forgotten is the state of a partner that there is not any more.
const forgotten = "forgotten"

// tellPartner makes the event of a partner with whom we stand otherwise than before, and has objects rendered for its version.
func (d *Data) tellPartner(before, after *handshake.Relation) []store.Event {
	if after != nil {
		d.Objects.Expect(after.Remote.Version)
	}
	was, is := standing(before), standing(after)
	if was == is {
		return nil
	}
	is.Before = was.State
	if after == nil {
		is.Partner, is.State = before.Name, forgotten
	}
	return []store.Event{d.happened(event.PartnerChanged, "partners/"+is.Partner, is.Partner, ocpi.ModuleCredentials, &is)}
}

func standing(r *handshake.Relation) event.PartnerChange {
	if r == nil {
		return event.PartnerChange{}
	}
	c := event.PartnerChange{Partner: r.Name, State: string(r.State), Suspended: r.Suspended}
	if r.Attempt != nil {
		c.Failure = r.Attempt.Failure
	}
	return c
}

// tellParked makes the event of an object that a partner does not take.
func (d *Data) tellParked(p push.Parking) store.Event {
	return d.happened(event.PushParked, object.Subject(p.Key), p.Partner, p.Key.Module, &event.ParkedPush{
		Partner: p.Partner, Module: p.Key.Module, Party: p.Key.Party, ID: p.Key.ID, TokenType: p.Key.TokenType,
		Attempts: p.Attempts, Reason: p.Reason, Unclear: p.Unclear,
	})
}

// tellPulled makes the event of a pull that has ended.
func (d *Data) tellPulled(f pull.Finished) store.Event {
	finished := event.FinishedPull{
		Partner: f.Partner, Module: f.Module, Full: f.Full, Began: f.Began, Ended: f.Ended, Objects: f.Came,
		Changed: f.Last.Created + f.Last.Updated, Unusable: f.Last.Refused, Gone: f.Last.Gone, Error: f.LastError,
	}
	for _, p := range f.Unstored {
		finished.Unstored = append(finished.Unstored, event.UnstoredObject{ID: p.ID, Reason: p.Reason})
	}
	return d.happened(event.PullFinished, "pulls/"+f.Partner+"/"+string(f.Module), f.Partner, f.Module, &finished)
}

// happened is an event. One whose data cannot be written is told without it.
func (d *Data) happened(kind, subject, partner string, module ocpi.ModuleID, data any) store.Event {
	raw, err := json.Marshal(data)
	if err != nil {
		d.config.Logger.Error("cannot write the data of an event", "type", kind, "subject", subject, "error", err)
	}
	return store.Event{Type: kind, Subject: subject, Partner: partner, Module: module, Data: raw}
}
