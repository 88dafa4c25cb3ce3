package main

import (
	"strings"
	"unicode"
)

// scalars are the Go types of the protocol's scalar types.
var scalars = map[string]string{
	"string":   "string",
	"CiString": "ocpi.CiString",
	"URL":      "string",
	"int":      "int",
	"number":   "ocpi.Number",
	"boolean":  "bool",
	"DateTime": "ocpi.DateTime",
}

// vocabulary are the enums that package ocpi has types for.
var vocabulary = map[string]string{
	"ModuleID":      "ocpi.ModuleID",
	"VersionNumber": "ocpi.Version",
	"InterfaceRole": "ocpi.InterfaceRole",
	"Role":          "ocpi.Role",
}

// wholeWords are words of field names and enum values with a spelling of their own.
var wholeWords = map[string]string{
	"ac": "AC", "apds": "APDS", "cdr": "CDR", "cdrs": "CDRs", "dc": "DC", "emaid": "EMAID", "ev": "EV", "evse": "EVSE",
	"evses": "EVSEs", "gbt": "GBT", "iec": "IEC", "id": "ID", "ids": "IDs", "iso": "ISO", "kwh": "KWh", "mcs": "MCS",
	"nap": "NAP", "nema": "NEMA", "nsp": "NSP", "ped": "PED", "rfid": "RFID", "sae": "SAE", "uid": "UID",
	"uids": "UIDs", "url": "URL", "vat": "VAT", "twentyfourseven": "TwentyFourSeven", "datetime": "DateTime",
	"wifi": "WiFi", "outoforder": "OutOfOrder", "chademo": "CHAdeMO", "cpo": "CPO", "emsp": "EMSP", "scsp": "SCSP",
}

// goName turns a field name or enum value into an exported Go name. Two numbers side by side stay apart by "_".
func goName(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' || r == ' ' || r == '.' || r == '/' })
	var b strings.Builder
	for _, w := range words {
		if s := b.String(); s != "" && isDigit(s[len(s)-1]) && isDigit(w[0]) {
			b.WriteByte('_')
		}
		if whole, ok := wholeWords[strings.ToLower(w)]; ok {
			b.WriteString(whole)
			continue
		}
		if strings.ContainsAny(w, "0123456789") {
			b.WriteString(strings.ToUpper(w))
			continue
		}
		b.WriteString(strings.ToUpper(w[:1]) + strings.ToLower(w[1:]))
	}
	return b.String()
}

func isDigit(c byte) bool { return unicode.IsDigit(rune(c)) }

// goType is the Go type of a field's value, without what the cardinality adds.
func (v *version) goType(f *field) string {
	if t, ok := scalars[f.typ]; ok {
		return t
	}
	if t, ok := vocabulary[f.typ]; ok {
		return t
	}
	return f.typ
}

func (f *field) list() bool     { return f.card == "*" || f.card == "+" }
func (f *field) required() bool { return f.card == "1" || f.card == "+" }

// declared is the Go type of a field with its cardinality.
func (v *version) declared(f *field) string {
	switch f.card {
	case "?":
		return "*" + v.goType(f)
	case "*", "+":
		return "[]" + v.goType(f)
	default:
		return v.goType(f)
	}
}

// mergeBy is the field by which a PATCH merges the list, from the rule merge(field).
func (f *field) mergeBy() string {
	for _, r := range f.rules {
		if name, args := call(r); name == "merge" {
			return args
		}
	}
	return ""
}

// call splits "range(1..7)" into its name and arguments.
func call(rule string) (name, args string) {
	name, args, _ = strings.Cut(rule, "(")
	return name, strings.TrimSuffix(args, ")")
}
