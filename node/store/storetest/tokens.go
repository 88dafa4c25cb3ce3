package storetest

import (
	"testing"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

var tokenTests = []test{
	{name: "tokens of all partners are found by uid, whatever its case, and our own are not", run: func(t *testing.T, home Home) {
		from := func(source, uid, tokenType string) store.Object {
			o := token(uid, tokenType)
			o.Source = source
			return o
		}
		other := from("p", "04AB", "RFID")
		other.Party = ocpi.NewParty("DE", "OTH")
		location := location("04AB")
		location.Source = "p"
		received := []store.Object{from("p", "04AB", "RFID"), from("p", "04AB", "OTHER"), other, from("q", "04ab", "RFID")}
		put(t, home, append(received, token("04AB", "RFID"), location, from("q", "04AC", "RFID"))...)
		found, err := home.ReceivedTokens(t.Context(), "04Ab")
		wantError(t, "ReceivedTokens", err, nil)
		var keys, want []store.Key
		for i, o := range found {
			keys = append(keys, o.Key)
			equal(t, "body", string(o.Body), string(received[i].Body))
			if o.Change == 0 || o.Created == 0 || o.LastUpdated.IsZero() {
				t.Errorf("it lacks what the store knows: %+v", o)
			}
		}
		for _, o := range received {
			want = append(want, o.Key)
		}
		same(t, "found", keys, want)
		wantError(t, "Write", home.Write(t.Context(), func(tx store.Tx) error { return tx.Delete(received[3].Key) }), nil)
		found, err = home.ReceivedTokens(t.Context(), "04ab")
		wantError(t, "ReceivedTokens", err, nil)
		same(t, "found after one is gone", len(found), 3)
		found, err = home.ReceivedTokens(t.Context(), "")
		wantError(t, "ReceivedTokens", err, nil)
		nothing(t, "found without a uid", found)
	}},
}
