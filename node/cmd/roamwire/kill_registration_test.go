package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// A kill of the process at any step of registration and rotation, in either role, is recovered from: by the node alone,
// or by the one command that its state asks for. Then both sides can call each other, with one token each.
func TestKilledAtAnyStepOfRegistration(t *testing.T) {
	const atOnce = 10
	kill := program(t, t.TempDir())
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for _, kind := range []string{"registering", "rotating"} {
		for direction, steps := range map[string]int{"out": 8, "in": 6} {
			for step := 1; step <= steps; step++ {
				if testing.Short() && step%3 != 0 {
					continue
				}
				all.Go(func() {
					slots <- struct{}{}
					defer func() { <-slots }()
					at := fmt.Sprint(kind, " ", direction, " ", step)
					d := duel{program: kill, folder: t.TempDir()}
					if err := d.fight(t.Context(), kind, direction, at); err != nil {
						t.Errorf("killed at %s: %v", at, err)
					}
					d.end()
				})
			}
		}
	}
	all.Wait()
}

// A duel is a CPO and an eMSP in processes of their own, one of which is killed.
type duel struct {
	program, folder string
	nodes           map[string]*exec.Cmd
	urls            map[string]string
}

func (d *duel) fight(ctx context.Context, kind, direction, at string) error {
	dying := map[string]string{"out": "", "in": at} // of an outbound exchange, the command is killed and not the node
	d.nodes, d.urls = map[string]*exec.Cmd{}, map[string]string{}
	if err := errors.Join(d.serve(ctx, "cpo", "NL/GPE", "CPO", dying[direction]), d.serve(ctx, "emsp", "DE/GWH", "EMSP", "")); err != nil {
		return err
	}
	if kind == "rotating" {
		if err := d.register(ctx, ""); err != nil {
			return fmt.Errorf("before it: %w", err)
		}
	}
	out, err := d.exchange(ctx, kind, map[string]string{"out": at}[direction])
	if err == nil {
		return fmt.Errorf("nobody was killed: %s", out)
	}
	if direction == "in" {
		if _, err := d.nodes["cpo"].Process.Wait(); err != nil {
			return err
		}
		if err := d.serve(ctx, "cpo", "NL/GPE", "CPO", ""); err != nil {
			return err
		}
	}
	return d.recovered(ctx, kind)
}

// exchange runs what is to be interrupted.
func (d *duel) exchange(ctx context.Context, kind, die string) (string, error) {
	if kind == "rotating" {
		return d.command(ctx, die, "partner", "rotate", "cpo", "--data", d.data("emsp"))
	}
	return "", d.register(ctx, die)
}

func (d *duel) register(ctx context.Context, die string) error {
	out, err := d.command(ctx, "", "partner", "invite", "emsp", "--data", d.data("cpo"))
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	token := regexp.MustCompile(`token A +(\S+)`).FindStringSubmatch(out)[1]
	out, err = d.command(ctx, die, "partner", "register", "cpo", "--url", d.urls["cpo"]+"/cpo/versions", "--token-a", token, "--data", d.data("emsp"))
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// recovered waits until both are registered, with the help of "partner retry" where the state says that it failed, and of
// a new registration where nothing is left of the one that was interrupted.
func (d *duel) recovered(ctx context.Context, kind string) error {
	var states [2]string
	for range 60 {
		done := true
		for i, side := range []string{"cpo", "emsp"} {
			var err error
			if states[i], err = d.state(ctx, side); err != nil {
				return err
			}
			done = done && states[i] == "registered"
		}
		if done {
			return d.works(ctx, kind)
		}
		if strings.Contains(states[1], "failed") {
			if out, err := d.command(ctx, "", "partner", "retry", "cpo", "--data", d.data("emsp")); err != nil && !strings.Contains(out, "under way") {
				states[1] += ", and retry: " + out
			}
		}
		time.Sleep(250 * time.Millisecond)
	}
	return fmt.Errorf("not recovered: the CPO says %q, the eMSP %q", states[0], states[1])
}

// state is what the other one is to a side, in words.
func (d *duel) state(ctx context.Context, side string) (string, error) {
	r, err := d.relation(ctx, side)
	return r.Words, err
}

type shown struct {
	Words             string
	Inbound, Outbound []struct{ Status string }
}

func (d *duel) relation(ctx context.Context, side string) (shown, error) {
	other := map[string]string{"cpo": "emsp", "emsp": "cpo"}[side]
	out, err := d.command(ctx, "", "partner", "show", other, "--json", "--data", d.data(side))
	if err != nil {
		return shown{}, fmt.Errorf("show: %w: %s", err, out)
	}
	var r shown
	err = json.Unmarshal([]byte(out), &r)
	return r, err
}

// works proves with another exchange that the tokens of both sides are good, and that one of each is left.
func (d *duel) works(ctx context.Context, kind string) error {
	for side, other := range map[string]string{"cpo": "emsp", "emsp": "cpo"} {
		if out, err := d.command(ctx, "", "partner", "update", other, "--data", d.data(side)); err != nil {
			return fmt.Errorf("after %s the %s cannot call: %s", kind, side, out)
		}
	}
	for _, side := range []string{"cpo", "emsp"} {
		r, err := d.relation(ctx, side)
		if err != nil {
			return err
		}
		if len(r.Inbound) != 1 || len(r.Outbound) != 1 {
			return fmt.Errorf("the %s is left with %v inbound and %v outbound", side, r.Inbound, r.Outbound)
		}
	}
	return nil
}

func (d *duel) data(side string) string { return filepath.Join(d.folder, side) }

func (d *duel) command(ctx context.Context, die string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, d.program, args...)
	cmd.Env = append(os.Environ(), dieVariable+"="+die)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// serve starts a node.
func (d *duel) serve(ctx context.Context, side, party, role, die string) error {
	cmd := exec.CommandContext(ctx, d.program, "serve", "--party", party, "--role", role, "--listen", "127.0.0.1:0", "--api-listen", "",
		"--data", d.data(side), "--allow-private", "--registration-timeout", "2s")
	if at := strings.TrimPrefix(d.urls[side], "http://"); at != "" { // where the other one knows it to be
		cmd.Args = append(cmd.Args, "--listen", strings.TrimSuffix(at, "/ocpi"))
	}
	cmd.Env = append(os.Environ(), dieVariable+"="+die)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	d.nodes[side] = cmd
	line := make([]byte, 200)
	n, err := stdout.Read(line)
	if err != nil {
		return fmt.Errorf("serve %s: %w: %s", side, err, stderr.String())
	}
	d.urls[side] = strings.TrimSuffix(regexp.MustCompile(`http\S+`).FindString(string(line[:n])), "/versions")
	return nil
}

func (d *duel) end() {
	for _, cmd := range d.nodes {
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
	}
}
