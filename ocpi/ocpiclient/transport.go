package ocpiclient

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"code.dny.dev/ssrf"
)

// TransportConfig says how partners are reached. The zero TransportConfig works: public addresses and https only.
type TransportConfig struct {
	// AllowPrivate lets private, loopback, link-local and reserved addresses be called, and plain http be used. It is
	// for tests, demonstrations and partners inside one's own network.
	AllowPrivate bool
	// TLS is for partners whose certificates are signed by an authority of their own, or who want one of ours.
	TLS *tls.Config

	// DialTimeout is how long a connection may take to be made. Default 10 seconds.
	DialTimeout time.Duration
	// TLSTimeout is how long its handshake may take. Default 10 seconds.
	TLSTimeout time.Duration
	// IdleTimeout is how long a connection is kept for the next request. Default 90 seconds.
	IdleTimeout time.Duration
	// MaxPerHost is the largest number of connections to one host; further requests wait. Default no limit: a platform may
	// be many partners on one host, and one that does not answer must not keep the others waiting.
	MaxPerHost int
	// MaxResponse is the largest answer in bytes, after decompression. Default 32 MiB.
	MaxResponse int64
}

const (
	defaultDial        = 10 * time.Second
	defaultTLS         = 10 * time.Second
	defaultIdle        = 90 * time.Second
	idlePerHost        = 64
	defaultMaxResponse = 32 << 20
	maxResponseHeader  = 1 << 20
)

func (c TransportConfig) withDefaults() TransportConfig {
	if c.DialTimeout <= 0 {
		c.DialTimeout = defaultDial
	}
	if c.TLSTimeout <= 0 {
		c.TLSTimeout = defaultTLS
	}
	if c.IdleTimeout <= 0 {
		c.IdleTimeout = defaultIdle
	}
	if c.MaxPerHost < 0 {
		c.MaxPerHost = 0
	}
	if c.MaxResponse <= 0 {
		c.MaxResponse = defaultMaxResponse
	}
	return c
}

// A Transport is how partners are reached: its connections, their limits, and which addresses may be called. A program
// has one, shared by all its Clients. It may be used by many goroutines at once.
type Transport struct {
	config TransportConfig
	guard  *ssrf.Guardian
	dialer net.Dialer
	http   http.Transport
}

// NewTransport makes a Transport.
func NewTransport(config TransportConfig) *Transport {
	config = config.withDefaults()
	t := &Transport{config: config, guard: ssrf.New(ssrf.WithAnyPort()), dialer: net.Dialer{Timeout: config.DialTimeout}}
	if !config.AllowPrivate {
		t.dialer.Control = t.control
	}
	t.http = http.Transport{
		Proxy:                  nil, // a proxy would resolve names itself, past the check of addresses
		DialContext:            t.dialer.DialContext,
		TLSClientConfig:        config.TLS.Clone(),
		TLSHandshakeTimeout:    config.TLSTimeout,
		IdleConnTimeout:        config.IdleTimeout,
		MaxConnsPerHost:        config.MaxPerHost,
		MaxIdleConnsPerHost:    idlePerHost,
		MaxResponseHeaderBytes: maxResponseHeader,
		ForceAttemptHTTP2:      true,
	}
	return t
}

// Close closes the connections that are not in use.
func (t *Transport) Close() { t.http.CloseIdleConnections() }
