package sqlite

import (
	"testing"

	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/ocpi"
)

// Tariffs of a file from before their states were kept have their present state.
func TestTariffsOfFormerFormatsHaveAState(t *testing.T) {
	path, c := oldFile(t, 10)
	for _, sql := range []string{
		`INSERT INTO collection (id, module, source, country_code, party_id) VALUES (1, 'tariffs', 'p', 'NL', 'ABC'), (2, 'locations', 'p', 'NL', 'ABC')`,
		`INSERT INTO object (created, collection, id, id_key, token_type, audience, change, last_updated) VALUES (1, 1, 'T1', 't1', '', '', 1, 1000000), (2, 2, 'L2', 'l2', '', '', 2, 2000000)`,
		`INSERT INTO content (id, json) VALUES (1, CAST('{"id":"T1"}' AS BLOB)), (2, CAST('{"id":"L2"}' AS BLOB))`,
		`UPDATE sequence SET value = 2 WHERE name = 'change'`,
	} {
		if err := c.run(sql); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	db := openTest(t, path)
	states, err := db.TariffStates(t.Context(), store.Key{Module: ocpi.ModuleTariffs, Source: "p", Party: ocpi.NewParty("NL", "ABC"), ID: "T1"})
	if err != nil || len(states) != 1 || string(states[0].Body) != `{"id":"T1"}` || states[0].Since.UnixMicro() != 1000000 || !states[0].Until.IsZero() {
		t.Errorf("%+v %v", states, err)
	}
}
