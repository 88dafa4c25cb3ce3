package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const pageSize = 50

func (b *bench) start(ctx context.Context) error {
	var err error
	b.node, err = b.launchNode(ctx)
	return err
}

func (b *bench) launchNode(ctx context.Context, flags ...string) (*process, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	if b.admin, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	return launch(ctx, "http://"+address+"/ocpi/versions", b.header(), b.program, append([]string{
		"serve", "--party", ownParty, "--listen", address, "--admin-listen", b.admin, "--api-listen", "", "--data", b.dataFolder(), "--log-level", "warn"},
		flags...)...)
}

func (b *bench) header() http.Header { return http.Header{"Authorization": {"Token " + b.token}} }

func (b *bench) stop() error {
	if b.node == nil {
		return nil
	}
	err := b.node.stop()
	b.node = nil
	return err
}

func (b *bench) at(path string) string { return strings.TrimSuffix(b.node.url, "/versions") + path }

func (b *bench) firstPage() string {
	return b.at(fmt.Sprintf("/cpo/2.1.1/locations?limit=%d", pageSize))
}

// get reads a page and where the next one is.
func (b *bench) get(ctx context.Context, client *http.Client, url string) (body []byte, next string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	request.Header = b.header()
	response, err := client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("GET %s: %s", url, response.Status)
	}
	body, err = io.ReadAll(response.Body)
	next, _, _ = strings.Cut(strings.TrimPrefix(response.Header.Get("Link"), "<"), ">")
	return body, next, err
}

