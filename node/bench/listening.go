package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/roamwire/roamwire/ocpi/v230"
)

const (
	// eventRate is how many changes a second there are while clients listen, and listeners how many those are.
	eventRate, listeners = 1000, 20
	// silence is how long a client may be silent that reads nothing, with some patience: the node's limit is 10 s.
	silence = 14 * time.Second
)

// listening has clients listen while statuses change at a steady pace, with one among them that reads nothing.
func (b *bench) listening(ctx context.Context, base, key string, _ *storeAlone) error {
	bare, _, err := b.heard(ctx, &bareStream{})
	if err != nil {
		return err
	}
	b.key = key
	defer func() { b.key = "" }()
	silent, err := openSilent(ctx, strings.TrimSuffix(strings.TrimPrefix(base, "http://"), "/api/v1"), key)
	if err != nil {
		return err
	}
	defer func() { _ = silent.Close() }() // it is not read on purpose
	l, rate, err := b.heard(ctx, &nodeStream{bench: b, base: base, places: b.places()})
	if err != nil {
		return err
	}
	dropped, read, err := wasDropped(silent)
	if err != nil {
		return err
	}
	b.add(true, fmt.Sprintf("a line of 700 bytes from a bare handler to %d clients, %d/s", listeners, eventRate), "", "p50 %s, p99 %s", bare.percentile(50), bare.percentile(99))
	p99 := l.percentile(99)
	b.add(p99 < 50*time.Millisecond && rate > 0.95*eventRate, fmt.Sprintf("an event at %d SSE clients, %d changes/s, from when it is written, before its commit", listeners, eventRate),
		"p99 under 50 ms", "%.0f changes/s; p50 %s, p99 %s of %d", rate, l.percentile(50), p99, len(l.latencies))
	words := "it still hears everything"
	if dropped {
		words = fmt.Sprintf("dropped; %d kB were on their way", read>>10)
	}
	b.add(dropped, "one more client that does not read, beside them", "dropped, not waited for", "%s", words)
	return nil
}

// A stream is a source of events for some clients.
type stream interface {
	// open begins to listen.
	open(ctx context.Context) (io.ReadCloser, error)
	// change makes the nth event happen, or tells that nothing has changed.
	change(ctx context.Context, n int) (happened bool, err error)
	close()
}

// heard makes events happen at a steady pace and measures when each client has them.
func (b *bench) heard(ctx context.Context, s stream) (l load, rate float64, err error) {
	defer s.close()
	long := max(b.duration, silence)
	changes := int(long.Seconds()) * eventRate
	times := make([][]time.Duration, listeners)
	var happened, heard atomic.Int64
	var bodies []io.ReadCloser
	var listening sync.WaitGroup
	for i := range listeners {
		body, err := s.open(ctx)
		if err != nil {
			return l, 0, err
		}
		bodies = append(bodies, body)
		listening.Go(func() { times[i] = listen(body, &heard) })
	}
	time.Sleep(100 * time.Millisecond)
	turns := make(chan int, eventRate)
	failed := make(chan error, 1)
	var working sync.WaitGroup
	for range b.clients {
		working.Go(func() {
			for n := range turns {
				is, err := s.change(ctx, n)
				if is {
					happened.Add(1)
				}
				if err != nil {
					select {
					case failed <- err:
					default: // one is enough
					}
				}
			}
		})
	}
	began := time.Now()
	for n := range changes {
		if d := time.Until(began.Add(time.Duration(n) * time.Second / eventRate)); d > 0 {
			time.Sleep(d)
		}
		turns <- n
	}
	close(turns)
	working.Wait()
	rate = float64(happened.Load()) / time.Since(began).Seconds()
	for range 1000 {
		if heard.Load() >= listeners*happened.Load() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, body := range bodies {
		body.Close()
	}
	listening.Wait()
	l.latencies = slices.Concat(times...)
	slices.Sort(l.latencies)
	select {
	case err = <-failed:
	default:
	}
	if missing := listeners*happened.Load() - int64(len(l.latencies)); err == nil && missing != 0 {
		err = fmt.Errorf("%d of %d events were not heard", missing, listeners*happened.Load())
	}
	return l, rate, err
}

// listen reads events and how old each is, until the end.
func listen(body io.Reader, heard *atomic.Int64) (times []time.Duration) {
	lines := bufio.NewReaderSize(body, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return times
		}
		now := time.Now()
		_, rest, found := bytes.Cut(line, []byte(`"time":"`))
		text, _, _ := bytes.Cut(rest, []byte(`"`))
		if !found || !bytes.HasPrefix(line, []byte("data: ")) {
			continue
		}
		if at, err := time.Parse(time.RFC3339Nano, string(text)); err == nil {
			times = append(times, now.Sub(at))
			heard.Add(1)
		}
	}
}

