package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A process is a server under measurement, apart from the client that measures it.
type process struct {
	cmd  *exec.Cmd
	url  string
	took time.Duration
}

// launch starts a program and waits until it answers at url.
func launch(ctx context.Context, url string, header http.Header, name string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, url: url}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil, err
		}
		request.Header = header
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = response.Body.Close() // only the status matters
			p.took = time.Since(started)
			if response.StatusCode != http.StatusOK {
				return nil, errors.Join(fmt.Errorf("%s answers %s", url, response.Status), p.stop())
			}
			return p, nil
		}
		if time.Since(started) > time.Minute {
			return nil, errors.Join(fmt.Errorf("%s does not answer: %w", url, err), p.stop())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() >= 0 {
		return err
	}
	return nil // ended by the signal, as the handler of bytes does
}

// resident is the memory of the process that is in RAM, now and at most so far, in MiB.
func (p *process) resident() (now, peak int, err error) { return residentOf(p.cmd.Process.Pid) }

// residentOf returns the memory of a process in MiB, and the most it was.
func residentOf(pid int) (now, peak int, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		kib, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch name {
		case "VmRSS":
			now = kib >> 10
		case "VmHWM":
			peak = kib >> 10
		}
	}
	return now, peak, nil
}

// freeAddress is an address of loopback that nothing listens on.
func freeAddress(ctx context.Context) (string, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func cpus() int { return runtime.NumCPU() }
