package main

import (
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/ocpi"
)

// tortureKills is the variable that says how many kills there are; "make torture" sets it.
const tortureKills = "ROAMWIRE_TORTURE_KILLS"

// Two nodes are killed at random and started again, and the network between them is cut, while a writer changes objects of
// both, an app sends commands, and an endpoint hears events. At the end each object is on the other side as it was last
// written, every CDR was taken once, no lane is stuck (house rules 5 and 6), every command has its end, and the endpoint has
// heard everything.
func TestTorture(t *testing.T) {
	for _, version := range []ocpi.Version{ocpi.V211, ocpi.V230} {
		t.Run(string(version), func(t *testing.T) { torture(t, version) })
	}
}

func torture(t *testing.T, version ocpi.Version) {
	kills := 4
	if n, err := strconv.Atoi(os.Getenv(tortureKills)); err == nil {
		kills = n
	} else if testing.Short() {
		kills = 2
	}
	folder := t.TempDir()
	cpo := newVictim(t, folder, "cpo", "NL/GPE", "CPO")
	emsp := newVictim(t, folder, "emsp", "DE/GWH", "EMSP")
	cpo.version, emsp.version = version, version
	cpo.start(t)
	emsp.start(t)
	pair(t, cpo, emsp)

	w := newWriter(t, cpo.open(t), emsp.open(t))
	o := newOperators(t, cpo, emsp)
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() { w.run(t, stop) })
	writing.Go(func() { o.run(w, stop) })
	o.sending(t, 3)
	killed, cuts := 0, 0
	for killed < kills {
		time.Sleep(100*time.Millisecond + rand.N(400*time.Millisecond))
		victim := []*victim{cpo, emsp}[rand.N(2)]
		if rand.N(3) == 0 {
			cuts++
			victim.cable.cut(rand.N(500 * time.Millisecond))
			continue
		}
		killed++
		victim.kill(t)
		time.Sleep(rand.N(300 * time.Millisecond))
		victim.start(t)
		if killed%10 == 0 {
			t.Logf("%d kills, %d cuts, %d changes acknowledged", killed, cuts, w.count())
		}
	}
	o.sending(t, 3)
	close(stop)
	writing.Wait()
	w.settled(t)
	w.compare(t)
	o.settled(t)
	o.compare(t)
	t.Logf("      (%d connections to the CPO were taken and closed by what is before it)", cpo.cable.drops())
	o.heardAll(t)
	emsp.kill(t)
	w.countPosts(t, emsp.data)
	result := "all there as last written"
	if t.Failed() {
		result = "not all is there"
	}
	t.Logf("%d kills, %d cuts of the network, %d changes acknowledged, %s: %s", killed, cuts, w.count(), w.summary(), result)
}

// A victim is a node in a process of its own, behind a cable that can be cut.
type victim struct {
	program, data, listen, api, party, role string
	version                                 ocpi.Version
	cable                                   *cable
	process                                 *exec.Cmd
	// log is what its processes have logged, which is shown where the test fails.
	log *os.File
}

