// Package ocpi holds the vocabulary of OCPI (Open Charge Point Interface): versions, roles, modules, parties, status
// codes, the response envelope, and the scalar types all versions share. It does no I/O.
//
// The objects of each version live in v211, v221 and v230. A server is built with ocpiserver, translation between
// versions is in convert, and how real partners deviate in quirk.
package ocpi
