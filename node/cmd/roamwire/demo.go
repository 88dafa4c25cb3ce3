package main

import (
	"cmp"
	"context"
	"encoding/base64"
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
	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
	"github.com/roamwire/roamwire/ocpi/handshake"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v211"
	"github.com/roamwire/roamwire/ocpi/v230"
)

type demoCmd struct {
	logFlags
	Listen     string   `help:"Address of the CPO's node. Default: 127.0.0.1:8080, or a free port if that is taken." placeholder:"ADDR"`
	EMSPListen []string `help:"Addresses of the eMSPs' nodes, the one on 2.1.1 first. Default: 127.0.0.1:8081 and 127.0.0.1:8082, or a free port if one is taken." name:"emsp-listen" placeholder:"ADDR"`
	Speed      int      `help:"How many times as fast as the clock the chargers are used; 0 for not at all." default:"120" placeholder:"N"`
	Seed       uint64   `help:"Number that decides what happens at the chargers: the same for the same story. Default: another story each time." placeholder:"N"`
}

// The parties of the demo: those of the nodes, and whoever tries the demo, who is both CPO and eMSP.
var (
	demoCPO       = ocpi.NewParty("NL", "GPE")
	demoEMSPParty = ocpi.NewParty("DE", "GWH")
	demoVisitor   = ocpi.NewParty("BE", "YOU")
)

// The names under which the nodes know each other, and the visitor.
const (
	demoCPOName  = "grenspaal"
	demoEMSPName = "greenwheels"
	visitorName  = "you"
)

// A demoEMSP is an eMSP of the demo with its node, once that is made.
type demoEMSP struct {
	*node.Node
	name, business string
	party          ocpi.Party
	// version is the one it agrees on with the CPO: the highest that it speaks.
	version ocpi.Version
	folder  string
	// first and last are the numbers of its drivers' tokens among those of the sample.
	first, last int
}

// demoEMSPs are an eMSP on the oldest version and one on the newest.
func demoEMSPs(folder string) []*demoEMSP {
	return []*demoEMSP{
		{name: demoEMSPName, business: "Greenwheels", party: demoEMSPParty, version: ocpi.V211, folder: filepath.Join(folder, "emsp"), first: 1, last: 4},
		{name: "voltville", business: "Voltville", party: ocpi.NewParty("FR", "VLT"), version: ocpi.V230, folder: filepath.Join(folder, "emsp-2.3.0"), first: 5, last: 8},
	}
}

// sample is what the eMSP's drivers have, and did at the CPO's chargers.
func (e *demoEMSP) sample() ocpitest.Sample {
	return ocpitest.Sample{CPO: demoCPO, EMSP: e.party, At: time.Now()}
}

// tokens are those of the eMSP's drivers.
func (e *demoEMSP) tokens() []v230.Token {
	var tokens []v230.Token
	for n := e.first; n <= e.last; n++ {
		tokens = append(tokens, e.sample().Token(n))
	}
	return tokens
}

// Run runs all nodes until interrupted, and removes their data afterwards.
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
	nodes, emsps := []*node.Node{cpo}, demoEMSPs(folder)
	for i, e := range emsps {
		if e.Node, err = d.node(ctx, s, told.emsp, e.folder, d.emspListen(ctx, i),
			node.Party{Party: e.party, Roles: []ocpi.Role{ocpi.RoleEMSP}, Name: e.business}, e.version); err != nil {
			return errors.Join(err, closeAll(nodes))
		}
		nodes = append(nodes, e.Node)
	}
	stopped := make(chan error, len(nodes))
	for _, n := range nodes {
		go func() { stopped <- n.Run(ctx) }()
	}
	story := &story{told: told, cpo: cpo, emsps: emsps, emsp: emsps[0], folder: folder, logger: d.quiet(s.err)}
	var day sync.WaitGroup
	if err = story.tell(ctx); err != nil {
		stop()
	} else {
		day.Go(func() { story.live(ctx, d.Speed, d.Seed) })
	}
	defer day.Wait()
	err = errors.Join(err, <-stopped) // at the end of ctx, or because it has failed
	stop()
	for range len(nodes) - 1 {
		err = errors.Join(err, <-stopped)
	}
	return err
}

// node makes one of the nodes. Without versions it speaks all.
func (d *demoCmd) node(ctx context.Context, s streams, told func(context.Context, handshake.Step), folder, listen string, party node.Party, versions ...ocpi.Version) (*node.Node, error) {
	return node.New(ctx, node.Config{
		Data: folder, Listen: listen, APIListen: "127.0.0.1:0", Logger: d.quiet(s.err), Parties: []node.Party{party}, Versions: versions,
		AllowPrivate: true, OnStep: told, Exchanges: exchange.Settings{BodySize: demoBodySize},
	})
}

