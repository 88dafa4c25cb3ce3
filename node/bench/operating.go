package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/node/store"
	"github.com/roamwire/roamwire/node/store/sqlite"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// What the operator's own systems do: they feed the node through its API and hear from it, and partners ask it whether drivers
// may charge. Beside each figure stands what the same takes without the node around it.

const (
	drivers = 10_000
	// askers is how many ask at once whether drivers may charge: more of them wait for each other and are not answered faster.
	askers = 32
	// lineUp is how many objects are stored in a transaction, as the API does.
	lineUp = 200
)

var operatorParty = ocpi.NewParty("DE", "ROA")

// operate measures all of it on a node of its own.
func (b *bench) operate(ctx context.Context) (err error) {
	fmt.Fprintln(b.out, "the operator's side")
	if err := b.stop(); err != nil {
		return err
	}
	data := filepath.Join(b.folder, "operating")
	key, err := b.operator(ctx, data)
	if err != nil {
		return err
	}
	api, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	if b.admin, err = freeAddress(ctx); err != nil {
		return err
	}
	b.node, err = launch(ctx, "http://"+address+"/ocpi/versions", b.header(), b.program, "serve", "--party", ownParty,
		"--listen", address, "--api-listen", api, "--admin-listen", b.admin, "--data", data, "--log-level", "error")
	if err != nil {
		return err
	}
	base := "http://" + api + "/api/v1"
	alone, err := b.alone(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, alone.close(), b.stop()) }()
	for _, step := range []func(context.Context, string, string, *storeAlone) error{b.bulk, b.statuses, b.authorizations, b.listening} {
		if err := step(ctx, base, key, alone); err != nil {
			return err
		}
	}
	return nil
}

// operator makes a partner and a key for the operator's system.
func (b *bench) operator(ctx context.Context, data string) (key string, err error) {
	b.token = "benchmark-token"
	err = command(ctx, b.program, "partner", "add", "bench", "--party", partnerParty, "--role", "CPO", "--token", b.token, "--data", data)
	if err != nil {
		return "", err
	}
	out, err := output(ctx, b.program, "key", "add", "cpms", "--scope", "write", "--data", data)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1], err
}

// A storeAlone is the store without a node around it.
type storeAlone struct {
	data *node.Data
	db   *sqlite.DB
}

