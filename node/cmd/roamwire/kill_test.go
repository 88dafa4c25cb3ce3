package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// What was acknowledged is on disk: the program is killed while partners write, and everything it said yes to is there
// when it runs again (house rule 5).
func TestKilledWhilePartnersWrite(t *testing.T) {
	folder := t.TempDir()
	program := program(t, folder)
	data := filepath.Join(folder, "data")
	if out, err := exec.CommandContext(t.Context(), program, "partner", "add", "p", "--party", "DE/PTN", "--role", "CPO", "--token", "t", "--data", data).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const enough = 40 // writes before a kill
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	for round := range 3 {
		url, kill := serve(t, program, data)
		written := make(chan struct{}, enough)
		var writers sync.WaitGroup
		for w := range 8 {
			writers.Go(func() {
				for i := 0; ; i++ {
					id := fmt.Sprintf("%d-%d-%d", round, w, i)
					status, err := putTariff(t.Context(), url, id)
					if err != nil {
						return // it has been killed
					}
					if status != http.StatusCreated {
						t.Errorf("%s: HTTP %d", id, status)
						return
					}
					mu.Lock()
					acknowledged[id] = true
					mu.Unlock()
					select {
					case written <- struct{}{}:
					default:
					}
				}
			})
		}
		time.Sleep(300 * time.Millisecond)
		for range enough {
			select {
			case <-written:
			case <-time.After(30 * time.Second):
				t.Fatal("the node takes nothing")
			}
		}
		kill()
		writers.Wait()
	}
	url, kill := serve(t, program, data)
	defer kill()
	for id := range acknowledged {
		if status, err := call(t.Context(), http.MethodGet, url+"/emsp/2.1.1/tariffs/DE/PTN/"+id, nil); err != nil || status != http.StatusOK {
			t.Fatalf("%s was acknowledged and is gone: HTTP %d, %v", id, status, err)
		}
	}
	if len(acknowledged) < 100 {
		t.Errorf("only %d writes were acknowledged, which proves little", len(acknowledged))
	}
}

// program puts the program into a folder: by this name the test binary is it.
func program(t *testing.T, folder string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(folder, "roamwire")
	if err := os.Symlink(self, program); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	return program
}

// serve starts the program and returns its URL and a function that kills it.
func serve(t *testing.T, program, data string) (string, func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "serve", "--party", "NL/GPE", "--listen", "127.0.0.1:0", "--api-listen", "", "--data", data)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 200)
	n, err := stdout.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	url := regexp.MustCompile(`http\S+`).FindString(string(line[:n]))
	return strings.TrimSuffix(url, "/versions"), func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

func putTariff(ctx context.Context, url, id string) (int, error) {
	return call(ctx, http.MethodPut, url+"/emsp/2.1.1/tariffs/DE/PTN/"+id, fmt.Appendf(nil,
		`{"id":%q,"currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":0.5,"step_size":1}]}],"last_updated":"2026-01-31T12:00:00Z"}`, id))
}

func call(ctx context.Context, method, url string, body []byte) (int, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Token t")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}
