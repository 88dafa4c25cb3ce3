package wire

import (
	"bytes"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/quirk"
)

// A change is a decoded PATCH of an older version's object.
type change[Old any] struct {
	id    ocpi.Field[string]
	given ocpi.Field[ocpi.DateTime]
	evses ocpi.Field[[]string]
	apply func(object *Old, now ocpi.DateTime) error
}

// simple is the change of an object without parts that are patched by themselves.
func simple[Old any, ID ~string](id ocpi.Field[ID], given ocpi.Field[ocpi.DateTime], apply func(*Old), lastUpdated func(*Old) *ocpi.DateTime) change[Old] {
	return change[Old]{id: plain(id), given: given, apply: func(o *Old, now ocpi.DateTime) error {
		if given.Present {
			apply(o)
			return nil
		}
		was := text(o)
		apply(o)
		if differs(was, o) {
			advance(lastUpdated(o), now)
		}
		return nil
	}}
}

// plain is an identifier as text.
func plain[ID ~string](id ocpi.Field[ID]) ocpi.Field[string] {
	return ocpi.Field[string]{Value: string(id.Value), Present: id.Present, Null: id.Null}
}

// text is an object as it is now. What is compared with it later shows whether a PATCH without a time changes anything: then
// it gets our time, because later pulls by date_from would miss the change (requirement TF-40). A time that is ahead of ours
// already stays.
func text[Old any](o *Old) []byte {
	raw, err := json.Marshal(o, json.Deterministic(true))
	if err != nil { // unknown members that were made in Go and are not JSON
		return nil
	}
	return raw
}

// differs reports whether an object is other than it was. What had no text always is.
func differs[Old any](was []byte, o *Old) bool { return was == nil || !bytes.Equal(was, text(o)) }

func advance(lastUpdated *ocpi.DateTime, to ocpi.DateTime) {
	if to.Compare(*lastUpdated) > 0 {
		*lastUpdated = to
	}
}

// patched makes ReadPatch: the object is translated down, patched in the version the PATCH is written in, and
// translated up again.
func patched[P, Old, T any](
	decode patchDecoder[P],
	up func(Old, convert.Env) (T, []convert.Loss),
	down func(T, convert.Env) (Old, []convert.Loss),
	of func(P) change[Old],
) func([]byte, convert.Env, quirk.Profile) (Patch[T], Report, error) {
	return func(raw []byte, env convert.Env, profile quirk.Profile) (Patch[T], Report, error) {
		body, report, err := decoded(profile, raw, decode(profile))
		if err != nil {
			return Patch[T]{}, report, err
		}
		c := of(body)
		lost := new([]convert.Loss)
		apply := func(model *T, now ocpi.DateTime) error {
			after, losses := down(*model, env)
			if err := c.apply(&after, now); err != nil {
				return err
			}
			patched, missing := up(after, env)
			*lost = nil
			if len(losses) == 0 && len(missing) == 0 {
				*model = patched
				return nil
			}
			before, _ := down(*model, env)
			seen, had := up(before, env)
			*lost = convert.Added(had, missing)
			if len(losses) == 0 {
				*model = patched
				return nil
			}
			// The model says more than this version can. What the PATCH does not touch has to stay.
			return rebase(model, seen, patched)
		}
		return Patch[T]{Apply: apply, ID: c.id, LastUpdated: c.given, EVSEs: c.evses, lost: lost}, report, nil
	}
}

// patchedHere is patched for the model's own version, in which a PATCH is applied as it is.
func patchedHere[P, T any](decode patchDecoder[P], of func(P) change[T]) func([]byte, convert.Env, quirk.Profile) (Patch[T], Report, error) {
	return func(raw []byte, _ convert.Env, profile quirk.Profile) (Patch[T], Report, error) {
		body, report, err := decoded(profile, raw, decode(profile))
		if err != nil {
			return Patch[T]{}, report, err
		}
		c := of(body)
		return Patch[T]{Apply: c.apply, ID: c.id, LastUpdated: c.given, EVSEs: c.evses}, report, nil
	}
}

// A patchDecoder reads the body of a PATCH as the profile of the partner has it.
type patchDecoder[P any] func(quirk.Profile) func([]byte) (P, []ocpi.Finding, error)

// untimed is for 2.1.1, in which a PATCH may leave out when it changes the object (requirement TF-40).
func untimed[P any](decode func([]byte) (P, []ocpi.Finding, error)) patchDecoder[P] {
	return func(quirk.Profile) func([]byte) (P, []ocpi.Finding, error) { return decode }
}

// timed is for the versions since 2.2, in which a PATCH says when it changes the object (requirements DL-01, DS-04, DK-02,
// DT-10). Only we could say it instead, and our clock is not the partner's: so that is done only where the profile says so.
func timed[P any](object string, decode func([]byte) (P, []ocpi.Finding, error), at func(*P) ocpi.Field[ocpi.DateTime]) patchDecoder[P] {
	return func(profile quirk.Profile) func([]byte) (P, []ocpi.Finding, error) {
		return func(raw []byte) (P, []ocpi.Finding, error) {
			p, findings, err := decode(raw)
			if err != nil || at(&p).Present {
				return p, findings, err
			}
			allowed := profile.Has(quirk.UntimedPatch)
			findings = append(findings, ocpi.Finding{
				Pointer: "/last_updated", Code: ocpi.FindingMissing, Unusable: !allowed,
				Message: "a PATCH says when the object changed",
			})
			if allowed {
				return p, findings, nil
			}
			return p, findings, ocpi.Unusable(object, ocpi.UnusableFindings(findings))
		}
	}
}

// addPeriods are the charging periods of a session after a PATCH. Those of the PATCH are added to those that were there; one
// that begins when another does takes its place. So it does no harm whether a partner sends the new periods or all of them,
// or sends some twice (requirements TF-38, DS-03, DS-05). A PATCH that names none leaves the present ones.
func addPeriods[C any](was []C, added ocpi.Field[[]C], present []C, start func(*C) ocpi.DateTime) []C {
	if !added.Present {
		return present
	}
	periods := slices.Clone(was)
	at := make(map[time.Time]int, len(periods))
	for i := range periods {
		at[start(&periods[i]).Time().UTC()] = i
	}
	for _, period := range added.Value {
		begin := start(&period).Time().UTC()
		if i, ok := at[begin]; ok {
			periods[i] = period
			continue
		}
		at[begin] = len(periods)
		periods = append(periods, period)
	}
	slices.SortStableFunc(periods, func(a, b C) int { return start(&a).Compare(start(&b)) })
	return periods
}
