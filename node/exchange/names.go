package exchange

// A class is what a value is, as far as keeping it goes.
type class uint8

const (
	// plain is kept.
	plain class = iota
	// evse is kept, and so is the uid in it.
	evse
	// secret is what partners call each other with. Nothing of it is kept.
	secret
	// id names a driver's token or contract. Its ends are kept, so that people can tell one from the other.
	id
	// uid is id, or the uid of an EVSE, which is plain. What is beside it decides.
	uid
	// token is the secret of credentials, or, where it is an object, a driver's token.
	token
	// rewritten is a text that has lost a part.
	rewritten
)

// classOf is the class of a value by its name: of a member in JSON or a parameter in a URL. Names are compared without
// case and separators, and by their ends, because partners' spellings differ.
func classOf(name []byte) class {
	var buffer [64]byte
	letters := lettersOf(buffer[:0], name)
	switch string(letters) {
	case "uid":
		return uid
	case "evses", "evse":
		return evse
	case "groupid", "idtag", "emaid", "evcoid":
		return id
	}
	if len(letters) == 0 {
		return plain
	}
	switch letters[len(letters)-1] { // by which most names are told apart already
	case 'n', 's', 'a', 'b', 'c':
		if endsIn(letters, "token", "tokens", "tokena", "tokenb", "tokenc") {
			return token
		}
		if endsIn(letters, "authorization") {
			return secret
		}
	case 'd', 'r', 't', 'y':
		if endsIn(letters, "authid", "contractid", "tokenuid", "tokenid", "visualnumber") {
			return id
		}
		if endsIn(letters, "password", "secret", "apikey") {
			return secret
		}
	}
	return plain
}

// lettersOf appends the letters and digits of a name in lower case.
func lettersOf(letters, name []byte) []byte {
	for _, c := range name {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			letters = append(letters, c)
		case c >= 'A' && c <= 'Z':
			letters = append(letters, c|0x20)
		}
	}
	return letters
}

func endsIn(letters []byte, endings ...string) bool {
	for _, ending := range endings {
		if n := len(letters) - len(ending); n >= 0 && string(letters[n:]) == ending {
			return true
		}
	}
	return false
}

// knownOfToken reports whether a member of a driver's token says nothing about the driver. All others are masked there.
func knownOfToken(name []byte) bool {
	switch string(name) {
	case "country_code", "party_id", "type", "issuer", "valid", "whitelist", "language", "default_profile_type",
		"energy_contract", "last_updated":
		return true
	default:
		return false
	}
}

// ofToken reports whether a member of this name is found in tokens and not in EVSEs.
func ofToken(name []byte) bool {
	switch string(name) {
	case "auth_id", "contract_id", "visual_number", "group_id", "whitelist", "issuer", "valid":
		return true
	default:
		return false
	}
}

// ofEVSE reports whether a member of this name is found in EVSEs and not in tokens.
func ofEVSE(name []byte) bool {
	switch string(name) {
	case "evse_id", "connectors", "physical_reference", "floor_level", "status_schedule", "capabilities", "parking_restrictions":
		return true
	default:
		return false
	}
}

const stars = "***"

// mask is an id as it is kept: its ends where it is long enough to have a middle.
func mask(text string) string {
	const ends = 2
	runes := []rune(text)
	switch {
	case text == "":
		return "" // that it is missing is worth knowing
	case len(runes) <= 8:
		return stars
	default:
		return string(runes[:ends]) + stars + string(runes[len(runes)-ends:])
	}
}
