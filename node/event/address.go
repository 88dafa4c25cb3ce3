package event

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"code.dny.dev/ssrf"

	"github.com/roamwire/roamwire/ocpi"
)

// errAddress is returned for an endpoint that may not be called.
var errAddress = errors.New("the address may not be called")

// Where the operator's own systems are: private and shared networks, and this machine.
var (
	privateV4 = []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
		netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("127.0.0.0/8"),
	}
	privateV6 = []netip.Prefix{netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("::1/128")}
	// Where clouds tell a machine its own secrets. Most of these addresses are link-local.
	metadata = []netip.Prefix{
		netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10"),
		netip.MustParsePrefix("fd00:ec2::/32"), netip.MustParsePrefix("100.100.100.200/32"), netip.MustParsePrefix("fd20:ce::254/128"),
	}
)

// A policy says which endpoints may be called.
type policy struct {
	refusePrivate bool
	guard         *ssrf.Guardian
}

func newPolicy(refusePrivate bool) *policy {
	options := []ssrf.Option{ssrf.WithAnyPort()}
	if !refusePrivate {
		options = append(options, ssrf.WithAllowedV4Prefixes(privateV4...), ssrf.WithAllowedV6Prefixes(privateV6...))
	}
	return &policy{refusePrivate: refusePrivate, guard: ssrf.New(options...)}
}

// control checks the address a host was resolved to, when the connection to it is about to be made.
func (p *policy) control(network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: %s %s", errAddress, network, address)
	}
	return p.check(at.Addr())
}

func (p *policy) check(ip netip.Addr) error {
	ip = ip.Unmap().WithZone("")
	if slices.ContainsFunc(metadata, func(m netip.Prefix) bool { return m.Contains(ip) }) {
		return fmt.Errorf("%w: %s is link-local or tells a machine's secrets", errAddress, ip)
	}
	if p.guard.SafeAddr(ip) != nil {
		if p.refusePrivate {
			return fmt.Errorf("%w: %s is private, local or reserved", errAddress, ip)
		}
		return fmt.Errorf("%w: %s is reserved", errAddress, ip)
	}
	return nil
}

const longestURL = 2000

// checkURL returns what is wrong with the URL of an endpoint, as far as that is known without resolving its host.
func (p *policy) checkURL(text string) (ocpi.FindingCode, string) {
	if text == "" {
		return ocpi.FindingMissing, "is missing"
	}
	if len(text) > longestURL {
		return ocpi.FindingLength, "is longer than 2000 bytes"
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return ocpi.FindingFormat, "is not a URL"
	case u.Scheme != "https" && u.Scheme != "http":
		return ocpi.FindingFormat, "is not an http or https URL"
	case u.Hostname() == "":
		return ocpi.FindingFormat, "names no host"
	case u.User != nil:
		return ocpi.FindingFormat, "holds a user name; the signature tells the endpoint who calls"
	case u.Fragment != "":
		return ocpi.FindingFormat, "has a fragment, which is not sent"
	case p.refusePrivate && u.Scheme != "https":
		return ocpi.FindingFormat, "must be an https URL"
	}
	name := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if p.refusePrivate && (name == "localhost" || strings.HasSuffix(name, ".localhost")) {
		return ocpi.FindingRange, "is this machine"
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		if err := p.check(ip); err != nil {
			return ocpi.FindingRange, err.Error()
		}
	}
	return "", ""
}
