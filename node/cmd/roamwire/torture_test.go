package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/roamwire/roamwire/node"
	"github.com/roamwire/roamwire/node/object"
	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpitest"
	"github.com/roamwire/roamwire/ocpi/v230"
)

// tortureKills is the variable that says how many kills there are; "make torture" sets it.
const tortureKills = "ROAMWIRE_TORTURE_KILLS"

// Two nodes are killed at random and started again, and the network between them is cut, while a writer changes objects of
// the CPO. At the end every change that was acknowledged is at the eMSP as it was last written, every CDR is there, and no
// lane is stuck (house rules 5 and 6).
func TestTorture(t *testing.T) {
	kills := 6
	if n, err := strconv.Atoi(os.Getenv(tortureKills)); err == nil {
		kills = n
	} else if testing.Short() {
		kills = 2
	}
	folder := t.TempDir()
	cpo := newVictim(t, folder, "cpo", "NL/GPE", "CPO")
	emsp := newVictim(t, folder, "emsp", "DE/GWH", "EMSP")
	cpo.start(t)
	emsp.start(t)
	pair(t, cpo, emsp)

	data, err := node.OpenData(t.Context(), node.Config{Data: cpo.data, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	w := newWriter(t, data)
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() { w.run(t, stop) })
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
	close(stop)
	writing.Wait()
	w.settled(t)
	w.compare(t, "emsp")
	t.Logf("%d kills, %d cuts of the network, %d changes acknowledged, %d of them CDRs: all there", killed, cuts, w.count(), len(w.cdrs))
}

// A victim is a node in a process of its own, behind a cable that can be cut.
type victim struct {
	program, data, listen, party, role string
	cable                              *cable
	process                            *exec.Cmd
}

func newVictim(t *testing.T, folder, name, party, role string) *victim {
	t.Helper()
	bin := filepath.Join(folder, "bin-"+name)
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{program: program(t, bin), data: filepath.Join(folder, name), listen: l.Addr().String(), party: party, role: role}
	l.Close()
	v.cable = newCable(t, v.listen)
	t.Cleanup(func() {
		if v.process != nil {
			_ = v.process.Process.Kill()
			_ = v.process.Wait()
		}
	})
	return v
}

func (v *victim) start(t *testing.T) {
	t.Helper()
	v.process = exec.Command(v.program, "serve", "--data", v.data, "--listen", v.listen, "--public-url", v.cable.url(),
		"--party", v.party, "--role", v.role, "--allow-private", "--admin-listen", "")
	if os.Getenv(tortureKills) == "" {
		v.process.Stderr = nil
	}
	if err := v.process.Start(); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if c, err := net.Dial("tcp", v.listen); err == nil {
			c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the node does not start")
}

func (v *victim) kill(t *testing.T) {
	t.Helper()
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

// A cable carries connections to an address, until it is cut.
type cable struct {
	listener net.Listener
	to       string
	mu       sync.Mutex
	until    time.Time
	open     map[net.Conn]bool
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &cable{listener: l, to: to, open: map[net.Conn]bool{}}
	t.Cleanup(func() { l.Close() })
	go w.carry()
	return w
}

func (w *cable) url() string { return "http://" + w.listener.Addr().String() }

func (w *cable) carry() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		isCut := time.Now().Before(w.until)
		w.mu.Unlock()
		out, err := net.Dial("tcp", w.to)
		if isCut || err != nil {
			in.Close()
			if err == nil {
				out.Close()
			}
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

// cut breaks every connection, and lets none through for a while.
func (w *cable) cut(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until = time.Now().Add(d)
	for c := range w.open {
		c.Close()
	}
}

// A writer changes objects of the CPO, and remembers what was acknowledged.
type writer struct {
	data     *node.Data
	sample   ocpitest.Sample
	at       time.Time
	mu       sync.Mutex
	changes  int
	statuses map[string]v230.Status // by location and EVSE
	kwh      ocpi.Number
	cdrs     []string
}

func newWriter(t *testing.T, data *node.Data) *writer {
	t.Helper()
	w := &writer{
		data: data, sample: ocpitest.Sample{CPO: ocpi.NewParty("NL", "GPE"), EMSP: ocpi.NewParty("DE", "GWH"), At: time.Now().Add(-24 * time.Hour)},
		at: time.Now().Add(-23 * time.Hour), statuses: map[string]v230.Status{},
	}
	var items []object.Item[v230.Location]
	for _, l := range w.sample.Locations() {
		items = append(items, object.Item[v230.Location]{Party: w.sample.CPO, Object: l})
	}
	if _, err := data.Objects.Locations.Put(t.Context(), items...); err != nil {
		t.Fatal(err)
	}
	if _, err := data.Objects.Sessions.Put(t.Context(), object.Item[v230.Session]{Party: w.sample.CPO, Object: w.sample.ActiveSession()}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *writer) run(t *testing.T, stop <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-time.After(5 * time.Millisecond):
		}
		if err := w.change(context.Background(), n); err != nil {
			t.Errorf("a write failed: %v", err)
			return
		}
		w.mu.Lock()
		w.changes++
		w.mu.Unlock()
	}
}

func (w *writer) change(ctx context.Context, n int) error {
	w.at = w.at.Add(time.Second)
	switch {
	case n%20 == 7:
		cdr := w.sample.CDR(1)
		cdr.ID = ocpi.CiString(fmt.Sprintf("CDR-%d", n))
		if _, err := w.data.Objects.CDRs.Put(ctx, object.Item[v230.CDR]{Party: w.sample.CPO, Object: cdr}); err != nil {
			return err
		}
		w.cdrs = append(w.cdrs, string(cdr.ID))
		return nil
	case n%5 == 3:
		kwh := ocpi.NumberOf(int64(n))
		err := w.data.Objects.Sessions.Update(ctx, ocpi.Key{Party: w.sample.CPO, ID: string(w.sample.ActiveSession().ID)}, func(s *v230.Session) error {
			s.KWh, s.LastUpdated = kwh, ocpi.NewDateTime(w.at).Truncate()
			return nil
		})
		if err == nil {
			w.kwh = kwh
		}
		return err
	}
	locations := w.sample.Locations()
	l := locations[rand.N(len(locations))]
	if len(l.EVSEs) == 0 {
		return nil
	}
	evse := l.EVSEs[rand.N(len(l.EVSEs))]
	status := []v230.Status{v230.StatusAvailable, v230.StatusCharging, v230.StatusBlocked, v230.StatusOutOfOrder}[rand.N(4)]
	err := w.data.Objects.SetStatus(ctx, ocpi.Key{Party: w.sample.CPO, ID: string(l.ID)}, string(evse.UID), status, w.at)
	if err == nil {
		w.statuses[string(l.ID)+"/"+string(evse.UID)] = status
	}
	return err
}

func (w *writer) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changes
}

// settled waits until no lane has anything before it.
func (w *writer) settled(t *testing.T) {
	t.Helper()
	for range 1200 {
		lanes, err := w.data.Pushes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		busy := false
		for _, lane := range lanes {
			if len(lane.Parked) > 0 {
				t.Fatalf("parked: %+v", lane.Parked)
			}
			busy = busy || lane.Backlog > 0 || len(lane.Held) > 0
		}
		if !busy {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	lanes, _ := w.data.Pushes(t.Context())
	t.Fatalf("stuck: %+v", lanes)
}

// compare asks the eMSP what it has.
func (w *writer) compare(t *testing.T, partner string) {
	t.Helper()
	h, err := w.data.Registration(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client, err := h.Client(t.Context(), partner)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range w.sample.Locations() {
		got, err := client.EMSP().Locations.Get(t.Context(), ocpi.Key{Party: w.sample.CPO, ID: string(l.ID)})
		if err != nil {
			t.Error(err)
			continue
		}
		for _, evse := range got.EVSEs {
			if want, ok := w.statuses[string(l.ID)+"/"+string(evse.UID)]; ok && evse.Status != want {
				t.Errorf("%s/%s is %s there, and was last written %s", l.ID, evse.UID, evse.Status, want)
			}
		}
	}
	session, err := client.EMSP().Sessions.Get(t.Context(), ocpi.Key{Party: w.sample.CPO, ID: string(w.sample.ActiveSession().ID)})
	if err != nil || !session.KWh.Equal(w.kwh) {
		t.Errorf("the session has %s kWh there, and was last written with %s: %v", session.KWh, w.kwh, err)
	}
	for _, id := range w.cdrs {
		if _, _, err := client.EMSP().CDRs.Find(t.Context(), ocpi.Key{Party: w.sample.CPO, ID: id}); err != nil {
			t.Errorf("CDR %s: %v", id, err)
		}
	}
}
