package main

import (
	"context"
	"fmt"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/ocpi"
)

type serveCmd struct {
	dataFlag
	logFlags
	exchangeFlags
	Listen      string      `help:"Address to serve OCPI on." default:"127.0.0.1:8080" placeholder:"ADDR"`
	PublicURL   string      `help:"Where partners reach this node from outside, without the prefix, such as https://ocpi.example.com. Every URL handed out starts with it. Default: the address listened on, which partners elsewhere cannot reach." placeholder:"URL"`
	Prefix      string      `help:"Path of OCPI below the public URL; / for none." default:"/ocpi" placeholder:"PATH"`
	AdminListen string      `help:"Address of /healthz, /readyz, /metrics and /debug/pprof; keep it away from partners. Default: none." placeholder:"ADDR"`
	Party       []partyFlag `help:"A party this node speaks for, such as DE/ROA or \"DE/ROA=Name of the business\". Can be repeated." required:"" placeholder:"PARTY"`
	Role        []roleFlag  `help:"Roles of those parties: CPO, EMSP or both." default:"CPO,EMSP" placeholder:"ROLE"`
	Website     string      `help:"Website of the business, told to partners." placeholder:"URL"`
	TLSCert     string      `help:"TLS certificate file (PEM). Without it, put a proxy that speaks TLS in front." type:"path" placeholder:"FILE"`
	TLSKey      string      `help:"TLS key file (PEM)." type:"path" placeholder:"FILE"`

	PageLimit       int           `help:"Largest page, and the page where a partner asks for no size." default:"100" placeholder:"N"`
	MaxBody         int64         `help:"Largest request body, in bytes." default:"1048576" placeholder:"BYTES"`
	HeaderTimeout   time.Duration `help:"Time a partner has to send the headers." default:"10s" placeholder:"TIME"`
	BodyTimeout     time.Duration `help:"Time a partner has to send a body." default:"30s" placeholder:"TIME"`
	IdleTimeout     time.Duration `help:"Time a connection without requests stays open." default:"2m" placeholder:"TIME"`
	ShutdownTimeout time.Duration `help:"Time requests under way get to finish when the node stops." default:"10s" placeholder:"TIME"`
	TrailingSlash   bool          `help:"End the endpoint URLs in version details with a slash. Both forms are served either way."`
	OpenData        bool          `help:"Let anyone read locations and tariffs without a token, and nothing else."`
	CORSOrigin      []string      `help:"Web origin that may call from a browser, or * for any. Can be repeated." name:"cors-origin" placeholder:"ORIGIN"`
}

// Help is what serve --help teaches beside its flags.
func (serveCmd) Help() string {
	return `Partners are added with "roamwire partner add", data with "roamwire import"; both work while the node runs.

Example:
  roamwire serve --party "DE/ROA=Roamwire Power" --listen :8080 --public-url https://ocpi.example.com`
}

func (s *serveCmd) config(io streams) node.Config {
	config := node.Config{
		Data: s.Data, Listen: s.Listen, PublicURL: s.PublicURL, Prefix: s.Prefix, AdminListen: s.AdminListen,
		TLSCert: s.TLSCert, TLSKey: s.TLSKey, PageLimit: s.PageLimit, MaxBody: s.MaxBody,
		HeaderTimeout: s.HeaderTimeout, BodyTimeout: s.BodyTimeout, IdleTimeout: s.IdleTimeout, ShutdownTimeout: s.ShutdownTimeout,
		TrailingSlash: s.TrailingSlash, OpenData: s.OpenData, CORSOrigins: s.CORSOrigin, Exchanges: s.settings(), Logger: s.logger(io.err),
	}
	for _, p := range s.Party {
		config.Parties = append(config.Parties, node.Party{Party: p.party, Roles: roles(s.Role), Name: p.name, Website: s.Website})
	}
	return config
}

// Run serves until interrupted.
func (s *serveCmd) Run(ctx context.Context, io streams) error {
	for _, role := range roles(s.Role) {
		if role != ocpi.RoleCPO && role != ocpi.RoleEMSP {
			return fmt.Errorf("the role %s is not served: use CPO, EMSP or both", role)
		}
	}
	n, err := node.New(ctx, s.config(io))
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "roamwire serves OCPI at %s/versions\n", n.URL())
	if admin := n.AdminURL(); admin != "" {
		fmt.Fprintf(io.out, "health and metrics at %s/healthz, /readyz and /metrics\n", admin)
	}
	return n.Run(ctx)
}
