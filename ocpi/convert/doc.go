// Package convert translates objects between OCPI 2.1.1 or 2.2.1 and the model of this library, which is OCPI 2.3.0.
//
// Every translation returns what it lost, with a pointer into its input. From an older version into the model and back is
// the identity, for valid objects and for everything else that can be decoded: unknown members and unknown values
// included. Only fractions of a second do not come back from 2.1.1, because it does not send them. What the model has no
// place for is kept in one unknown member of the model's object, LeftoverMember or LeftoverMember221. Everything that a
// crossing loses is listed in docs/versions.md.
//
// The mechanical halves are generated (bulk_211.go, bulk_221.go); what needs thought is written by hand, in one file per
// module, those of 2.2.1 with _221 in their names.
package convert
