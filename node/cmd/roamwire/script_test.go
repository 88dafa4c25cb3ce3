package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// waitFor waits until a file matches a pattern and puts the first group into a variable: waitfor FILE PATTERN [NAME].
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: waitfor file pattern [variable]")
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	for range 1500 {
		raw, err := os.ReadFile(ts.MkAbs(args[0]))
		if match := pattern.FindSubmatch(raw); err == nil && match != nil {
			if len(args) == 3 {
				ts.Setenv(args[2], string(match[1]))
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	raw, _ := os.ReadFile(ts.MkAbs(args[0]))
	ts.Fatalf("%s never matched %s: %s", args[0], args[1], raw)
}

// httpCall sends a request and writes status, headers and body to a file: http FILE METHOD URL TOKEN [BODY or @FILE].
func httpCall(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 4 || len(args) > 5 {
		ts.Fatalf("usage: http file method url token [body]")
	}
	body := ""
	if len(args) == 5 {
		body = args[4]
	}
	if file, ok := strings.CutPrefix(body, "@"); ok {
		body = ts.ReadFile(file)
	}
	request, err := http.NewRequest(args[1], args[2], strings.NewReader(body))
	ts.Check(err)
	request.Header.Set("Authorization", "Token "+args[3])
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	var out bytes.Buffer
	out.WriteString(response.Status + "\n")
	ts.Check(response.Header.Write(&out))
	out.WriteString("\n")
	_, err = io.Copy(&out, response.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), out.Bytes(), 0o600))
}
