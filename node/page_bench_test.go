package node_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
)

// BenchmarkPage is a page of 50 locations out of 5,000, from the handler and without the network.
func BenchmarkPage(b *testing.B) {
	n, err := node.New(b.Context(), node.Config{
		Data: b.TempDir(), Listen: "127.0.0.1:0", Parties: []node.Party{{Party: own, Roles: []ocpi.Role{ocpi.RoleCPO}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	for i := range 5000 {
		putOne(b, n, i)
	}
	token, err := n.Partners.Add(b.Context(), ocpi.Partner{ID: "p", Roles: []ocpi.PartyRole{{Role: ocpi.RoleEMSP, Party: own}}}, "")
	if err != nil {
		b.Fatal(err)
	}
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, n.URL()+"/cpo/2.1.1/locations?limit=50", nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Token "+token)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		w := discard{http.Header{}}
		n.Handler().ServeHTTP(w, request)
		if w.header.Get("X-Total-Count") != "5000" {
			b.Fatal(w.header)
		}
	}
}

func putOne(b *testing.B, n *node.Node, i int) {
	b.Helper()
	l := ocpitest.Network(own).Location(i%1000 + 1)
	l.ID = ocpi.CiString(fmt.Sprint(i))
	put(b, n.Objects.Locations, l)
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
