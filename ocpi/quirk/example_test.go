package quirk_test

import (
	"fmt"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/v211"
)

// A command's answer as a list of one bare word: two deviations, which the default profile knows.
func ExampleDecode() {
	response, findings, quirks, err := quirk.Decode(quirk.Default(), []byte(`["ACCEPTED"]`), v211.DecodeCommandResponse)
	fmt.Println(response.Result, quirks, err)
	for _, f := range findings {
		fmt.Println(f)
	}
	// Output:
	// ACCEPTED [wrapped-object bare-command-result] <nil>
	// must be an object, not a list
	// must be an object, not a string
}

// A partner that runs the Python library asks for fields that the specification does not.
func ExampleProfile_Write() {
	profile, err := quirk.Parse("ocpi-python")
	if err != nil {
		fmt.Println(err)
		return
	}
	raw, quirks := profile.Write(ocpi.V211, "Connector", []byte(`{"id":"1","voltage":230}`))
	fmt.Println(string(raw), quirks)
	// Output:
	// {"id":"1","voltage":230,"tariff_id":""} [expect-tariff-id]
}
