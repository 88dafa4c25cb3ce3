package push

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
	v230 "github.com/roamwire/roamwire/ocpi/v230"
)

// other is another party of ours.
var other = ocpi.NewParty("NL", "SUB")

func (r *rig) putTariffOf(party ocpi.Party, n int) {
	r.Helper()
	t := tariff(n)
	body, err := json.Marshal(&t)
	if err != nil {
		r.Fatal(err)
	}
	err = r.db.Write(r.Context(), func(tx store.Tx) error {
		_, err := tx.Put(store.Object{Key: store.Key{Module: ocpi.ModuleTariffs, Party: party, ID: string(t.ID)}, Body: body, LastUpdated: time.Now()})
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
}

// What is held does not go to a partner that may not see it any more.
func TestWhatIsHeldIsForThosePartnersAloneThatMaySeeIt(t *testing.T) {
	r := newRig(t, Policy{})
	r.partner.Parties = []ocpi.Party{us, other}
	r.to.answer = func(*http.Request) int { return http.StatusBadRequest }
	put230 := func(audience ocpi.Party) {
		s := session(v230.SessionStatusActive, 1)
		body, _ := json.Marshal(&s)
		if err := r.db.Write(t.Context(), func(tx store.Tx) error {
			_, err := tx.Put(store.Object{Key: store.Key{Module: ocpi.ModuleSessions, Party: us, ID: string(s.ID)}, Body: body, LastUpdated: time.Now(), Audience: audience})
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	tr := tariff(1)
	body, _ := json.Marshal(&tr)
	if err := r.db.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.Put(store.Object{Key: store.Key{Module: ocpi.ModuleTariffs, Party: other, ID: string(tr.ID)}, Body: body, LastUpdated: time.Now()})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	put230(them)
	r.until("parked", ocpi.ModuleTariffs, func(s Status) bool { return len(s.Parked) == 1 })
	r.until("parked", ocpi.ModuleSessions, func(s Status) bool { return len(s.Parked) == 1 })
	r.stop()
	before := len(r.to.seen())
	put230(ocpi.NewParty("FR", "XXX"))   // the session turns out to be another eMSP's driver's
	r.partner.Parties = []ocpi.Party{us} // the operator shows the partner our own party alone
	r.to.setAnswer(nil)
	if _, err := Retry(t.Context(), r.db, time.Now(), "p", "", ""); err != nil {
		t.Fatal(err)
	}
	r.start()
	time.Sleep(500 * time.Millisecond)
	for _, c := range r.to.seen()[before:] {
		t.Errorf("the partner was sent %s %s", c.method, c.path)
	}
}

// A partner is not sent what its version cannot say, and gets it once it speaks one that can.
func TestWhatAVersionCannotSayIsSentInTheNext(t *testing.T) {
	r := newRig(t, Policy{})
	tr := tariff(1)
	body, _ := json.Marshal(&tr)
	if err := r.db.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.Put(store.Object{
			Key:      store.Key{Module: ocpi.ModuleTariffs, Party: us, ID: string(tr.ID)},
			Withheld: []ocpi.Version{ocpi.V211}, Body: body, LastUpdated: time.Now(),
		})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r.partner.Version = ocpi.V211
	r.start()
	r.putTariff(2)
	r.until("settled", ocpi.ModuleTariffs, func(s Status) bool { return settled(s) && s.Sent == 1 })
	r.stop()
	for _, c := range r.to.seen() {
		if strings.HasSuffix(c.path, "/"+string(tr.ID)) {
			t.Errorf("the partner was sent %s", c.path)
		}
	}
	r.partner.Version = ocpi.V221
	r.start()
	r.until("caught up", ocpi.ModuleTariffs, func(s Status) bool { return settled(s) && s.Sent >= 2 })
	if !slices.ContainsFunc(r.to.seen(), func(c call) bool { return strings.HasSuffix(c.path, "/"+string(tr.ID)) }) {
		t.Errorf("the partner was not sent it: %v", r.to.seen())
	}
}

// A partner that begins to see a party of ours gets what that has.
func TestAPartyThatIsAddedIsPushed(t *testing.T) {
	r := newRig(t, Policy{})
	tr := tariff(1)
	body, _ := json.Marshal(&tr)
	if err := r.db.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.Put(store.Object{Key: store.Key{Module: ocpi.ModuleTariffs, Party: other, ID: string(tr.ID)}, Body: body, LastUpdated: time.Now()})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.putTariff(2)
	r.until("settled", ocpi.ModuleTariffs, settled)
	r.stop()
	r.partner.Parties = []ocpi.Party{us, other}
	r.start()
	time.Sleep(500 * time.Millisecond)
	if n := len(r.to.seen()); n != 2 {
		t.Errorf("%d messages: the tariff of the party that was added is not sent, and the lane says %+v", n, r.status(ocpi.ModuleTariffs))
	}
}

// What a partner never had need not be deleted there.
func TestANewPartnerIsToldOfNoDeletion(t *testing.T) {
	r := newRig(t, Policy{})
	for i := range 5 {
		id := r.putTariff(i + 1)
		if err := r.db.Write(t.Context(), func(tx store.Tx) error { return tx.Delete(store.Key{Module: ocpi.ModuleTariffs, Party: us, ID: id}) }); err != nil {
			t.Fatal(err)
		}
	}
	r.to.answer = func(*http.Request) int { return http.StatusBadRequest } // "2001: unknown tariff", as many answer
	r.start()
	time.Sleep(time.Second)
	if s := r.status(ocpi.ModuleTariffs); len(r.to.seen()) > 0 {
		t.Errorf("%d messages, the first %s; %d parked", len(r.to.seen()), r.to.seen()[0].method, len(s.Parked))
	}
}
