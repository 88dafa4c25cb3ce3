// Package handshake registers partners: it exchanges credentials in both directions, rotates tokens, follows partners to
// newer versions, and ends relations (OCPI 2.1.1 credentials, version_information_endpoint; requirements V-* and C-*).
//
// A Relation is all there is to know about one partner. Every step of every exchange is stored before the next begins,
// so that a crash at any instant leaves a Relation that Recover, or a person with Retry and Rollback, can bring to its
// end or back to its beginning.
//
// When we register with a partner, or rotate tokens, these are the steps; their numbers are in the texts about failures:
//
//  1. read their versions
//  2. choose the highest version both speak
//  3. read the endpoints of that version
//  4. check that the endpoints we need are there
//  5. make the token they will call us with
//  6. send our credentials
//  7. check and store the credentials they answer with
//  8. try the token they gave us
//
// When a partner sends us its credentials, there are these:
//
//  1. check the credentials
//  2. read their versions with the token they sent
//  3. find the version they called us in
//  4. read the endpoints of that version
//  5. check that the endpoints we need are there
//  6. store their token and ours, and answer
//
// Tokens overlap while they change (requirement C-19). The token a partner called us with stays good until its successor
// has been used or a grace period is over, and the token we call it with until its successor has been tried.
package handshake
