package tariff

import "golang.org/x/text/currency"

// isCurrency reports whether a code is a currency of ISO 4217.
func isCurrency(code string) bool {
	unit, err := currency.ParseISO(code)
	return err == nil && unit.String() == code && code != "XXX"
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
