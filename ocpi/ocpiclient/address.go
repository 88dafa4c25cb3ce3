package ocpiclient

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// CheckURL says whether a URL that a partner named may be called, as far as that is known without resolving its host:
// it must be an https URL of a host, without a user name, and not lead to a private address. With AllowPrivate http and
// every address are fine too. What the host resolves to is checked when it is called.
func (t *Transport) CheckURL(rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return fmt.Errorf("%w: it is not a URL", ErrAddress)
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%w: it must be an https URL", ErrAddress)
	case u.Hostname() == "":
		return fmt.Errorf("%w: the URL names no host", ErrAddress)
	case u.User != nil:
		return fmt.Errorf("%w: the URL must not hold a user name", ErrAddress)
	case t.config.AllowPrivate:
		return nil
	case u.Scheme != "https":
		return fmt.Errorf("%w: plain http is refused, it must be https", ErrPrivate)
	}
	return t.checkHost(u.Hostname())
}

// checkHost refuses hosts that are private by their name, or as a literal address.
func (t *Transport) checkHost(host string) error {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return private(host)
	}
	if ip, err := netip.ParseAddr(name); err == nil && t.guard.SafeAddr(ip) != nil {
		return private(host)
	}
	return nil
}

// control checks the address a host was resolved to, when the connection to it is about to be made.
func (t *Transport) control(network, address string, raw syscall.RawConn) error {
	if t.guard.Safe(network, address, raw) == nil {
		return nil
	}
	if at, err := netip.ParseAddrPort(address); err == nil {
		address = at.Addr().String()
	}
	return private(address)
}

func private(address string) error {
	return fmt.Errorf("%w: %s is private, local or reserved", ErrPrivate, address)
}
