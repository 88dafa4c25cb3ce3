package ocpiserver_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

var (
	exampleCPO  = ocpi.NewParty("NL", "GPE")
	exampleEMSP = ocpi.NewParty("DE", "TUB")
)

// A charge point operator that offers its locations, takes tokens, and does nothing else. The backends are those of
// ocpitest; ocpi/examples/cpo has its own.
func ExampleNew_cpo() {
	var partners ocpitest.Partners
	partners.Add("let-me-in", ocpi.Partner{ID: "tubantia", Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: exampleEMSP}}})
	var locations ocpitest.Sender[v230.Location]
	locations.Put(ocpitest.Network(exampleCPO).Locations()...)

	server, err := ocpiserver.New(ocpiserver.Config{
		BaseURL:   "https://ocpi.example.com/ocpi",
		Parties:   []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: exampleCPO}},
		Partners:  &partners,
		CPO:       &ocpiserver.CPO{Locations: &locations, Tokens: new(ocpitest.Receiver[v230.Token])},
		PageLimit: 2,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	exampleShow(server, http.MethodGet, "/ocpi/2.1.1/details", "")
	exampleShow(server, http.MethodGet, "/ocpi/cpo/2.1.1/locations/LOC1/LOC1-1/1", "")
	page := exampleCall(server, http.MethodGet, "/ocpi/cpo/2.1.1/locations", "").Header()
	fmt.Println("total:", page.Get("X-Total-Count"))
	fmt.Println("next:", page.Get("Link"))
	// Output:
	// 200 {"data":{"version":"2.1.1","endpoints":[{"identifier":"locations","url":"https://ocpi.example.com/ocpi/cpo/2.1.1/locations"},{"identifier":"tokens","url":"https://ocpi.example.com/ocpi/cpo/2.1.1/tokens"}]},"status_code":1000,"status_message":"Success"
	// 200 {"data":{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"AC_3_PHASE","voltage":230,"amperage":32,"tariff_id":"AC-STANDARD","terms_and_conditions":"https://grenspaal.example.com/terms","last_updated":"2025-12-04T12:00:00Z"},"status_code":1000,"status_message":"Success"
	// total: 6
	// next: <https://ocpi.example.com/ocpi/cpo/2.1.1/locations?cursor=2&limit=2&offset=2>; rel="next"
}

// An e-mobility service provider that takes locations and says which drivers may charge. The backends are those of
// ocpitest; ocpi/examples/emsp has its own.
func ExampleNew_eMSP() {
	var partners ocpitest.Partners
	partners.Add("let-me-in", ocpi.Partner{ID: "grenspaal", Roles: []ocpi.PartyRole{{Role: ocpi.RoleCPO, Party: exampleCPO}}})
	var locations ocpitest.Receiver[v230.Location]
	var tokens ocpitest.TokenSender
	tokens.Put(ocpitest.Network(exampleEMSP).Tokens()...)

	server, err := ocpiserver.New(ocpiserver.Config{
		BaseURL:  "https://ocpi.example.com/ocpi",
		Parties:  []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: exampleEMSP}},
		Partners: &partners,
		EMSP:     &ocpiserver.EMSP{Locations: &locations, Tokens: &tokens},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	const location = `{"id": "LOC1", "type": "ON_STREET", "address": "Wevershof 3", "city": "Enschede", "postal_code": "7511 AX",
		"country": "NLD", "coordinates": {"latitude": "52.221400", "longitude": "6.890800"}, "last_updated": "2026-03-04T12:00:00Z"}`
	exampleShow(server, http.MethodPut, "/ocpi/emsp/2.1.1/locations/NL/GPE/LOC1", location)
	exampleShow(server, http.MethodPut, "/ocpi/emsp/2.1.1/locations/NL/XYZ/LOC1", location)
	exampleShow(server, http.MethodPost, "/ocpi/emsp/2.1.1/tokens/04A70000000001/authorize", `{"location_id": "LOC1"}`)
	exampleShow(server, http.MethodPost, "/ocpi/emsp/2.1.1/tokens/04A70000000003/authorize", "")
	// Output:
	// 201 {"status_code":1000,"status_message":"Success"
	// 404 {"status_code":2000,"status_message":"NL/XYZ is no CPO party of yours"
	// 200 {"data":{"allowed":"ALLOWED","location":{"location_id":"LOC1"}},"status_code":1000,"status_message":"Success"
	// 200 {"data":{"allowed":"BLOCKED"},"status_code":1000,"status_message":"Success"
}

// What a backend promises and cannot do is an error of New, not of the first request that needs it.
func ExampleNew_incomplete() {
	_, err := ocpiserver.New(ocpiserver.Config{
		BaseURL:  "https://ocpi.example.com/ocpi",
		Partners: new(ocpitest.Partners),
		EMSP:     &ocpiserver.EMSP{Tariffs: new(ocpitest.Receiver[v230.Tariff])},
	})
	fmt.Println(err)
	// Output:
	// ocpiserver: EMSP.Tariffs must have Delete: partners may delete a tariff
}

func exampleCall(server http.Handler, method, path, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	request.Header.Set("Authorization", "Token let-me-in")
	response := httptest.NewRecorder()
	server.ServeHTTP(response, request)
	return response
}

// exampleShow prints an answer without the time.
func exampleShow(server http.Handler, method, path, body string) {
	response := exampleCall(server, method, path, body)
	answer, _, _ := strings.Cut(response.Body.String(), `,"timestamp"`)
	fmt.Println(response.Code, answer)
}
