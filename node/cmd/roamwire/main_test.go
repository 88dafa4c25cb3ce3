package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/roamwire/roamwire/ocpi/handshake"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"roamwire": roamwire})
}

// dieVariable makes the program kill itself when a step of an exchange of credentials begins, as "kind direction number".
const dieVariable = "ROAMWIRE_TEST_DIE"

// roamwire is main, as the scripts call it.
func roamwire() {
	if at := os.Getenv(dieVariable); at != "" {
		onStep = func(_ context.Context, s handshake.Step) {
			if !s.Done && fmt.Sprint(s.Kind, " ", s.Direction, " ", s.Number) == at {
				self, _ := os.FindProcess(os.Getpid())
				_ = self.Kill()
				select {} // it takes a moment
			}
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// The scripts in testdata are what users do, with what they see.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		// Scripts run beside one another, and beside whatever else there is on this machine.
		Setup: func(env *testscript.Env) error {
			env.Setenv("ROAMWIRE_API_LISTEN", "127.0.0.1:0")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitfor": waitFor,
			"http":    httpCall,
		},
	})
}
