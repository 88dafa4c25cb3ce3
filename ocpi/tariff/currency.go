package tariff

import "golang.org/x/text/currency"

// newer are currencies that have come since the list of golang.org/x/text was made.
var newer = map[string]bool{"MRU": true, "SLE": true, "UYW": true, "VED": true, "VES": true, "XCG": true, "ZWG": true}

// isCurrency reports whether a code is a currency of ISO 4217, or was one.
func isCurrency(code string) bool {
	if newer[code] {
		return true
	}
	unit, err := currency.ParseISO(code)
	return err == nil && unit.String() == code && code != "XXX" && code != "XTS" // no currency, and one for tests
}

// minorUnits are the digits after the point that amounts in a currency have; 2 for those that are not known.
func minorUnits(code string) int32 {
	unit, err := currency.ParseISO(code)
	if err != nil {
		return 2
	}
	scale, _ := currency.Standard.Rounding(unit)
	return int32(scale) //nolint:gosec // at most 4
}
