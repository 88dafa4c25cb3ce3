package ocpiserver

import (
	"context"
	"net/http"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// credentials serves the module credentials on one side of ours. Since 2.2 they are those of all our roles, which is the zero
// side, whatever path they are at. Without a Registrar partners are registered by hand, and the methods that exchange
// credentials are answered with 405.
func (s *speaker) credentials(of side) methods {
	if s.since22() {
		of = side{}
	}
	d := credentials{s, of}
	m := methods{http.MethodGet: d.get}
	if registrar, ok := s.config.Credentials.(Registrar); ok {
		m[http.MethodPost] = d.whileRegistered(false, d.exchange(registrar.Register))
		m[http.MethodPut] = d.whileRegistered(true, d.exchange(registrar.Update))
		m[http.MethodDelete] = d.whileRegistered(true, func(c *call) (answer, error) {
			return answer{}, registrar.Unregister(c.ctx(), d.caller(c))
		})
	}
	return m
}

// credentials is the module credentials on one side of ours in one version, or on all of them.
type credentials struct {
	*speaker
	side side
}

// get says what the caller uses to access us (requirement C-02).
func (d credentials) get(c *call) (answer, error) {
	own, err := d.config.Credentials.Credentials(c.ctx(), c.partner, d.side.role, c.token)
	if err != nil {
		return answer{}, err
	}
	return d.answer(c, own)
}

// exchange reads the partner's credentials, hands them on, and answers with ours.
func (d credentials) exchange(do func(ctx context.Context, from ocpi.Caller, theirs v230.Credentials) (v230.Credentials, error)) handler {
	return func(c *call) (answer, error) {
		theirs, err := d.read(c)
		if err != nil {
			return answer{}, err
		}
		own, err := do(c.ctx(), d.caller(c), theirs)
		if err != nil {
			return answer{}, err
		}
		return d.answer(c, own)
	}
}

// whileRegistered refuses calls that do not fit the partner's state (requirements C-05 to C-07), before a body is read.
func (d credentials) whileRegistered(registered bool, h handler) handler {
	return func(c *call) (answer, error) {
		if is := c.partner.Access != ocpi.AccessRegistration; is == registered {
			return h(c)
		}
		message, allow := "you are not registered here yet: POST your credentials first", "GET, POST"
		if !registered {
			message, allow = "you are registered here already: PUT changes your credentials, DELETE ends the registration", "GET, PUT, DELETE"
		}
		c.w.Header().Set("Allow", allow)
		return answer{}, &ocpi.Error{HTTP: http.StatusMethodNotAllowed, Code: ocpi.StatusClientError, Message: message}
	}
}

func (d credentials) caller(c *call) ocpi.Caller {
	return ocpi.Caller{Partner: c.partner, Token: c.token, Version: d.version, Role: d.side.role}
}

// read reads the partner's credentials. In 2.1.1, which does not say it, its role is the one that calls this side.
func (d credentials) read(c *call) (v230.Credentials, error) {
	raw, err := c.body()
	if err != nil {
		return v230.Credentials{}, err
	}
	env := d.env(c, ocpi.Party{})
	if d.side.role != "" {
		env.Role = callerOf(d.side.role)
	}
	theirs, report, err := d.codecs.Credentials.Read(raw, env, c.profile())
	c.note(report)
	c.secrets = append(c.secrets, theirs.Token)
	return theirs, err
}

func (d credentials) answer(c *call, own v230.Credentials) (answer, error) {
	env := d.env(c, ocpi.Party{})
	env.Role = d.side.role
	c.secrets = append(c.secrets, own.Token)
	raw, err := write(c, d.speaker, d.codecs.Credentials, own, env, "")
	return answer{data: raw}, err
}

// callerOf is the role that calls the side of a role of ours.
func callerOf(role ocpi.Role) ocpi.Role {
	if role == ocpi.RoleCPO {
		return ocpi.RoleEMSP
	}
	return ocpi.RoleCPO
}