func (b *bench) alone(ctx context.Context) (*storeAlone, error) {
	data, err := node.OpenData(ctx, node.Config{Data: filepath.Join(b.folder, "alone"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, filepath.Join(b.folder, "alone.db"), sqlite.Options{})
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	return &storeAlone{data, db}, nil
}

func (s *storeAlone) close() error { return errors.Join(s.data.Close(), s.db.Close()) }

// write lets as many writers as there are clients write for a while.
func (b *bench) write(ctx context.Context, do func(n int) error) (load, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next, done atomic.Int64
	began := time.Now()
	var work sync.WaitGroup
	for range b.clients {
		work.Go(func() {
			for ctx.Err() == nil && time.Since(began) < b.duration {
				if err := do(int(next.Add(1)) - 1); err != nil {
					cancel(err)
					return
				}
				done.Add(1)
			}
		})
	}
	work.Wait()
	return load{rate: float64(done.Load()) / time.Since(began).Seconds()}, context.Cause(ctx)
}

// observed is generate, with a profile of the node beside it where that is wanted.
func (b *bench) observed(ctx context.Context, name string, clients int, next request) (load, error) {
	wrote := make(chan error, 1)
	if b.profile == "" {
		wrote <- nil
	} else {
		go func() { wrote <- b.profileNode(ctx, b.profile+"."+name) }()
	}
	l, err := b.generate(ctx, clients, 0, next)
	return l, errors.Join(err, <-wrote)
}

func (b *bench) profileNode(ctx context.Context, file string) error {
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", b.admin, max(1, int(b.duration.Seconds())-1))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, response.Body)
	return errors.Join(err, f.Close())
}

// bare is what a handler reaches that does nothing but write, called with the same requests.
func (b *bench) bare(ctx context.Context, clients int, body []byte) (rate float64, err error) {
	file := filepath.Join(b.folder, "answer.json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return 0, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	memory, err := launch(ctx, "http://"+address+"/", nil, self, "-serve-bytes", address+"="+file)
	if err != nil {
		return 0, err
	}
	l, err := b.generate(ctx, clients, 0, func(int) (string, string, []byte) {
		return http.MethodPost, memory.url, []byte(`{"status":"CHARGING"}`)
	})
	return l.rate, errors.Join(err, memory.stop())
}

// bulk stores all locations by one call.
func (b *bench) bulk(ctx context.Context, base, key string, alone *storeAlone) error {
	network := ocpitest.Network(operatorParty)
	file := filepath.Join(b.folder, "operating.jsonl")
	size, err := writeLines(file, b.locations, func(i int) any { l := network.Location(i + 1); return &l })
	if err != nil {
		return err
	}
	began := time.Now()
	for i := 0; i < b.locations; i += lineUp {
		var items []object.Item[v230.Location]
		for n := i; n < min(i+lineUp, b.locations); n++ {
			items = append(items, object.Item[v230.Location]{Party: operatorParty, Object: network.Location(n + 1)})
		}
		if _, err := alone.data.Objects.Locations.Put(ctx, items...); err != nil {
			return err
		}
	}
	limit := time.Since(began)
	took, err := upsert(ctx, base+"/locations/bulk", key, file, b.locations)
	if err != nil {
		return err
	}
	b.add(true, fmt.Sprintf("%d locations through the store alone, %d in a transaction", b.locations, lineUp), "", "%s", limit.Round(time.Millisecond))
	b.add(took < 30*time.Second*time.Duration(b.locations)/100_000, fmt.Sprintf("bulk upsert of %d locations through the backend API", b.locations),
		"under 30 s for 100,000", "%s, %.1fx of that (%d MB)", took.Round(time.Millisecond), took.Seconds()/limit.Seconds(), size>>20)
	return nil
}

func writeLines(file string, n int, object func(i int) any) (size int64, err error) {
	f, err := os.Create(file)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range n {
		raw, err := json.Marshal(object(i))
		if err != nil {
			return 0, err
		}
		size += int64(len(raw)) + 1
		_, _ = w.Write(append(raw, '\n')) // Flush tells
	}
	return size, errors.Join(w.Flush(), f.Close())
}

// upsert sends a file to the node and sees to it that each line was stored.
func upsert(ctx context.Context, url, key, file string, lines int) (took time.Duration, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, f)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	began := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	created := 0
	for results := bufio.NewScanner(response.Body); results.Scan(); {
		if !bytes.Contains(results.Bytes(), []byte(`"result":"created"`)) {
			return 0, fmt.Errorf("POST %s: %s: %s", url, response.Status, results.Bytes())
		}
		created++
	}
	if created != lines {
		return 0, fmt.Errorf("POST %s: %d of %d lines were stored", url, created, lines)
	}
	return time.Since(began), nil
}

// A place is an EVSE whose status changes.
type place struct {
	location ocpi.Key
	evse     string
}

func (b *bench) places() (places []place) {
	network := ocpitest.Network(operatorParty)
	for i := range min(b.locations, 20_000) {
		l := network.Location(i + 1)
		for _, evse := range l.EVSEs[:min(1, len(l.EVSEs))] {
			places = append(places, place{ocpi.Key{Party: operatorParty, ID: string(l.ID)}, string(evse.UID)})
		}
	}
	return places
}

// turn is the nth change of a place among so many: never the status it has.
func turn(n, places int) (i int, status v230.Status) {
	statuses := []v230.Status{v230.StatusBlocked, v230.StatusInoperative, v230.StatusReserved}
	return n % places, statuses[n/places%len(statuses)]
}

// statusOf makes the requests that change statuses, from number first on.
func statusOf(base string, places []place, first int) request {
	return func(n int) (string, string, []byte) {
		i, status := turn(first+n, len(places))
		return http.MethodPost, base + "/evses/" + places[i].evse + "/status", []byte(`{"status":"` + string(status) + `"}`)
	}
}

func (b *bench) statuses(ctx context.Context, base, key string, alone *storeAlone) error {
	places := b.places()
	var limit, empty, rate float64
	var l load
	const rounds = 2
	b.key = key
	defer func() { b.key = "" }()
	began := time.Now()
	method, url, body := statusOf(base, places, 0)(0)
	if err := b.send(ctx, http.DefaultClient, method, url, body); err != nil {
		return err
	}
	b.add(true, "the first status change after a start, for which the node finds out where each EVSE is", "", "%s", time.Since(began).Round(time.Millisecond))
	done := 1
	for range rounds {
		bare, err := b.bare(ctx, b.clients, []byte(`{"location":"DE/ROA/LOC1000","evse":"LOC1000-1","status":"CHARGING","last_updated":"2026-01-02T15:04:05Z","changed":true}`))
		if err != nil {
			return err
		}
		first := done
		own, err := b.write(ctx, func(n int) error {
			i, status := turn(first+n, len(places))
			_, _, err := alone.data.Objects.SetStatus(ctx, places[i].location, places[i].evse, status, time.Now())
			return err
		})
		if err != nil {
			return err
		}
		if l, err = b.observed(ctx, "status", b.clients, statusOf(base, places, first)); err != nil {
			return err
		}
		done += max(len(l.latencies), int(own.rate*b.duration.Seconds())) + b.clients
		limit, empty, rate = limit+own.rate/rounds, empty+bare/rounds, rate+l.rate/rounds
	}
	b.add(true, fmt.Sprintf("the same changes through the store alone, %d writers", b.clients), "", "%.0f/s", limit)
	b.add(true, fmt.Sprintf("a bare handler with the same answer, %d clients", b.clients), "", "%.0f/s", empty)
	// Where both take turns on the same processors, the times of the two add up.
	together := 1 / (1/limit + 1/empty)
	b.add(rate >= 3000, fmt.Sprintf("status changes through the backend API, durable, %d clients", b.clients), "3,000/s",
		"%.0f/s, %.0f %% of %.0f/s, which is both one after the other; p50 %s, p99 %s", rate, 100*rate/together, together, l.percentile(50), l.percentile(99))
	return nil
}

// authorizations has a CPO ask about tokens of ours.
func (b *bench) authorizations(ctx context.Context, base, key string, alone *storeAlone) error {
	sample := ocpitest.Sample{CPO: ocpi.NewParty("NL", "PTN"), EMSP: operatorParty, At: time.Now()}
	token := sample.Tokens()[0]
	for _, t := range sample.Tokens() {
		if t.Type == v230.TokenTypeRFID && t.Valid {
			token = t
		}
	}
	uid := func(i int) string { return fmt.Sprintf("CARD%05d", i%drivers) }
	file := filepath.Join(b.folder, "tokens.jsonl")
	_, err := writeLines(file, drivers, func(i int) any {
		t := token
		t.UID, t.ContractID = ocpi.CiString(uid(i)), ocpi.CiString(fmt.Sprintf("DE-ROA-C%08d-X", i))
		return &t
	})
	if err != nil {
		return err
	}
	if _, err := upsert(ctx, base+"/tokens/bulk", key, file, drivers); err != nil {
		return err
	}
	ask := func(n int) (string, string, []byte) {
		return http.MethodPost, b.at("/emsp/2.1.1/tokens/" + uid(n*7919) + "/authorize"), nil
	}
	answer, err := b.answered(ctx, ask)
	if err != nil {
		return err
	}
	if !bytes.Contains(answer, []byte(`"ALLOWED"`)) {
		return fmt.Errorf("the driver may not charge: %s", answer)
	}
	bare, err := b.bare(ctx, askers, answer)
	if err != nil {
		return err
	}
	event := store.Event{Type: "authorization.asked", Subject: "tokens/" + uid(1), Partner: "bench", Module: ocpi.ModuleTokens, Data: bytes.Repeat([]byte("1"), 200)}
	own, err := b.write(ctx, func(int) error {
		return alone.db.Write(ctx, func(tx store.Tx) error { return tx.Emit(event) })
	})
	if err != nil {
		return err
	}
	l, err := b.observed(ctx, "authorize", askers, ask)
	if err != nil {
		return err
	}
	together := 1 / (1/own.rate + 1/bare)
	b.add(true, fmt.Sprintf("an event written to the store alone, %d writers", b.clients), "", "%.0f/s", own.rate)
	b.add(true, fmt.Sprintf("a bare handler with the same answer of %d bytes, %d clients", len(answer), askers), "", "%.0f/s", bare)
	p99 := l.percentile(99)
	b.add(l.rate >= 5000 && p99 < 20*time.Millisecond, fmt.Sprintf("authorization answered from the store, and told as an event, %d clients", askers),
		"5,000/s; p99 under 20 ms", "%.0f/s, %.0f %% of %.0f/s, which is both one after the other; p50 %s, p99 %s", l.rate, 100*l.rate/together, together, l.percentile(50), p99)
	return nil
}

// answered is the answer to the first request of a load.
func (b *bench) answered(ctx context.Context, next request) ([]byte, error) {
	method, url, body := next(0)
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header = b.header()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, url, response.Status, answer)
	}
	return answer, err
}
