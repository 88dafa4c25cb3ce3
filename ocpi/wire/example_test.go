package wire_test

import (
	"fmt"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// A codec takes the bytes a partner exchanges in its version, and the model that everybody else works with.
func ExampleFor() {
	codecs, ok := wire.For(ocpi.V211)
	if !ok {
		fmt.Println("no codecs")
		return
	}
	profile, err := quirk.Parse("lenient")
	if err != nil {
		fmt.Println(err)
		return
	}
	env := convert.Env{Owner: ocpi.NewParty("DE", "TUB")}
	token, report, err := codecs.Tokens.Read([]byte(`{
		"uid": "04A70000000001", "type": "RFID", "auth_id": "DE-TUB-C00000001", "issuer": "Laadpas Tubantia", "valid": true,
		"whitelist": "SOMETIMES", "last_updated": "2026-03-04T12:00:00Z"
	}`), env, profile)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(token.CountryCode, token.PartyID, token.ContractID, report.Findings)

	patch, _, err := codecs.Tokens.ReadPatch([]byte(`{"valid": false, "whitelist": "NEVER"}`), env, profile)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := patch.Apply(&token, ocpi.NewDateTime(time.Date(2026, 3, 5, 8, 30, 0, 0, time.UTC))); err != nil {
		fmt.Println(err)
		return
	}
	raw, _, err := codecs.Tokens.Write(token, env)
	fmt.Println(string(raw), err)
	// Output:
	// DE TUB DE-TUB-C00000001 [/whitelist: "SOMETIMES" is no value of WhitelistType]
	// {"uid":"04A70000000001","type":"RFID","auth_id":"DE-TUB-C00000001","issuer":"Laadpas Tubantia","valid":false,"whitelist":"NEVER","last_updated":"2026-03-05T08:30:00Z"} <nil>
}
