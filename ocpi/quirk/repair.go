package quirk

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
)

// A repair puts one deviation right.
type repair struct {
	// fits tells by a finding alone whether it may be this deviation. A document whose findings fit no repair is not
	// even opened.
	fits func(f ocpi.Finding) bool
	// apply changes the document; false where it is another deviation after all. It is nil where the types can read the
	// deviation themselves: then it is only counted.
	apply func(d *document, at place, f ocpi.Finding) bool
	// last makes the repair wait for the others: it looks at what they put right.
	last bool
}

// wrongType fits findings of a value of the wrong type where one of these belongs.
func wrongType(wants ...ocpi.Wanted) func(ocpi.Finding) bool {
	return func(f ocpi.Finding) bool { return f.Code == ocpi.FindingType && slices.Contains(wants, f.Want) }
}

// scalar are the types of values that are neither objects nor lists.
func scalar(also ...ocpi.Wanted) []ocpi.Wanted {
	return append(also, ocpi.WantString, ocpi.WantURL, ocpi.WantEnum, ocpi.WantTimestamp, ocpi.WantNumber, ocpi.WantInt, ocpi.WantBool)
}

// absent fits findings of a required field that is missing or null.
func absent(f ocpi.Finding) bool {
	return f.Code == ocpi.FindingMissing || f.Code == ocpi.FindingNull && f.Want != ocpi.WantAbsent
}

func wrappedObject() *repair {
	root := wrongType(ocpi.WantObject)
	return &repair{
		fits: func(f ocpi.Finding) bool { return f.Pointer == "" && root(f) },
		apply: func(d *document, at place, _ ocpi.Finding) bool {
			element := d.only(at.value)
			if element == nil || element.kind() != '{' && element.kind() != '"' {
				return false
			}
			*at.value = *element
			return true
		},
	}
}

func listForObject() *repair {
	wrong := wrongType(scalar(ocpi.WantObject)...)
	return &repair{
		fits: func(f ocpi.Finding) bool { return f.Pointer != "" && wrong(f) },
		apply: func(d *document, at place, _ ocpi.Finding) bool {
			element := d.only(at.value)
			if element == nil || element.kind() == '[' {
				return false
			}
			*at.value = *element
			return true
		},
	}
}

func objectForList() *repair {
	return &repair{
		fits: wrongType(ocpi.WantList),
		apply: func(_ *document, at place, _ ocpi.Finding) bool {
			element := *at.value
			*at.value = node{raw: jsontext.Value("[]"), opened: true, elements: []*node{&element}}
			return true
		},
	}
}

// bareCommandResult knows the results of every version, so that a bare word somewhere else stays what it is.
func bareCommandResult() *repair {
	results := []string{
		"NOT_SUPPORTED", "REJECTED", "ACCEPTED", "TIMEOUT", "UNKNOWN_SESSION",
		"CANCELED_RESERVATION", "EVSE_OCCUPIED", "EVSE_INOPERATIVE", "FAILED", "UNKNOWN_RESERVATION",
	}
	root := wrongType(ocpi.WantObject)
	return &repair{
		fits: func(f ocpi.Finding) bool { return f.Pointer == "" && root(f) },
		apply: func(_ *document, at place, _ ocpi.Finding) bool {
			result, ok := at.value.text()
			if !ok || !slices.Contains(results, result) {
				return false
			}
			at.value.set(slices.Concat(jsontext.Value(`{"result":`), quote(result), jsontext.Value(`}`)))
			return true
		},
	}
}

// A name is what a field is called by the tables, and by partners.
type otherName struct {
	right, wrong string
	// also are optional fields that go with it, and are not missed by themselves: right names by wrong ones.
	also map[string]string
}

// renamed takes the value of a required field from under another name.
func renamed(names ...otherName) *repair {
	return &repair{
		fits: func(f ocpi.Finding) bool {
			return absent(f) && slices.ContainsFunc(names, func(n otherName) bool { return strings.HasSuffix(f.Pointer, "/"+n.right) })
		},
		apply: func(d *document, at place, _ ocpi.Finding) bool {
			i := slices.IndexFunc(names, func(n otherName) bool { return n.right == at.name })
			if i < 0 || !rename(d, at.parent(), names[i].wrong, names[i].right) {
				return false
			}
			for wrong, right := range names[i].also {
				rename(d, at.parent(), wrong, right)
			}
			return true
		},
	}
}

