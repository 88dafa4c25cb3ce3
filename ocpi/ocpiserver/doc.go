// Package ocpiserver is the serving side of OCPI as an http.Handler, for any set of versions and for both roles.
//
// A backend implements small interfaces in terms of the newest version's types: a Sender for each module it owns, a
// Receiver for each module it is sent. The server does the rest: tokens, ownership, reading and checking what
// partners send in their version, PATCH at every level, paging, the envelope, and errors.
//
//	server, err := ocpiserver.New(ocpiserver.Config{
//		BaseURL:  "https://ocpi.example.com/ocpi",
//		Partners: partners,
//		CPO:      &ocpiserver.CPO{Locations: locations, Tokens: tokens},
//	})
//
// What a backend does not implement is neither mounted nor advertised. What it implements by half is an error of New.
package ocpiserver
