// Command bench measures the node against the limits it is built for, all in one run: pages against a handler that
// writes the same bytes from memory, durable writes, memory and start. It builds the node, fills it, and calls it over
// loopback as a partner would.
//
//	go run ./node/bench            # 100,000 locations, some minutes
//	go run ./node/bench -short     # 5,000 locations, to see that it works; the figures mean little
//	go run ./node/bench -away 1h   # what a partner gets that was away for an hour
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"time"
)

type options struct {
	locations int
	received  int
	clients   int
	readers   int
	duration  time.Duration
	data      string
	serve     string
	keep      bool
	moving    bool
	fanout    bool
	operating bool
	onlyPages bool
	pricing   bool
	away      time.Duration
	profile   string
}

func main() {
	var o options
	short := flag.Bool("short", false, "a small run that only shows that everything works")
	flag.IntVar(&o.locations, "locations", 100_000, "locations stored, with three EVSEs each")
	flag.IntVar(&o.received, "received", 20_000, "locations a partner has pushed")
	flag.IntVar(&o.clients, "clients", 64, "clients that write at once")
	flag.IntVar(&o.readers, "readers", 8, "clients that read pages at once")
	flag.DurationVar(&o.duration, "duration", 5*time.Second, "time for each measurement")
	flag.StringVar(&o.data, "data", "../shared/data", "folder with real locations; generated ones are used where it is missing")
	flag.StringVar(&o.serve, "serve-bytes", "", "used by the benchmark itself: serve this file from memory")
	flag.BoolVar(&o.moving, "moving", false, "only what moves between nodes")
	flag.BoolVar(&o.fanout, "fanout", false, "only what is pushed to many partners")
	flag.BoolVar(&o.operating, "operating", false, "only what the operator's own systems do")
	flag.BoolVar(&o.onlyPages, "pages", false, "only pages, in each version of OCPI")
	flag.BoolVar(&o.pricing, "pricing", false, "only what CDRs cost to price and to check")
	flag.DurationVar(&o.away, "away", 0, "only a partner that is back after this time; in the other runs it is away for as long as the changes take")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a profile of this process to a file, for what runs in it: -moving and -fanout; with -operating, profiles of the node to files that begin so")
	flag.BoolVar(&o.keep, "keep", false, "keep the data folder")
	flag.Parse()
	if *short {
		o.locations, o.received, o.duration = 5_000, 1_000, time.Second
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	run := measure
	if o.serve != "" {
		run = serveBytes
	}
	if err := run(ctx, o, os.Stdout); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

// measure makes all measurements and prints them.
func measure(ctx context.Context, o options, out io.Writer) (err error) {
	folder, err := os.MkdirTemp("", "roamwire-bench-")
	if err != nil {
		return err
	}
	if o.keep {
		fmt.Fprintln(out, "data in", folder)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	}
	b := &bench{options: o, out: out, folder: folder, program: filepath.Join(folder, "roamwire")}
	steps := []func(context.Context) error{
		b.build, b.fill, b.start, b.ready, b.pages, b.versions, b.lastPage, b.puts, b.patches, b.memory, b.restart, b.exchanges, b.operate,
		b.billing, b.betweenNodes, b.toMany, b.back,
	}
	if o.moving {
		steps = []func(context.Context) error{b.betweenNodes, b.toMany, b.back}
	}
	if o.fanout {
		steps = []func(context.Context) error{b.toMany, b.back}
	}
	if o.operating {
		steps = []func(context.Context) error{b.build, b.operate}
	}
	if o.onlyPages {
		steps = []func(context.Context) error{b.build, b.fill, b.start, b.ready, b.pages, b.versions}
	}
	if o.pricing {
		steps = []func(context.Context) error{b.build, b.billing}
	}
	if o.away > 0 {
		steps = []func(context.Context) error{b.back}
	}
	file := o.profile
	if o.operating {
		file = "" // the node is another process
	}
	stopProfile, err := profiled(file)
	if err != nil {
		return err
	}
	defer stopProfile()
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return errors.Join(err, b.stop())
		}
	}
	b.report()
	return b.stop()
}

// profiled begins a profile that stop ends; without a file there is none.
func profiled(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}

// A bench is one run.
type bench struct {
	options
	out     io.Writer
	folder  string
	program string

	token string
	// key is for the backend API; while it is set, requests go there.
	key string
	// admin is where the node serves metrics and profiles.
	admin     string
	documents [][]byte
	node      *process
	rows      []row
}

// A row is one line of the result.
type row struct {
	what, measured, limit string
	ok                    bool
}

func (b *bench) add(ok bool, what, limit, format string, args ...any) {
	r := row{what: what, measured: fmt.Sprintf(format, args...), limit: limit, ok: ok}
	b.rows = append(b.rows, r)
	fmt.Fprintf(b.out, "  %s: %s\n", r.what, r.measured)
}

func (b *bench) report() {
	fmt.Fprintf(b.out, "\n%d locations with %d EVSEs stored, %d more pushed by a partner, %d CPUs\n\n| | measured | must reach | |\n|---|---|---|---|\n",
		b.locations, 3*b.locations, b.received, cpus())
	for _, r := range b.rows {
		verdict := "reached"
		if !r.ok {
			verdict = "MISSED"
		}
		if r.limit == "" {
			verdict = ""
		}
		fmt.Fprintf(b.out, "| %s | %s | %s | %s |\n", r.what, r.measured, r.limit, verdict)
	}
}

func (b *bench) build(ctx context.Context) error {
	fmt.Fprintln(b.out, "building the node")
	return command(ctx, "go", "build", "-o", b.program, "./node/cmd/roamwire")
}

func command(ctx context.Context, name string, args ...string) error {
	_, err := output(ctx, name, args...)
	return err
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return string(out), nil
}