// rename gives a member its right name, unless something stands under that already.
func rename(d *document, parent *node, wrong, right string) bool {
	if value := d.member(parent, wrong); value == nil || value.kind() == 'n' {
		return false
	}
	if there := d.member(parent, right); there != nil {
		if there.kind() != 'n' {
			return false
		}
		there.gone = true
	}
	return d.rename(parent, wrong, right)
}

func numbersAsStrings() *repair {
	return &repair{
		fits: wrongType(ocpi.WantNumber, ocpi.WantInt),
		apply: func(_ *document, at place, _ ocpi.Finding) bool {
			text, ok := at.value.text()
			if !ok {
				return false
			}
			number, err := ocpi.ParseNumber(strings.TrimSpace(text))
			if err != nil {
				return false
			}
			at.value.set(jsontext.Value(number.String()))
			return true
		},
	}
}

func stringsAsNumbers() *repair {
	return &repair{
		fits: wrongType(ocpi.WantString),
		apply: func(_ *document, at place, _ ocpi.Finding) bool {
			if at.value.kind() != '0' {
				return false
			}
			at.value.setText(string(at.value.raw))
			return true
		},
	}
}

func booleansAsStrings() *repair {
	return &repair{
		fits: wrongType(ocpi.WantBool),
		apply: func(_ *document, at place, _ ocpi.Finding) bool {
			text, ok := at.value.text()
			text = strings.ToLower(text)
			if !ok || text != "true" && text != "false" {
				return false
			}
			at.value.set(jsontext.Value(text))
			return true
		},
	}
}

func booleansAsNumbers() *repair {
	return &repair{
		fits: wrongType(ocpi.WantBool),
		apply: func(_ *document, at place, _ ocpi.Finding) bool {
			switch string(at.value.raw) {
			case "0":
				at.value.set(jsontext.Value("false"))
			case "1":
				at.value.set(jsontext.Value("true"))
			default:
				return false
			}
			return true
		},
	}
}

func nullLists() *repair {
	return &repair{
		fits: func(f ocpi.Finding) bool { return f.Code == ocpi.FindingNull && f.Want == ocpi.WantList },
		apply: func(_ *document, at place, _ ocpi.Finding) bool {
			at.value.set(jsontext.Value("[]"))
			return true
		},
	}
}

func nullInLists() *repair {
	return &repair{
		fits: wrongType(scalar(ocpi.WantObject)...),
		apply: func(_ *document, at place, _ ocpi.Finding) bool {
			if at.value.kind() != 'n' || len(at.parents) == 0 || at.parent().kind() != '[' {
				return false
			}
			at.value.gone = true
			return true
		},
	}
}

func nullInPatch() *repair {
	return &repair{
		fits: func(f ocpi.Finding) bool { return f.Code == ocpi.FindingNull && f.Want == ocpi.WantAbsent },
		apply: func(_ *document, at place, _ ocpi.Finding) bool {
			at.value.gone = true
			return true
		},
	}
}

// emptyValues makes null of what stands for nothing. An optional field is then absent, or cleared by a PATCH; a
// required one is still refused.
func emptyValues() *repair {
	return &repair{
		fits: func(f ocpi.Finding) bool {
			return f.Pointer != "" && (f.Code == ocpi.FindingType || f.Code == ocpi.FindingTimestamp && f.Unusable)
		},
		apply: func(d *document, at place, f ocpi.Finding) bool {
			text, isText := at.value.text()
			emptyText := isText && strings.TrimSpace(text) == ""
			emptyList := f.Want == ocpi.WantObject && at.value.kind() == '[' && d.open(at.value) && len(at.value.elements) == 0
			if !emptyText && !emptyList || at.parent().kind() == '[' {
				return false
			}
			at.value.set(jsontext.Value("null"))
			return true
		},
	}
}

func enumSpelling() *repair {
	return &repair{
		fits: func(f ocpi.Finding) bool { return f.Code == ocpi.FindingEnum && f.Meant != "" },
		apply: func(_ *document, at place, f ocpi.Finding) bool {
			at.value.setText(f.Meant)
			return true
		},
	}
}
