package ocpiserver

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/quirk"
	"github.com/roamwire/roamwire/ocpi/wire"
)

// cdrs takes charge detail records. They are posted once, found again at the URL we answered with, and never changed
// (requirements CDR-04 to CDR-08).
type cdrs struct {
	*speaker
	receiver CDRReceiver
}

// post stores a CDR.
func (d cdrs) post(c *call) (answer, error) {
	cdr, party, err := d.read(c)
	if err != nil {
		return answer{}, err
	}
	stored, isNew, err := d.receiver.Create(c.ctx(), c.partner, ocpi.Key{Party: party, ID: string(cdr.ID)}, cdr)
	if err != nil {
		return answer{}, err
	}
	if !isNew {
		same, err := wire.SameCDR(stored, cdr, d.env(c, party))
		if err != nil {
			return answer{}, err
		}
		if !same {
			c.count(quirk.ChangedCDR)
			c.server.config.Logger.WarnContext(c.ctx(), "a partner has sent a CDR again with other content; the first stays",
				"partner", c.partner.ID, "id", stored.ID, "request_id", c.requestID)
			return answer{}, ocpi.InvalidParameters("CDR %s is already here with other content; CDRs cannot be changed", stored.ID)
		}
	}
	c.w.Header().Set("Location", d.location(c, party, string(stored.ID)))
	return created(isNew), nil
}

// location is where the partner finds the CDR again. A partner with several parties may have several CDRs of one id,
// so the URL then says whose it is.
func (d cdrs) location(c *call, party ocpi.Party, id string) string {
	path := d.base + c.root + "/"
	if len(c.partner.Parties(ocpi.RoleCPO)) > 1 || !c.partner.Speaks(ocpi.RoleCPO, party) {
		path += party.String() + "/"
	}
	return path + url.PathEscape(id)
}

// read reads a CDR and finds out whose it is. The URL may name the party, as some implementations do. Without it the CDR
// belongs to the party it names itself, if that is one of the partner's, and otherwise to the one in the routing headers or the
// first CPO party of the partner, which in 2.1.1 is the only one (requirements TF-46, TF-47).
func (d cdrs) read(c *call) (wire.CDR, ocpi.Party, error) {
	raw, err := c.body()
	if err != nil {
		return wire.CDR{}, ocpi.Party{}, err
	}
	named := c.path("party_id") != ""
	party := c.callerParty(ocpi.RoleCPO)
	if named {
		if party, err = c.owner(ocpi.RoleCPO); err != nil {
			return wire.CDR{}, party, err
		}
	}
	cdr, report, err := d.codecs.CDRs.Read(raw, d.env(c, party), c.profile())
	if claimed := wire.Claimant(report.Document); err == nil && !named && claimed != party && claimed != (ocpi.Party{}) && c.mayOwn(ocpi.RoleCPO, claimed) == nil {
		party = claimed
		cdr, report, err = d.codecs.CDRs.Read(raw, d.env(c, party), c.profile())
	}
	c.note(report)
	if err == nil {
		err = wire.Claim(d.codecs.CDRs.Object, report.Document, party)
	}
	return cdr, party, err
}

func (d cdrs) get(c *call) (answer, error) {
	parties := c.partner.Parties(ocpi.RoleCPO)
	if c.path("party_id") != "" {
		party, err := c.owner(ocpi.RoleCPO)
		if err != nil {
			return answer{}, err
		}
		parties = []ocpi.Party{party}
	}
	for _, party := range parties {
		cdr, err := d.receiver.Get(c.ctx(), c.partner, ocpi.Key{Party: party, ID: c.path("cdr_id")})
		if errors.Is(err, ocpi.ErrNotFound) {
			continue
		}
		if err != nil {
			return answer{}, err
		}
		return written(c, d.speaker, d.codecs.CDRs, cdr, party)
	}
	return answer{}, ocpi.NotFound("there is no CDR %s of yours", c.path("cdr_id"))
}

func (d cdrs) postMethods() methods { return methods{http.MethodPost: d.post} }
func (d cdrs) getMethods() methods  { return methods{http.MethodGet: d.get} }