// A nodeStream is the node's own.
type nodeStream struct {
	bench  *bench
	base   string
	places []place
	client http.Client
	once   sync.Once
	caller *http.Client
}

func (s *nodeStream) open(ctx context.Context) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/events?type=location.*", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.bench.key)
	response, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("GET %s: %s", r.URL, response.Status), response.Body.Close())
	}
	return response.Body, nil
}

func (s *nodeStream) change(ctx context.Context, n int) (happened bool, err error) {
	s.once.Do(func() { s.caller = newClient(s.bench.clients) })
	i, _ := turn(n, len(s.places))
	status := []v230.Status{v230.StatusUnknown, v230.StatusPlanned}[n/len(s.places)%2]
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/evses/"+s.places[i].evse+"/status", strings.NewReader(`{"status":"`+string(status)+`"}`))
	if err != nil {
		return false, err
	}
	r.Header.Set("Authorization", "Bearer "+s.bench.key)
	response, err := s.caller.Do(r)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("POST %s: %s: %s", r.URL, response.Status, body)
	}
	return bytes.Contains(body, []byte(`"changed":true`)), err
}

func (s *nodeStream) close() {
	s.client.CloseIdleConnections()
	if s.caller != nil {
		s.caller.CloseIdleConnections()
	}
}

// A bareStream writes lines to all of its clients, and nothing else.
type bareStream struct {
	server *http.Server
	url    string
	mu     sync.Mutex
	out    []chan []byte
}

func (s *bareStream) open(ctx context.Context) (io.ReadCloser, error) {
	if s.server == nil {
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		s.url = "http://" + l.Addr().String()
		s.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(s.serve)}
		go func() { _ = s.server.Serve(l) }() // until it is closed
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

func (s *bareStream) serve(w http.ResponseWriter, r *http.Request) {
	lines := make(chan []byte, 2*eventRate)
	s.mu.Lock()
	s.out = append(s.out, lines)
	s.mu.Unlock()
	control := http.NewResponseController(w)
	_ = control.Flush() // the client notices
	for {
		select {
		case <-r.Context().Done():
			return
		case line := <-lines:
			_, _ = w.Write(line)
			_ = control.Flush()
		}
	}
}

func (s *bareStream) change(context.Context, int) (happened bool, err error) {
	line := fmt.Appendf(nil, `data: {"time":"%s","data":"%s"}`+"\n\n", time.Now().UTC().Format(time.RFC3339Nano), strings.Repeat("x", 640))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, lines := range s.out {
		lines <- line
	}
	return true, nil
}

func (s *bareStream) close() {
	if s.server != nil {
		_ = s.server.Close()
	}
}

// openSilent asks for all events there are, and reads none of them.
func openSilent(ctx context.Context, address, key string) (net.Conn, error) {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(c, "GET /api/v1/events?after=0 HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", address, key)
	return c, err
}

// wasDropped reports whether the node has closed the connection, after what was on its way.
func wasDropped(c net.Conn) (dropped bool, read int64, err error) {
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return false, 0, err
	}
	read, err = io.Copy(io.Discard, c)
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return false, read, nil
	}
	return true, read, nil // the end, or a connection that was reset
}
