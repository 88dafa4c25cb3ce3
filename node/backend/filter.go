package backend

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/shopspring/decimal"

	"github.com/roamwire/roamwire/ocpi"
)

// A filter is what objects must have that no index knows of.
type filter struct {
	// text is in lower case; empty for any.
	text string
	box  *box
}

// A box is a part of the globe, in degrees.
type box struct{ west, south, east, north decimal.Decimal }

func newFilter(text, edges string) (f filter, err error) {
	f.text = strings.ToLower(strings.TrimSpace(text))
	if edges == "" {
		return f, nil
	}
	var degrees []decimal.Decimal
	for part := range strings.SplitSeq(edges, ",") {
		n, err := ocpi.ParseNumber(strings.TrimSpace(part))
		if err != nil {
			return f, badParameter("box", "four numbers are needed, as in 4.7,52.2,5.1,52.5")
		}
		degrees = append(degrees, n.Decimal())
	}
	if len(degrees) != 4 || degrees[1].GreaterThan(degrees[3]) {
		return f, badParameter("box", "four numbers are needed, as in 4.7,52.2,5.1,52.5, the smaller latitude first")
	}
	f.box = &box{degrees[0], degrees[1], degrees[2], degrees[3]}
	return f, nil
}

// looks reports whether objects must be looked at.
func (f filter) looks() bool { return f.text != "" || f.box != nil }

// A searched is what of an object is looked at.
type searched struct {
	ID           string `json:"id"`
	UID          string `json:"uid"`
	Name         string `json:"name"`
	Address      string `json:"address"`
	City         string `json:"city"`
	ContractID   string `json:"contract_id"`
	VisualNumber string `json:"visual_number"`
	Coordinates  struct {
		Latitude  string `json:"latitude"`
		Longitude string `json:"longitude"`
	} `json:"coordinates"`
	EVSEs []struct {
		UID    string `json:"uid"`
		EVSEID string `json:"evse_id"`
	} `json:"evses"`
	Token struct {
		UID        string `json:"uid"`
		ContractID string `json:"contract_id"`
	} `json:"cdr_token"`
}

// keeps reports whether an object has what is wanted. One that cannot be read so far has not.
func (f filter) keeps(body []byte) bool {
	if !f.looks() {
		return true
	}
	var o searched
	if err := json.Unmarshal(body, &o, jsontext.AllowDuplicateNames(true)); err != nil {
		return false
	}
	return f.hasText(&o) && f.isInside(&o)
}

func (f filter) hasText(o *searched) bool {
	if f.text == "" {
		return true
	}
	for _, text := range []string{o.ID, o.UID, o.Name, o.Address, o.City, o.ContractID, o.VisualNumber, o.Token.UID, o.Token.ContractID} {
		if strings.Contains(strings.ToLower(text), f.text) {
			return true
		}
	}
	for _, evse := range o.EVSEs {
		if strings.Contains(strings.ToLower(evse.UID), f.text) || strings.Contains(strings.ToLower(evse.EVSEID), f.text) {
			return true
		}
	}
	return false
}

func (f filter) isInside(o *searched) bool {
	if f.box == nil {
		return true
	}
	latitude, errY := ocpi.ParseNumber(o.Coordinates.Latitude)
	longitude, errX := ocpi.ParseNumber(o.Coordinates.Longitude)
	if errX != nil || errY != nil {
		return false
	}
	x, y := longitude.Decimal(), latitude.Decimal()
	east, west := x.LessThanOrEqual(f.box.east), x.GreaterThanOrEqual(f.box.west)
	across := f.box.west.GreaterThan(f.box.east)
	return y.GreaterThanOrEqual(f.box.south) && y.LessThanOrEqual(f.box.north) && (east && west || across && (east || west))
}
