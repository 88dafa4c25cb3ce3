package node_test

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/ocpitest/servertest"
)

var own = ocpi.NewParty("NL", "GPE")

// A running is a node that serves until its test ends, or until stop.
type running struct {
	*node.Node
	stop func()
	// data is the folder with its data.
	data string
}

// config is a node of both roles on a free port of loopback, with its data in the test's folder.
func config(t *testing.T) node.Config {
	t.Helper()
	return node.Config{
		Data: t.TempDir(), Listen: "127.0.0.1:0", AdminListen: "127.0.0.1:0",
		Parties: []node.Party{{Party: own, Roles: []ocpi.Role{ocpi.RoleCPO, ocpi.RoleEMSP}, Name: "Grenspaal Laden"}},
		Logger:  slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

func start(t *testing.T, c node.Config) running {
	t.Helper()
	n, err := node.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return running{n, stop, c.Data}
}

func put[T any](t testing.TB, o *object.Own[T], objects ...T) {
	t.Helper()
	var items []object.Item[T]
	for _, x := range objects {
		items = append(items, object.Item[T]{Party: own, Object: x})
	}
	if _, err := o.Put(t.Context(), items...); err != nil {
		t.Fatal(err)
	}
}

func addPartner(t *testing.T, n *node.Node, party ocpi.Party) servertest.Partner {
	t.Helper()
	token, err := n.Partners.Add(t.Context(), ocpi.Partner{ID: party.PartyID, Roles: []ocpi.PartyRole{
		{Role: ocpi.RoleCPO, Party: party}, {Role: ocpi.RoleEMSP, Party: party},
	}}, "")
	if err != nil {
		t.Fatal(err)
	}
	return servertest.Partner{Token: token, Party: party}
}

// The node passes the suite that the library's server passes on memory: same requests, other home.
func TestNodeSpeaksOCPI(t *testing.T) {
	if testing.Short() {
		t.Skip("TestEverythingIsRecordedButSecrets runs the same requests")
	}
	t.Parallel()
	c := config(t)
	c.PageLimit, c.Versions = 3, ocpi.Versions()
	n := start(t, c)
	sample := ocpitest.Network(own)
	sample.EMSP = ocpi.NewParty("BE", "AAA") // whose drivers the sessions and CDRs are about
	put(t, n.Objects.Locations, sample.Locations()...)
	put(t, n.Objects.Sessions, sample.Sessions()...)
	put(t, n.Objects.CDRs, sample.CDRs()...)
	put(t, n.Objects.Tariffs, sample.Tariffs()...)
	put(t, n.Objects.Tokens, sample.Tokens()...)
	servertest.Run(t, servertest.Target{
		URL: n.URL(), Own: own, Sample: sample, PageLimit: 3, Versions: ocpi.Versions(),
		Partners: [2]servertest.Partner{addPartner(t, n.Node, ocpi.NewParty("BE", "AAA")), addPartner(t, n.Node, ocpi.NewParty("DE", "BBB"))},
	})
}
