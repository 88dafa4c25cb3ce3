package sqlitelog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/exchange/sqlitelog"
	"github.com/roamwire/roamwire/ocpi"
)

// What it takes to write one record of 256 that are written together, with bodies of some sizes.
func BenchmarkAppend(b *testing.B) {
	for name, bodies := range map[string]int{"no bodies": 0, "bodies of 80 bytes": 80, "bodies of 8 KiB": 8 << 10} {
		b.Run(name, func(b *testing.B) {
			l, err := sqlitelog.Open(b.Context(), b.TempDir()+"/exchanges.db")
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			records := make([]exchange.Record, 256)
			for i := range records {
				records[i] = exchange.Record{
					At: time.Now(), Direction: ocpi.Inbound, Partner: "greenwheels", Method: "PATCH", Module: ocpi.ModuleLocations,
					URL: "/ocpi/emsp/2.1.1/locations/NL/PTN/P1234/EVSE-1234-1", Object: "P1234/EVSE-1234-1", HTTP: 200, Status: 1000,
					RequestID: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", CorrelationID: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
				}
				text := strings.Repeat(`{"status":"CHARGING","last_updated":"2026-01-31T12:00:00Z","physical_reference":"`+records[i].Object, 100)
				records[i].Request, records[i].Response = text[:bodies/2], text[bodies/2:bodies]
			}
			for i := 0; b.Loop(); i++ {
				if i%len(records) != 0 {
					continue
				}
				if err := l.Append(b.Context(), records); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
