package ocpiserver_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiserver"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// A module that OCPI does not have, agreed on with one partner: how many places of a car park are free.
func ExampleModule() {
	var partners ocpitest.Partners
	partners.Add("let-me-in", ocpi.Partner{ID: "tubantia", Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: exampleEMSP}}})
	free := map[string]string{"P1": "12"}

	server, err := ocpiserver.New(ocpiserver.Config{
		BaseURL:  "https://ocpi.example.com/ocpi",
		Versions: []ocpi.Version{ocpi.V221, ocpi.V230},
		Partners: &partners,
		Modules: []ocpiserver.Module{{
			ID: "nlgpe-parking", Role: ocpi.Sender,
			Agreed: func(p *ocpi.Partner) bool { return p.ID == "tubantia" },
			Handle: func(_ context.Context, m ocpiserver.ModuleCall) (ocpiserver.ModuleAnswer, error) {
				if len(m.Path) != 1 || free[m.Path[0]] == "" {
					return ocpiserver.ModuleAnswer{}, ocpi.NotFound("there is no such car park")
				}
				return ocpiserver.ModuleAnswer{Data: jsontext.Value(`{"free":` + free[m.Path[0]] + `}`)}, nil
			},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, path := range []string{"P1", "P2"} {
		request := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/ocpi/2.3.0/sender/nlgpe-parking/"+path, nil)
		request.Header.Set("Authorization", "Token bGV0LW1lLWlu") // let-me-in, as tokens are written since 2.2
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, request)
		var envelope ocpi.Envelope[jsontext.Value]
		if err := json.Unmarshal(answer.Body.Bytes(), &envelope); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(answer.Code, envelope.StatusCode, envelope.StatusMessage, string(envelope.Data))
	}
	// Output:
	// 200 1000 Success {"free":12}
	// 404 2000 there is no such car park
}