// demoBodySize is enough to record whole CDRs.
const demoBodySize = 32 << 10

// emspListen is the address of the eMSP of this number.
func (d *demoCmd) emspListen(ctx context.Context, i int) string {
	if i < len(d.EMSPListen) {
		return d.EMSPListen[i]
	}
	if len(d.EMSPListen) > 0 {
		return "127.0.0.1:0"
	}
	return free(ctx, fmt.Sprintf("127.0.0.1:%d", 8081+i))
}

// closeAll closes nodes that do not run.
func closeAll(nodes []*node.Node) error {
	var err error
	for _, n := range nodes {
		err = errors.Join(err, n.Close())
	}
	return err
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
	told  *narrator
	cpo   *node.Node
	emsps []*demoEMSP
	// emsp is the first of them, whose driver charges from the app.
	emsp *demoEMSP
	// chargers is the CPO's own system, app the one of the first eMSP.
	chargers, app operator
	folder        string
	logger        *slog.Logger
}

// tell fills the nodes, lets them register, and shows that they can call each other.
func (s *story) tell(ctx context.Context) error {
	s.told.say("Roamwire demo: three nodes, each with its own database, register with each other over HTTP.\n")
	s.told.say("  CPO   %s  %s/cpo/versions   speaks OCPI %s; with sample locations, tariffs, sessions and CDRs", demoCPO, s.cpo.URL(), versionList(s.cpo.Versions()))
	for _, e := range s.emsps {
		s.told.say("  eMSP  %s  %s/emsp/versions  speaks OCPI %s; with sample tokens of its drivers", e.party, e.URL(), versionList(e.Versions()))
	}
	s.told.say("")
	if err := fill(ctx, s.cpo.Objects, s.emsps); err != nil {
		return err
	}
	if err := s.operate(ctx); err != nil {
		return err
	}
	for _, chapter := range []func(context.Context) error{s.register, s.exchange, s.words, s.rotate, s.invite} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

// operate gives the operators' own systems their keys.
func (s *story) operate(ctx context.Context) (err error) {
	if s.chargers, err = operate(ctx, s.cpo, "chargers"); err != nil {
		return err
	}
	s.app, err = operate(ctx, s.emsp.Node, "app")
	return err
}

// register registers the eMSPs with the CPO.
func (s *story) register(ctx context.Context) error {
	for i, e := range s.emsps {
		if err := s.registerOne(ctx, e, numbered(1, i), numbered(2, i)); err != nil {
			return fmt.Errorf("register %s: %w", e.name, err)
		}
	}
	return nil
}

// numbered is the number of a chapter at its first line, and a space as wide at the others.
func numbered(chapter, line int) string {
	if line > 0 {
		return "  "
	}
	return fmt.Sprintf("%d.", chapter)
}

func (s *story) registerOne(ctx context.Context, e *demoEMSP, invited, registers string) error {
	cpo, err := s.cpo.Registration(ctx)
	if err != nil {
		return err
	}
	emsp, err := e.Registration(ctx)
	if err != nil {
		return err
	}
	tokenA, err := cpo.Invite(ctx, e.name, handshake.Terms{})
	if err != nil {
		return err
	}
	s.told.say("%s The CPO invites the eMSP %s: it makes token A %s…, and sends it with its versions URL.", invited, e.name, tokenA[:8])
	s.told.say("%s %s registers with the CPO, which calls back while it does:", registers, e.business)
	url, err := s.cpo.VersionsURL(ctx, ocpi.RoleEMSP)
	if err != nil {
		return err
	}
	if err := emsp.Register(ctx, demoCPOName, handshake.Invitation{VersionsURL: url, Token: tokenA}); err != nil {
		return err
	}
	atCPO, err := cpo.Relation(ctx, e.name)
	if err != nil {
		return err
	}
	atEMSP, err := emsp.Relation(ctx, demoCPOName)
	if err != nil {
		return err
	}
	s.told.say("   The CPO says: %s is %s, %s, OCPI %s.", e.name, atCPO.Words(), partyRoles(atCPO.Remote.Roles), atCPO.Remote.Version)
	s.told.say("   The eMSP says: %s is %s, %s, OCPI %s. Token A is good no longer.", demoCPOName, atEMSP.Words(), partyRoles(atEMSP.Remote.Roles), atEMSP.Remote.Version)
	return nil
}

// exchange shows that each side can call the other.
func (s *story) exchange(ctx context.Context) error {
	for i, e := range s.emsps {
		if err := s.read(ctx, e, numbered(3, i)); err != nil {
			return fmt.Errorf("%s reads: %w", e.name, err)
		}
	}
	for i, e := range s.emsps {
		if err := s.ask(ctx, e, numbered(4, i)); err != nil {
			return fmt.Errorf("ask %s: %w", e.name, err)
		}
	}
	return nil
}

// read shows that an eMSP reads the CPO's locations.
func (s *story) read(ctx context.Context, e *demoEMSP, number string) error {
	toCPO, err := client(ctx, e.Node, demoCPOName)
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
	s.told.say("%s The eMSP %s reads the CPO's locations: %d, with %d EVSEs.", number, e.name, locations, evses)
	return nil
}

// ask shows that the CPO asks an eMSP about a card.
func (s *story) ask(ctx context.Context, e *demoEMSP, number string) error {
	toEMSP, err := client(ctx, s.cpo, e.name)
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
		s.told.say("%s The CPO asks the eMSP %s whether the card %s… may charge: %s.", number, e.name, string(token.UID)[:4], answer.Allowed)
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
	s.told.say("6. The eMSP " + demoEMSPName + " rotates the tokens, which loses nobody: the old ones work until the new ones are used.")
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
	for _, e := range s.emsps {
		if _, err := e.Partners.Add(ctx, visitor(ocpi.RoleCPO), token); err != nil {
			return err
		}
	}
	location, err := visitorsLocation()
	if err != nil {
		return err
	}
	var text strings.Builder
	err = guide.Execute(&text, map[string]string{
		"API": s.chargers.url, "Key": s.chargers.key,
		"CPO": s.cpo.URL(), "EMSP": s.emsp.URL(), "Token": token, "Token64": base64.StdEncoding.EncodeToString([]byte(token)),
		"Newest": s.emsps[1].URL(), "NewestUID": string(s.emsps[1].tokens()[0].UID), "NewestName": s.emsps[1].name,
		"Folder": s.folder, "Visitor": demoVisitor.String(),
		"LocationID": "YOU-1", "Location": location, "TokenUID": string(s.emsp.tokens()[0].UID),
		"CPOName": demoCPOName, "EMSPName": demoEMSPName,
	})
	s.told.say("%s", text.String())
	return err
}

// fill puts sample objects into the nodes: each has those of its party.
func fill(ctx context.Context, cpo *object.Objects, emsps []*demoEMSP) error {
	sample := emsps[0].sample()
	err := errors.Join(
		put(ctx, cpo.Locations, demoCPO, sample.Locations()),
		put(ctx, cpo.Tariffs, demoCPO, sample.Tariffs()),
		put(ctx, cpo.Sessions, demoCPO, sample.Sessions()),
		put(ctx, cpo.CDRs, demoCPO, sample.CDRs()),
	)
	for _, e := range emsps {
		err = errors.Join(err, put(ctx, e.Objects.Tokens, e.party, e.tokens()))
	}
	return err
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
All nodes know you as {{.Visitor}}, as partner "you", with the token {{.Token}}.
Partners on 2.2.1 and 2.3.0 send it in Base64: {{.Token64}}
Try, in another terminal:

# 1. the versions the CPO speaks
curl -s -H 'Authorization: Token {{.Token}}' {{.CPO}}/cpo/versions

# 2. a page of its locations, in the oldest version and in the newest; the Link header leads to the next
curl -s -i -H 'Authorization: Token {{.Token}}' '{{.CPO}}/cpo/2.1.1/locations?limit=2'
curl -s -i -H 'Authorization: Token {{.Token64}}' '{{.CPO}}/2.3.0/sender/locations?limit=2'

# 3. push a location to the eMSP on 2.1.1
curl -s -i -X PUT -H 'Authorization: Token {{.Token}}' -H 'Content-Type: application/json' {{.EMSP}}/emsp/2.1.1/locations/{{.Visitor}}/{{.LocationID}} -d '{{.Location}}'

# 4. ask each eMSP whether a driver may charge
curl -s -X POST -H 'Authorization: Token {{.Token}}' '{{.EMSP}}/emsp/2.1.1/tokens/{{.TokenUID}}/authorize?type=RFID'
curl -s -X POST -H 'Authorization: Token {{.Token64}}' '{{.Newest}}/2.3.0/sender/tokens/{{.NewestUID}}/authorize?type=RFID'

# 5. where the CPO stands with an eMSP, what moves between it and all, and what it and an eMSP have said to each other
go run ./node/cmd/roamwire partner show {{.EMSPName}} --data {{.Folder}}/cpo
go run ./node/cmd/roamwire status --data {{.Folder}}/cpo
go run ./node/cmd/roamwire log --partner {{.EMSPName}} --data {{.Folder}}/cpo
go run ./node/cmd/roamwire log --partner {{.NewestName}} --bodies --limit 5 --data {{.Folder}}/cpo

# 6. the same node from the side of the operator's own system; {{.API}}/api/docs describes all of it
curl -s -H 'Authorization: Bearer {{.Key}}' '{{.API}}/api/v1/locations?limit=1'

Everything is in a temporary folder that is removed at the end. Stop with Ctrl-C.`))
