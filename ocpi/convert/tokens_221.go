package convert

import (
	"github.com/roamwire/roamwire/ocpi/v221"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// Types of token are an open list in 2.3.0, which also adds EMAID (requirement ZK-01). What 2.2.1 does not list becomes
// OTHER wherever a token is named, so that a token in a session, a CDR or a location's publish_allowed_to still is the
// one that the partner has.

func (u *up221) token(in *v221.Token, out *v230.Token) {
	var left leftover
	u.bulkToken(in, out)
	foreign(&left, "type", in.Type)
	out.Type = v230.TokenType(in.Type)
	out.Extra = u.extra(in.Extra, &names221Token, left)
}

func (d *down221) token(in *v230.Token, out *v221.Token) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &names221Token)
	d.bulkToken(in, out)
	out.Type = lowerOr(d, left, "type", in.Type, v221.TokenTypeOther)
}

func (u *up221) cdrToken(in *v221.CdrToken, out *v230.CdrToken) {
	var left leftover
	u.bulkCdrToken(in, out)
	foreign(&left, "type", in.Type)
	out.Type = v230.TokenType(in.Type)
	out.Extra = u.extra(in.Extra, &names221CdrToken, left)
}

func (d *down221) cdrToken(in *v230.CdrToken, out *v221.CdrToken) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &names221CdrToken)
	d.bulkCdrToken(in, out)
	out.Type = lowerOr(d, left, "type", in.Type, v221.TokenTypeOther)
}

func (u *up221) publishTokenType(in *v221.PublishTokenType, out *v230.PublishTokenType) {
	var left leftover
	u.bulkPublishTokenType(in, out)
	if in.Type != nil {
		foreign(&left, "type", *in.Type)
	}
	out.Type = castOptional[v230.TokenType](in.Type)
	out.Extra = u.extra(in.Extra, &names221PublishTokenType, left)
}

func (d *down221) publishTokenType(in *v230.PublishTokenType, out *v221.PublishTokenType) {
	var left leftover
	out.Extra, left = d.extra(in.Extra, &names221PublishTokenType)
	d.bulkPublishTokenType(in, out)
	if in.Type != nil {
		tokenType := lowerOr(d, left, "type", *in.Type, v221.TokenTypeOther)
		out.Type = &tokenType
	}
}
