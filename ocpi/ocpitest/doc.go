// Package ocpitest helps to test programs that speak OCPI, and to try things out: backends of every module that live
// in memory, a whole server on loopback, and sample objects that are valid in every version.
//
//	server, err := ocpitest.NewServer(ocpiserver.Config{})
//	if err != nil {
//		return err
//	}
//	defer server.Close()
//	server.CPO.Fill(ocpitest.Network(ocpi.NewParty("NL", "GPE")))
//
//	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/cpo/2.1.1/locations", nil)
//	request.Header.Set("Authorization", "Token "+server.Token)
//
// A [Partner] is more than a Server: a whole party that registers with the system under test, or lets it register,
// calls it, writes down what it is asked, and is mean when it is told to:
//
//	partner, err := ocpitest.NewPartner(ocpitest.PartnerConfig{Roles: []ocpi.Role{ocpi.RoleCPO}})
//	if err != nil {
//		return err
//	}
//	defer partner.Close()
//	versionsURL, tokenA := partner.Invite() // for the system under test
//
//	partner.Mean(ocpitest.Fault{
//		On:    ocpitest.Calls(http.MethodGet, ocpi.ModuleLocations),
//		After: 3,
//		Times: 2,
//		Do:    ocpitest.Slow(5 * time.Second),
//	})
//
// It speaks every version that PartnerConfig.Versions lists. Since 2.2 its calls have message ids and routing headers, which
// [WithRouting] changes, and some faults are about those: [WithoutMessageIDs], [Route], [WithoutMember],
// [WithoutEndpointRoles].
//
// With [FlavourOCPIPython] it has the habits of extrawest_ocpi, an implementation in Python.
//
// Nothing here needs a *testing.T, the zero value of every backend is empty and ready, and all of them may be used by
// many goroutines at once. What goes in and what comes out is copied: an object that a test has in its hands is never
// the one in the backend.
package ocpitest
