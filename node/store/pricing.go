package store

import (
	"time"

	"github.com/shopspring/decimal"
)

// A TariffState is a tariff as it was for a while.
type TariffState struct {
	Key
	// Since is from when it was so, by its last_updated, and Until when it was otherwise or removed; zero while it still is.
	Since, Until time.Time
	// Body is the tariff in the model's terms.
	Body []byte
}

// A CDRCheck is what came of checking a partner's CDR.
type CDRCheck struct {
	Key
	// Created and Change are those of the CDR that was checked.
	Created, Change int64
	// Verdict is what the tariff package says.
	Verdict string
	// Rules name the rules it was checked by.
	Rules string
	// Ended is when the charge ended, and Checked when the CDR was checked.
	Ended, Checked time.Time
	// Energy is in kWh, below 0 for a credit CDR. Stated is the cost before taxes as the CDR has it, and Computed as its tariff gives it; empty where that is
	// not known. All are decimal texts.
	Energy, Currency, Stated, Computed string
	// Report is how the price comes about and what was found, as JSON.
	Report []byte
}

// A NewCheck is a check to be stored.
type NewCheck struct {
	CDRCheck
	// Before is the verdict that was stored when the CDR was read; empty where there was none.
	Before string
	// Event tells of the check; nil for none. It is left out where something else is stored than Before, as when another process has
	// checked the CDR meanwhile and told of it.
	Event *Event
}

// Difference is how much more a CDR states than its tariff gives; empty where that is not known.
func (c *CDRCheck) Difference() string {
	stated, err := decimal.NewFromString(c.Stated)
	if err != nil {
		return ""
	}
	computed, err := decimal.NewFromString(c.Computed)
	if err != nil {
		return ""
	}
	return stated.Sub(computed).String()
}

// A CDRToCheck is a partner's CDR with what came of checking it before.
type CDRToCheck struct {
	Object
	// Before is the verdict on it as it is; empty where there was none.
	Before string
}

// A CheckFilter says which checks are wanted; its zero value wants all.
type CheckFilter struct {
	// Source is the partner that sent the CDR.
	Source string
	// Verdicts are those wanted; empty for all.
	Verdicts []string
	// From and To bound when charges ended: from, and before.
	From, To time.Time
}
