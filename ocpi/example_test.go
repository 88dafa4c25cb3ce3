package ocpi_test

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
)

// Partners write timestamps in many ways. All of them are read, and one is written.
func ExampleParseDateTime() {
	for _, s := range []string{
		"2026-03-04T12:00:00Z", "2026-03-04T12:00:00", "2026-03-04 13:00:00+01:00", "2026-03-04T12:00:00.250Z", "yesterday",
	} {
		d, err := ocpi.ParseDateTime(s)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(d)
	}
	// Output:
	// 2026-03-04T12:00:00Z
	// 2026-03-04T12:00:00Z
	// 2026-03-04T12:00:00Z
	// 2026-03-04T12:00:00.25Z
	// "yesterday" is not a timestamp such as 2026-01-31T12:00:00Z
}

// A Number is exact, and leaves with the digits it came with.
func ExampleNumber() {
	var cdr struct {
		Energy ocpi.Number `json:"total_energy"`
		Price  ocpi.Number `json:"price"`
	}
	if err := json.Unmarshal([]byte(`{"total_energy": 18.40, "price": 0.35}`), &cdr); err != nil {
		fmt.Println(err)
		return
	}
	raw, err := json.Marshal(cdr)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(raw))
	fmt.Println("cost:", cdr.Energy.Decimal().Mul(cdr.Price.Decimal()))
	fmt.Println("the same value:", cdr.Energy.Equal(ocpi.MustNumber("18.4")))
	// Output:
	// {"total_energy":18.40,"price":0.35}
	// cost: 6.44
	// the same value: true
}

// A CiString keeps its case and is compared without it.
func ExampleCiString() {
	a, b := ocpi.CiString("NL*GPE*E1*2"), ocpi.CiString("nl*gpe*e1*2")
	fmt.Println(a.Equal(b), a == b)

	byID := map[string]string{a.Fold(): "the second EVSE"}
	fmt.Println(a, "is", byID[b.Fold()])
	// Output:
	// true false
	// NL*GPE*E1*2 is the second EVSE
}

func ExampleParseParty() {
	for _, s := range []string{"NL/GPE", "nl-gpe", "NL*GPE", "nlGpe", "Grenspaal"} {
		party, err := ocpi.ParseParty(s)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(party, party == ocpi.NewParty("NL", "GPE"))
	}
	// Output:
	// NL/GPE true
	// NL/GPE true
	// NL/GPE true
	// NL/GPE true
	// "Grenspaal" is not a party: two letters for the country and three characters for the party, as in NL/ABC
}

// Version 2.1.1 sends tokens as they are and later ones in Base64, yet not every partner does. The header is read both
// ways.
func ExampleParseAuthorization() {
	plain := ocpi.Authorization("let-me-in", ocpi.DefaultTokenEncoding(ocpi.V211))
	encoded := ocpi.Authorization("let-me-in", ocpi.DefaultTokenEncoding(ocpi.V221))
	for _, header := range []string{plain, encoded, "Bearer let-me-in", ""} {
		fmt.Printf("%-24q %v\n", header, ocpi.ParseAuthorization(header))
	}
	// Output:
	// "Token let-me-in"        [let-me-in]
	// "Token bGV0LW1lLWlu"     [bGV0LW1lLWlu let-me-in]
	// "Bearer let-me-in"       []
	// ""                       []
}

// An Error says what a partner is told, by its two codes. Its cause stays here.
func ExampleError() {
	var err error = &ocpi.Error{
		Code: ocpi.StatusUnknownLocation, Message: "there is no location LOC9 here", Err: errors.New("table locations: no rows"),
	}
	fmt.Println(err)

	if e, ok := errors.AsType[*ocpi.Error](err); ok {
		fmt.Println("the partner reads:", int(e.Code), e.StatusMessage())
	}
	fmt.Println(errors.Is(ocpi.NotFound("there is no token FF"), ocpi.ErrNotFound))
	// Output:
	// OCPI 2003: there is no location LOC9 here: table locations: no rows
	// the partner reads: 2003 there is no location LOC9 here
	// true
}