// pages compares pages of the node with the same bytes from memory, each measured twice in turn.
func (b *bench) pages(ctx context.Context) error {
	fmt.Fprintln(b.out, "pages")
	body, _, err := b.get(ctx, http.DefaultClient, b.firstPage())
	if err != nil {
		return err
	}
	file := filepath.Join(b.folder, "page.json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	memory, err := launch(ctx, "http://"+address+"/", nil, self, "-serve-bytes", address+"="+file)
	if err != nil {
		return err
	}
	started := time.Now()
	links, err := b.crawl(ctx, b.firstPage())
	if err != nil {
		return errors.Join(err, memory.stop())
	}
	b.add(true, "one client pulls everything", "", "%d pages in %s", len(links), time.Since(started).Round(time.Millisecond))
	var limit, first, anywhere float64
	for range 2 {
		for _, m := range []struct {
			sum *float64
			url request
		}{
			{&limit, func(int) (string, string, []byte) { return http.MethodGet, memory.url, nil }},
			{&first, func(int) (string, string, []byte) { return http.MethodGet, b.firstPage(), nil }},
			{&anywhere, func(int) (string, string, []byte) { return http.MethodGet, links[rand.IntN(len(links))], nil }},
		} {
			l, err := b.generate(ctx, b.readers, 0, m.url)
			if err != nil {
				return errors.Join(err, memory.stop())
			}
			*m.sum += l.rate / 2
		}
	}
	b.add(true, fmt.Sprintf("the same %d kB from memory", len(body)/1000), "", "%.0f/s", limit)
	b.add(first >= limit/2, "GET the first page of 50 locations", "at least half of that", "%.0f/s, %.0f %%", first, 100*first/limit)
	b.add(true, fmt.Sprintf("GET any of %d pages", len(links)), "", "%.0f/s, %.0f %%", anywhere, 100*anywhere/limit)
	return memory.stop()
}

// crawl follows Link from a first page to the end and returns the URLs of all pages.
func (b *bench) crawl(ctx context.Context, first string) ([]string, error) {
	client := newClient(1)
	defer client.CloseIdleConnections()
	var links []string
	for link := first; link != ""; {
		links = append(links, link)
		_, next, err := b.get(ctx, client, link)
		if err != nil {
			return nil, err
		}
		link = next
	}
	if want := (b.locations + pageSize - 1) / pageSize; len(links) != want {
		return nil, fmt.Errorf("the list has %d pages, it should have %d", len(links), want)
	}
	return links, nil
}

// lastPage compares the page at the end of the links with the one at their start, one request at a time, in turn. Each
// asks for a page of another size, so that none is remembered from before.
func (b *bench) lastPage(ctx context.Context) error {
	client := newClient(1)
	defer client.CloseIdleConnections()
	cursor := ""
	for link := b.firstPage(); link != ""; {
		_, next, err := b.get(ctx, client, link)
		if err != nil {
			return err
		}
		if u, err := url.Parse(next); err == nil && u.Query().Get("offset") == fmt.Sprint((b.locations-1)/pageSize*pageSize) {
			cursor = u.Query().Get("cursor")
		}
		link = next
	}
	if cursor == "" {
		return fmt.Errorf("no Link leads to the last page")
	}
	var first, last []time.Duration
	for size := 1; size < pageSize; size++ {
		for _, m := range []struct {
			times *[]time.Duration
			url   string
		}{
			{&first, b.at(fmt.Sprintf("/cpo/2.1.1/locations?limit=%d", size))},
			{&last, b.at(fmt.Sprintf("/cpo/2.1.1/locations?limit=%d&offset=1&cursor=%s", size, cursor))},
		} {
			begun := time.Now()
			if _, _, err := b.get(ctx, client, m.url); err != nil {
				return err
			}
			*m.times = append(*m.times, time.Since(begun))
		}
	}
	sum := func(times []time.Duration) (total time.Duration) {
		for _, t := range times {
			total += t
		}
		return total
	}
	ratio := float64(sum(last)) / float64(sum(first))
	b.add(ratio <= 1.5, "the last page, reached by Link", "within 1.5x of the first", "%.2fx (%s and %s, mean of pages of 1 to 49 that are not remembered)", ratio,
		(sum(last) / (pageSize - 1)).Round(time.Microsecond), (sum(first) / (pageSize - 1)).Round(time.Microsecond))
	return nil
}

// received is the path of a location that the partner pushed, and its body.
func (b *bench) pushed(n int) (path string, body []byte) {
	document := b.documents[n%len(b.documents)]
	id := fmt.Sprintf("P%d", n)
	_, rest, _ := strings.Cut(string(document), ",")
	return b.at("/emsp/2.1.1/locations/" + partnerParty + "/" + id), []byte(`{"id":"` + id + `",` + rest)
}

func (b *bench) puts(ctx context.Context) error {
	fmt.Fprintln(b.out, "writes")
	create, err := b.generate(ctx, b.clients, b.received, func(n int) (string, string, []byte) {
		path, body := b.pushed(n)
		return http.MethodPut, path, body
	})
	if err != nil {
		return err
	}
	b.add(create.rate >= 2000, fmt.Sprintf("PUT of a new location, durable, %d clients", b.clients), "2,000/s",
		"%.0f/s, p50 %s, p99 %s", create.rate, create.percentile(50), create.percentile(99))
	replace, err := b.generate(ctx, b.clients, 0, func(int) (string, string, []byte) {
		path, body := b.pushed(rand.IntN(b.received))
		return http.MethodPut, path, body
	})
	if err != nil {
		return err
	}
	b.add(replace.rate >= 2000, fmt.Sprintf("PUT of a known location, durable, %d clients", b.clients), "2,000/s",
		"%.0f/s, p50 %s, p99 %s", replace.rate, replace.percentile(50), replace.percentile(99))
	return nil
}

func (b *bench) patches(ctx context.Context) error {
	l, err := b.generatePatches(ctx)
	if err != nil {
		return err
	}
	p99 := l.percentile(99)
	b.add(l.rate >= 3000 && p99 < 50*time.Millisecond, fmt.Sprintf("PATCH of an EVSE status, durable, %d clients", b.clients),
		"3,000/s; p99 under 50 ms", "%.0f/s, p50 %s, p99 %s", l.rate, l.percentile(50), p99)
	return nil
}

func (b *bench) generatePatches(ctx context.Context) (load, error) {
	statuses := []string{"AVAILABLE", "CHARGING", "BLOCKED", "OUTOFORDER"}
	uids, err := b.uids()
	if err != nil {
		return load{}, err
	}
	return b.generate(ctx, b.clients, 0, func(n int) (string, string, []byte) {
		k := rand.IntN(b.received)
		path, _ := b.pushed(k)
		body := fmt.Sprintf(`{"status":%q,"last_updated":%q}`, statuses[n%len(statuses)], time.Now().UTC().Format(time.RFC3339))
		return http.MethodPatch, path + "/" + url.PathEscape(uids[k%len(uids)]), []byte(body)
	})
}

func (b *bench) memory(context.Context) error {
	now, peak, err := b.node.resident()
	if err != nil {
		return err
	}
	b.add(peak < 190, "memory with all that stored", "under 200 MB resident", "%d MiB, at most %d MiB", now, peak) // 190 MiB are 199 MB
	return nil
}

// restart stops the node and starts it on the data it has.
func (b *bench) restart(ctx context.Context) error {
	if err := b.stop(); err != nil {
		return err
	}
	var err error
	if b.node, err = b.launchNode(ctx); err != nil {
		return err
	}
	b.add(b.node.took < time.Second, "start with all that stored", "under 1 s", "%s until the first answer", b.node.took.Round(time.Millisecond))
	return nil
}

// serveBytes is the limit pages are compared with: net/http and one Write.
func serveBytes(ctx context.Context, o options, _ io.Writer) error {
	address, file, _ := strings.Cut(o.serve, "=")
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return (&http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body) // the client measures
	})}).Serve(l)
}
