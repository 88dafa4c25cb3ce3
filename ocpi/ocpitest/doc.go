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
// Nothing here needs a *testing.T, the zero value of every backend is empty and ready, and all of them may be used by
// many goroutines at once. What goes in and what comes out is copied: an object that a test has in its hands is never
// the one in the backend.
package ocpitest