func newVictim(t *testing.T, folder, name, party, role string) *victim {
	t.Helper()
	bin := filepath.Join(folder, "bin-"+name)
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	v := &victim{program: program(t, bin), data: filepath.Join(folder, name), listen: freeAddress(t), api: freeAddress(t), party: party, role: role}
	v.cable = newCable(t, v.listen)
	log, err := os.Create(v.data + ".log")
	if err != nil {
		t.Fatal(err)
	}
	v.log = log
	t.Cleanup(func() {
		if v.process != nil {
			_ = v.process.Process.Kill()
			_ = v.process.Wait()
		}
		_ = log.Close()
		if logged, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			const most = 20_000
			t.Logf("the %s has logged, in the end:\n%s", name, logged[max(0, len(logged)-most):])
		}
	})
	return v
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (v *victim) start(t *testing.T) {
	t.Helper()
	v.process = exec.Command(v.program, "serve", "--data", v.data, "--listen", v.listen, "--api-listen", v.api, "--public-url", v.cable.url(),
		"--party", v.party, "--role", v.role, "--versions", string(v.version), "--allow-private", "--admin-listen", "", "--cdr-settle", "2s",
		"--command-answer-within", "1s", "--command-default", "START_SESSION=ACCEPTED", "--command-result-within", "8s", "--command-timeout", "20s")
	v.process.Stderr = v.log
	if err := v.process.Start(); err != nil {
		t.Fatal(err)
	}
	for range 500 { // it listens before it serves
		if response, err := http.Get("http://" + v.listen + "/ocpi/versions"); err == nil {
			response.Body.Close()
			v.cable.arrive()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the node does not start")
}

// open opens the node's data beside it, as commands do.
func (v *victim) open(t *testing.T) *node.Data {
	t.Helper()
	data, err := node.OpenData(t.Context(), node.Config{Data: v.data, Versions: []ocpi.Version{v.version}, Logger: slog.New(slog.DiscardHandler), AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { data.Close() })
	return data
}

func (v *victim) kill(t *testing.T) {
	t.Helper()
	v.cable.leave()
	if err := v.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = v.process.Wait() // it was killed
}

// pair registers the eMSP with the CPO.
func pair(t *testing.T, cpo, emsp *victim) {
	t.Helper()
	out := command(t, cpo.program, "partner", "invite", "emsp", "--data", cpo.data)
	token := regexp.MustCompile(`token A +(\S+)`).FindStringSubmatch(out)[1]
	command(t, emsp.program, "partner", "register", "cpo", "--url", cpo.cable.url()+"/ocpi/cpo/versions", "--token-a", token, "--data", emsp.data)
}

func command(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
	return string(out)
}

// A cable carries connections to an address, until it is cut. While the node at its end is away it refuses them as the node's
// machine would, or now and then takes and closes them as a proxy before the node may.
type cable struct {
	address, to string
	mu          sync.Mutex
	listener    net.Listener
	// away and cuts are why nothing gets through.
	away, proxy bool
	cuts        int
	// dropped are how many connections were taken and closed.
	dropped int
	open    map[net.Conn]bool
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	w := &cable{address: freeAddress(t), to: to, open: map[net.Conn]bool{}}
	w.set(func() { w.away = true })
	t.Cleanup(func() { w.set(func() { w.away, w.proxy = true, false }) })
	return w
}

func (w *cable) url() string { return "http://" + w.address }

// set changes what is between the ends, and listens or does not.
func (w *cable) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
	listens := w.cuts == 0 && (!w.away || w.proxy)
	switch {
	case listens && w.listener == nil:
		for range 100 { // the address may be taken for a moment, by a connection to elsewhere
			l, err := net.Listen("tcp", w.address)
			if err == nil {
				w.listener = l
				go w.carry(l)
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	case !listens && w.listener != nil:
		w.listener.Close()
		w.listener = nil
	}
}

// leave is called before the node goes away, arrive when it is there.
func (w *cable) leave()  { w.set(func() { w.away, w.proxy = true, rand.N(20) == 0 }) }
func (w *cable) arrive() { w.set(func() { w.away = false }) }

func (w *cable) carry(l net.Listener) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", w.to)
		if err != nil {
			in.Close()
			w.mu.Lock()
			w.dropped++
			w.mu.Unlock()
			continue
		}
		w.mu.Lock()
		w.open[in], w.open[out] = true, true
		w.mu.Unlock()
		go w.pipe(in, out)
		go w.pipe(out, in)
	}
}

func (w *cable) pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	to.Close()
	from.Close()
	w.mu.Lock()
	delete(w.open, from)
	w.mu.Unlock()
}

func (w *cable) drops() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped
}

// cut breaks every connection, and lets none through for a while.
func (w *cable) cut(d time.Duration) {
	w.set(func() {
		w.cuts++
		for c := range w.open {
			c.Close()
		}
	})
	time.AfterFunc(d, func() { w.set(func() { w.cuts-- }) })
}
