package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"
)

// Run serves until ctx ends, lets requests under way finish, and closes everything.
func (n *Node) Run(ctx context.Context) error {
	defer n.closeListeners()
	n.Objects.Await()
	servers, failed := n.start()
	background, end := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() { n.recoverRegistrations(background) })
	work.Go(func() { n.pusher.Run(background) })
	work.Go(func() { n.puller.Run(background) })
	work.Go(func() { n.Commands.Run(background) })
	work.Go(func() { n.events.Run(background) })
	work.Go(func() { n.keepRendered(background) })
	work.Go(func() { n.Auditor().Run(background) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	close(n.stopping)
	end()
	work.Wait() // with the events end their streams, which would hold up the servers
	// The parent context has ended; the grace period is counted from now.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.config.ShutdownTimeout)
	defer cancel()
	for _, s := range servers {
		err = errors.Join(err, stop(grace, s))
	}
	n.Commands.Close()
	return errors.Join(err, n.Data.Close())
}

func stop(grace context.Context, s *http.Server) error {
	err := s.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(fmt.Errorf("requests were still under way when the node stopped"), s.Close())
	}
	return err
}

// start serves on the listeners in the background.
func (n *Node) start() ([]*http.Server, <-chan error) {
	failed := make(chan error, 3)
	run := func(s *http.Server, l net.Listener) {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("serve on %s: %w", l.Addr(), err)
		}
	}
	main := n.newServer(n.server)
	watchHeaders(main)
	servers := []*http.Server{main}
	go run(main, n.listener)
	if n.admin != nil {
		admin := n.newServer(n.adminHandler())
		admin.ReadTimeout = n.config.HeaderTimeout + n.config.BodyTimeout
		servers = append(servers, admin)
		go run(admin, n.admin)
	}
	if n.api != nil {
		api := n.newServer(n.backend)
		servers = append(servers, api)
		go run(api, n.api)
	}
	return servers, failed
}

// whileRunning is a context that ends with another, after a time, or when the node stops.
func (n *Node) whileRunning(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	go func() {
		select {
		case <-n.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func (n *Node) newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: n.config.HeaderTimeout,
		IdleTimeout:       n.config.IdleTimeout,
		MaxHeaderBytes:    64 << 10,
		// net/http would answer OPTIONS * itself, after the body and without a limit of time.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     newErrorLog(n.config.Logger),
	}
}

// listen opens the listeners, so that their addresses are known.
func (n *Node) listen(ctx context.Context) error {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", n.config.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	n.listener = timedListener{l}
	if n.config.TLSCert != "" {
		if n.listener, err = withTLS(l, n.config.TLSCert, n.config.TLSKey); err != nil {
			return errors.Join(err, l.Close())
		}
	}
	for _, other := range []struct {
		what, address string
		to            *net.Listener
	}{{"administration", n.config.AdminListen, &n.admin}, {"the backend API", n.config.APIListen, &n.api}} {
		if other.address == "" {
			continue
		}
		if *other.to, err = listen.Listen(ctx, "tcp", other.address); err != nil {
			n.closeListeners()
			return fmt.Errorf("listen for %s: %w", other.what, err)
		}
	}
	return nil
}

func withTLS(l net.Listener, certFile, keyFile string) (net.Listener, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("load TLS certificate: %w", err)
	}
	return tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	}), nil
}

func (n *Node) closeListeners() {
	for _, l := range []net.Listener{n.listener, n.admin, n.api} {
		if l != nil {
			_ = l.Close() // Shutdown has usually closed it already
		}
	}
}

const readyTimeout = 2 * time.Second

// adminHandler serves health, metrics and profiles, on an address of its own that partners cannot reach.
func (n *Node) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if _, err := n.Partners.List(ctx); err != nil {
			n.config.Logger.ErrorContext(ctx, "not ready", "error", err)
			http.Error(w, "the data cannot be read", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", n.metrics.Handler())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
