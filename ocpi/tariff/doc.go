// Package tariff says what a charge costs and why, and whether a charge detail record (CDR) is right.
//
// Price computes the cost of a Charge, which is made of a CDR or a session, under the tariffs that applied, and keeps every step of the
// way. Divide cuts a charge into the periods that OCPI demands of whoever makes a CDR. Check compares a CDR with its own tariffs, and Lint
// finds mistakes in a tariff. A Report says for people, and for machines, what Price or Check found out.
//
// All arithmetic is exact: nothing is rounded but by a Policy, and then once, at the end. Where OCPI does not say how to read a
// tariff, a field of Policy decides. The package does no I/O, and knows no clock but those in what it is given.
//
// The rules are those of OCPI 2.2.1 and 2.3.0, mod_tariffs and mod_cdrs, which differ in taxes only; the numbers in comments
// (PR-01, PO-01) are those of this project's list of pricing requirements.
package tariff

// Revision changes when the same tariff and the same charge give another price: what was priced before is priced again.
const Revision = "2"
