// Package convert translates objects between OCPI 2.1.1 and the model of this library, which is OCPI 2.3.0.
//
// Every translation returns what it lost, with a pointer into its input. From 2.1.1 into the model and back is the
// identity, for valid objects and for everything else that can be decoded: unknown members and unknown values
// included. Only fractions of a second do not come back, because 2.1.1 does not send them. What the model has no place
// for is kept in one unknown member of the model's object, LeftoverMember.
//
// The mechanical half is generated (bulk_211.go); what needs thought is written by hand, in one file per module.
package convert
