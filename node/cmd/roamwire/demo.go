package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
)

type demoCmd struct {
	logFlags
	Listen     string `help:"Address of the CPO's node. Default: 127.0.0.1:8080, or a free port if that is taken." placeholder:"ADDR"`
	EMSPListen string `help:"Address of the eMSP's node. Default: 127.0.0.1:8081, or a free port if that is taken." name:"emsp-listen" placeholder:"ADDR"`
	Speed      int    `help:"How many times as fast as the clock the chargers are used; 0 for not at all." default:"120" placeholder:"N"`
	Seed       uint64 `help:"Number that decides what happens at the chargers: the same for the same story. Default: another story each time." placeholder:"N"`
}

// The parties of the demo: those of the two nodes, and whoever tries the demo, who is both CPO and eMSP.
var (
	demoCPO     = ocpi.NewParty("NL", "GPE")
	demoEMSP    = ocpi.NewParty("DE", "GWH")
	demoVisitor = ocpi.NewParty("BE", "YOU")
)

// The names under which the nodes know each other, and the visitor.
const (
	demoCPOName  = "grenspaal"
	demoEMSPName = "greenwheels"
	visitorName  = "you"
)

// Run runs both nodes until interrupted, and removes their data afterwards.
func (d *demoCmd) Run(ctx context.Context, s streams) (err error) {
	folder, err := os.MkdirTemp("", "roamwire-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	told := &narrator{out: s.out}
	cpo, err := d.node(ctx, s, told.cpo, filepath.Join(folder, "cpo"), cmp.Or(d.Listen, free(ctx, "127.0.0.1:8080")),
		node.Party{Party: demoCPO, Roles: []ocpi.Role{ocpi.RoleCPO}, Name: "Grenspaal Laden"})
	if err != nil {
		return err
	}
	emsp, err := d.node(ctx, s, told.emsp, filepath.Join(folder, "emsp"), cmp.Or(d.EMSPListen, free(ctx, "127.0.0.1:8081")),
		node.Party{Party: demoEMSP, Roles: []ocpi.Role{ocpi.RoleEMSP}, Name: "Greenwheels"})
	if err != nil {
		return errors.Join(err, cpo.Close())
	}
	stopped := make(chan error, 2)
	for _, n := range []*node.Node{cpo, emsp} {
		go func() { stopped <- n.Run(ctx) }()
	}
	story := &story{told: told, cpo: cpo, emsp: emsp, folder: folder, logger: d.quiet(s.err)}
	var day sync.WaitGroup
	if err = story.tell(ctx); err != nil {
		stop()
	} else {
		day.Go(func() { story.live(ctx, d.Speed, d.Seed) })
	}
	defer day.Wait()
	first := <-stopped // at the end of ctx, or because it has failed
	stop()
	return errors.Join(err, first, <-stopped)
}

// node makes one of the two nodes.
func (d *demoCmd) node(ctx context.Context, s streams, told func(context.Context, handshake.Step), folder, listen string, party node.Party) (*node.Node, error) {
	return node.New(ctx, node.Config{
		Data: folder, Listen: listen, APIListen: "127.0.0.1:0", Logger: d.quiet(s.err), Parties: []node.Party{party}, AllowPrivate: true, OnStep: told,
	})
}

// quiet is the logger of the demo: what is told anyway need not be logged, unless asked for.
func (d *demoCmd) quiet(w io.Writer) *slog.Logger {
	if d.LogLevel == "info" {
		return quietLogger(w)
	}
	return d.logger(w)
}

// free is an address, or any port if that one is taken.
func free(ctx context.Context, address string) string {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", address)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = l.Close() // it was only to see whether the port is free
	return address
}

// A narrator prints what happens.
type narrator struct {
	mu  sync.Mutex
	out io.Writer
}

func (n *narrator) say(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fmt.Fprintf(n.out, format+"\n", args...)
}

func (n *narrator) cpo(_ context.Context, s handshake.Step)  { n.step("CPO ", s) }
func (n *narrator) emsp(_ context.Context, s handshake.Step) { n.step("eMSP", s) }

func (n *narrator) step(who string, s handshake.Step) {
	if s.Done {
		n.say("     %s  done", who)
		return
	}
	n.say("     %s  step %d: %s", who, s.Number, s.Text)
}

// A story is what the demo does and prints.
type story struct {
	told      *narrator
	cpo, emsp *node.Node
	// chargers is the CPO's own system, app the eMSP's.
	chargers, app operator
	folder        string
	logger        *slog.Logger
}

// tell fills the nodes, lets them register, and shows that they can call each other.
func (s *story) tell(ctx context.Context) error {
	s.told.say("Roamwire demo: two nodes, each with its own database, register with each other over HTTP.\n")
	s.told.say("  CPO   %s  %s/cpo/versions   with sample locations, tariffs, sessions and CDRs", demoCPO, s.cpo.URL())
	s.told.say("  eMSP  %s  %s/emsp/versions  with sample tokens of its drivers\n", demoEMSP, s.emsp.URL())
	sample := ocpitest.Sample{CPO: demoCPO, EMSP: demoEMSP, At: time.Now()}
	if err := fill(ctx, s.cpo.Objects, s.emsp.Objects, sample); err != nil {
		return err
	}
	for _, chapter := range []func(context.Context) error{s.register, s.exchange, s.rotate, s.invite} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

// register registers the eMSP with the CPO.
func (s *story) register(ctx context.Context) error {
	cpo, err := s.cpo.Registration(ctx)
	if err != nil {
		return err
	}
	emsp, err := s.emsp.Registration(ctx)
	if err != nil {
		return err
	}
	tokenA, err := cpo.Invite(ctx, demoEMSPName, handshake.Terms{})
	if err != nil {
		return err
	}
	s.told.say("1. The CPO invites the eMSP: it makes token A %s…, and sends it with its versions URL.", tokenA[:8])
	s.told.say("2. The eMSP registers with the CPO, which calls back while it does:")
	url, err := s.cpo.VersionsURL(ctx, ocpi.RoleEMSP)
	if err != nil {
		return err
	}
	if err := emsp.Register(ctx, demoCPOName, handshake.Invitation{VersionsURL: url, Token: tokenA}); err != nil {
		return err
	}
	atCPO, err := cpo.Relation(ctx, demoEMSPName)
	if err != nil {
		return err
	}
	atEMSP, err := emsp.Relation(ctx, demoCPOName)
	if err != nil {
		return err
	}
	s.told.say("   The CPO says: %s is %s, %s, OCPI %s.", demoEMSPName, atCPO.Words(), partyRoles(atCPO.Remote.Roles), atCPO.Remote.Version)
	s.told.say("   The eMSP says: %s is %s, %s, OCPI %s. Token A is good no longer.", demoCPOName, atEMSP.Words(), partyRoles(atEMSP.Remote.Roles), atEMSP.Remote.Version)
	return nil
}

// exchange shows that each side can call the other.
func (s *story) exchange(ctx context.Context) error {
	toCPO, err := client(ctx, s.emsp, demoCPOName)
	if err != nil {
		return err
	}
	locations, evses := 0, 0
	for location, err := range toCPO.CPO().Locations.List(ctx, ocpi.Query{}) {
		if err != nil {
			return err
		}
		locations, evses = locations+1, evses+len(location.EVSEs)
	}
	s.told.say("3. The eMSP reads the CPO's locations: %d, with %d EVSEs.", locations, evses)
	toEMSP, err := client(ctx, s.cpo, demoEMSPName)
	if err != nil {
		return err
	}
	for token, err := range toEMSP.EMSP().Tokens.List(ctx, ocpi.Query{}) {
		if err != nil {
			return err
		}
		answer, err := toEMSP.EMSP().Tokens.Authorize(ctx, ocpiclient.AuthorizeRequest{TokenUID: string(token.UID), TokenType: token.Type})
		if err != nil {
			return err
		}
		s.told.say("4. The CPO asks the eMSP whether the card %s… may charge: %s.", string(token.UID)[:4], answer.Allowed)
		break
	}
	return nil
}

func client(ctx context.Context, n *node.Node, partner string) (*ocpiclient.Client, error) {
	h, err := n.Registration(ctx)
	if err != nil {
		return nil, err
	}
	return h.Client(ctx, partner)
}

// rotate exchanges new tokens.
func (s *story) rotate(ctx context.Context) error {
	s.told.say("5. The eMSP rotates the tokens, which loses nobody: the old ones work until the new ones are used.")
	h, err := s.emsp.Registration(ctx)
	if err != nil {
		return err
	}
	return h.Rotate(ctx, demoCPOName)
}

// invite prints what to try. A partner added by hand may call both nodes.
func (s *story) invite(ctx context.Context) error {
	visitor := func(role ocpi.Role) ocpi.Partner {
		return ocpi.Partner{ID: visitorName, Roles: []ocpi.PartyRole{{Role: role, Party: demoVisitor}}}
	}
	token, err := s.cpo.Partners.Add(ctx, visitor(ocpi.RoleEMSP), "")
	if err != nil {
		return err
	}
	if _, err := s.emsp.Partners.Add(ctx, visitor(ocpi.RoleCPO), token); err != nil {
		return err
	}
	location, err := visitorsLocation()
	if err != nil {
		return err
	}
	if s.chargers, err = operate(ctx, s.cpo, "chargers"); err != nil {
		return err
	}
	if s.app, err = operate(ctx, s.emsp, "app"); err != nil {
		return err
	}
	var text strings.Builder
	err = guide.Execute(&text, map[string]string{
		"API": s.chargers.url, "Key": s.chargers.key,
		"CPO": s.cpo.URL(), "EMSP": s.emsp.URL(), "Token": token, "Folder": s.folder, "Visitor": demoVisitor.String(),
		"LocationID": "YOU-1", "Location": location, "TokenUID": string(ocpitest.Sample{CPO: demoCPO, EMSP: demoEMSP, At: time.Now()}.Tokens()[0].UID),
		"CPOName": demoCPOName, "EMSPName": demoEMSPName,
	})
	s.told.say("%s", text.String())
	return err
}

// fill puts sample objects into the nodes: each has those of its party.
func fill(ctx context.Context, cpo, emsp *object.Objects, sample ocpitest.Sample) error {
	return errors.Join(
		put(ctx, cpo.Locations, demoCPO, sample.Locations()),
		put(ctx, cpo.Tariffs, demoCPO, sample.Tariffs()),
		put(ctx, cpo.Sessions, demoCPO, sample.Sessions()),
		put(ctx, cpo.CDRs, demoCPO, sample.CDRs()),
		put(ctx, emsp.Tokens, demoEMSP, sample.Tokens()),
	)
}

func put[T any](ctx context.Context, own *object.Own[T], party ocpi.Party, objects []T) error {
	items := make([]object.Item[T], len(objects))
	for i, o := range objects {
		items[i] = object.Item[T]{Party: party, Object: o}
	}
	_, err := own.Put(ctx, items...)
	return err
}

// visitorsLocation is a location as the visitor would send it, short enough for a command line.
func visitorsLocation() (string, error) {
	location, _ := convert.LocationTo211(ocpitest.Network(demoVisitor).Location(1), convert.Env{Owner: demoVisitor})
	evse := location.EVSEs[0]
	evse.UID, evse.Connectors = "YOU-1-1", evse.Connectors[:1]
	raw, err := json.Marshal(&v211.Location{
		ID: "YOU-1", Type: location.Type, Name: location.Name, Address: location.Address, City: location.City,
		PostalCode: location.PostalCode, Country: location.Country, Coordinates: location.Coordinates,
		EVSEs: []v211.EVSE{evse}, LastUpdated: location.LastUpdated,
	})
	return string(raw), err
}

// guide is what to try. The commands can be pasted into a shell as they are.
var guide = template.Must(template.New("guide").Parse(`
Both nodes know you as {{.Visitor}}, as partner "you", with the token {{.Token}}.
Try, in another terminal:

# 1. the versions the CPO speaks
curl -s -H 'Authorization: Token {{.Token}}' {{.CPO}}/cpo/versions

# 2. a page of its locations; the Link header leads to the next
curl -s -i -H 'Authorization: Token {{.Token}}' '{{.CPO}}/cpo/2.1.1/locations?limit=2'

# 3. push a location to the eMSP
curl -s -i -X PUT -H 'Authorization: Token {{.Token}}' -H 'Content-Type: application/json' {{.EMSP}}/emsp/2.1.1/locations/{{.Visitor}}/{{.LocationID}} -d '{{.Location}}'

# 4. ask the eMSP whether a driver may charge
curl -s -X POST -H 'Authorization: Token {{.Token}}' '{{.EMSP}}/emsp/2.1.1/tokens/{{.TokenUID}}/authorize?type=RFID'

# 5. where the CPO stands with the eMSP, what moves between them, and what they have said to each other
go run ./node/cmd/roamwire partner show {{.EMSPName}} --data {{.Folder}}/cpo
go run ./node/cmd/roamwire status --data {{.Folder}}/cpo
go run ./node/cmd/roamwire log --partner {{.EMSPName}} --data {{.Folder}}/cpo

# 6. the same node from the side of the operator's own system; {{.API}}/api/docs describes all of it
curl -s -H 'Authorization: Bearer {{.Key}}' '{{.API}}/api/v1/locations?limit=1'

Everything is in a temporary folder that is removed at the end. Stop with Ctrl-C.`))
