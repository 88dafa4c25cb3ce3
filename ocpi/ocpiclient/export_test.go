package ocpiclient

import (
	"context"
	"net"
)

// DialWith replaces the network.
func (t *Transport) DialWith(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	t.http.DialContext = dial
}

// Resolve stands for a name server that says this address for every name.
func (t *Transport) Resolve(address string) {
	t.http.DialContext = func(ctx context.Context, network, asked string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(asked)
		if err != nil {
			return nil, err
		}
		return t.dialer.DialContext(ctx, network, net.JoinHostPort(address, port))
	}
}

// Allowed reports whether an address a host was resolved to may be called.
func (t *Transport) Allowed(address string) error { return t.control("tcp4", address, nil) }
