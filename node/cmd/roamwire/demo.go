package main

import (
	"context"
	"errors"
	"net"
	"os"
	"text/template"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
)

type demoCmd struct {
	logFlags
	Listen string `help:"Address to serve on. Default: 127.0.0.1:8080, or a free port if that is taken." placeholder:"ADDR"`
}

// The parties of the demo: ours, and a partner that is CPO and eMSP too.
var (
	demoParty   = ocpi.NewParty("NL", "ROA")
	demoPartner = ocpi.NewParty("DE", "PTN")
)

const demoListen = "127.0.0.1:8080"

// Run serves sample data until interrupted, and removes it afterwards.
func (d *demoCmd) Run(ctx context.Context, s streams) (err error) {
	folder, err := os.MkdirTemp("", "roamwire-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	n, err := node.New(ctx, node.Config{
		Data: folder, Listen: d.address(ctx), Logger: d.logger(s.err),
		Parties: []node.Party{{Party: demoParty, Roles: []ocpi.Role{ocpi.RoleCPO, ocpi.RoleEMSP}, Name: "Roamwire Demo"}},
	})
	if err != nil {
		return err
	}
	if err := d.prepare(ctx, s, n); err != nil {
		return errors.Join(err, n.Close())
	}
	return n.Run(ctx)
}

// address is the one asked for, or the usual one if it is free, or any.
func (d *demoCmd) address(ctx context.Context) string {
	if d.Listen != "" {
		return d.Listen
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", demoListen)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = l.Close() // it was only to see whether the port is free
	return demoListen
}

// prepare fills the node, adds the partner, and prints what to try.
func (d *demoCmd) prepare(ctx context.Context, s streams, n *node.Node) error {
	// The sessions and CDRs are about drivers of the partner, who sees them.
	sample := ocpitest.Sample{CPO: demoParty, EMSP: demoPartner, At: time.Now()}
	if err := fill(ctx, n.Objects, sample); err != nil {
		return err
	}
	token, err := n.Partners.Add(ctx, ocpi.Partner{ID: "demo partner", Roles: []ocpi.PartyRole{
		{Role: ocpi.RoleCPO, Party: demoPartner}, {Role: ocpi.RoleEMSP, Party: demoPartner},
	}}, "")
	if err != nil {
		return err
	}
	location, err := partnersLocation()
	if err != nil {
		return err
	}
	return guide.Execute(s.out, map[string]string{
		"URL": n.URL(), "Token": token, "Party": demoParty.String(),
		"PartnerPath": demoPartner.CountryCode + "/" + demoPartner.PartyID,
		"LocationID":  "PTN-1", "Location": location, "TokenUID": string(sample.Tokens()[0].UID),
	})
}

// fill puts sample objects of every module into the node.
func fill(ctx context.Context, o *object.Objects, sample ocpitest.Sample) error {
	return errors.Join(
		put(ctx, o.Locations, sample.Locations()),
		put(ctx, o.Tariffs, sample.Tariffs()),
		put(ctx, o.Tokens, sample.Tokens()),
		put(ctx, o.Sessions, sample.Sessions()),
		put(ctx, o.CDRs, sample.CDRs()),
	)
}

func put[T any](ctx context.Context, own *object.Own[T], objects []T) error {
	items := make([]object.Item[T], len(objects))
	for i, o := range objects {
		items[i] = object.Item[T]{Party: demoParty, Object: o}
	}
	_, err := own.Put(ctx, items...)
	return err
}

// partnersLocation is a location of the partner, as the partner would send it, short enough for a command line.
func partnersLocation() (string, error) {
	location, _ := convert.LocationTo211(ocpitest.Network(demoPartner).Location(1), convert.Env{Owner: demoPartner})
	evse := location.EVSEs[0]
	evse.UID, evse.Connectors = "PTN-1-1", evse.Connectors[:1]
	raw, err := json.Marshal(&v211.Location{
		ID: "PTN-1", Type: location.Type, Name: location.Name, Address: location.Address, City: location.City,
		PostalCode: location.PostalCode, Country: location.Country, Coordinates: location.Coordinates,
		EVSEs: []v211.EVSE{evse}, LastUpdated: location.LastUpdated,
	})
	return string(raw), err
}

// guide is what the demo prints. The commands can be pasted into a shell as they are.
var guide = template.Must(template.New("guide").Parse(`Roamwire demo: a node that is CPO and eMSP at once ({{.Party}}), with sample data of every module.

  versions      {{.URL}}/versions        (for each role: /cpo/versions, /emsp/versions)
  as CPO        {{.URL}}/cpo/2.1.1/      locations, sessions, cdrs, tariffs, tokens, commands
  as eMSP       {{.URL}}/emsp/2.1.1/     locations, sessions, cdrs, tariffs, tokens, commands
  partner       {{.PartnerPath}}, which is CPO and eMSP too
  its token     {{.Token}}

Try, in another terminal:

# 1. the versions this node speaks
curl -s -H 'Authorization: Token {{.Token}}' {{.URL}}/versions

# 2. a page of its locations; the Link header leads to the next
curl -s -i -H 'Authorization: Token {{.Token}}' '{{.URL}}/cpo/2.1.1/locations?limit=2'

# 3. push a location to it, as CPO
curl -s -i -X PUT -H 'Authorization: Token {{.Token}}' -H 'Content-Type: application/json' {{.URL}}/emsp/2.1.1/locations/{{.PartnerPath}}/{{.LocationID}} -d '{{.Location}}'

# 4. ask whether a driver may charge
curl -s -X POST -H 'Authorization: Token {{.Token}}' '{{.URL}}/emsp/2.1.1/tokens/{{.TokenUID}}/authorize?type=RFID'

Everything is in a temporary folder that is removed at the end. Stop with Ctrl-C.
`))
