package transfer_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/roamwire/roamwire/node/transfer"
)

func TestFilesOfAllFormsAreRead(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string // "!" stands for a place that cannot be read
		list     bool
	}{
		{"an array", ` [ {"a":1}, {"a":2} ] `, []string{`{"a":1}`, `{"a":2}`}, true},
		{"an empty array", `[]`, nil, true},
		{"one object", `{"a":1}`, []string{`{"a":1}`}, false},
		{"one object over several lines", "{\n \"a\":1\n}\n", []string{"{\n \"a\":1\n}"}, false},
		{"JSON lines", "{\"a\":1}\n{\"a\":2}\n", []string{`{"a":1}`, `{"a":2}`}, true},
		{"JSON lines from Windows, with an empty one", "{\"a\":1}\r\n\r\n{\"a\":2}", []string{`{"a":1}`, `{"a":2}`}, true},
		{"a broken line does not stop the rest", "{\"a\":1}\n{\"a\n{\"a\":3}\n", []string{`{"a":1}`, "!", `{"a":3}`}, true},
		{"an envelope", `{"data":[{"a":1},{"a":2}],"status_code":1000}`, []string{`{"a":1}`, `{"a":2}`}, true},
		{"an envelope over several lines", "{\"status_code\":1000,\n\"data\":[\n{\"a\":1}]}", []string{`{"a":1}`}, true},
		{"an envelope of one object", `{"data":{"a":1},"status_code":1000}`, []string{`{"a":1}`}, false},
		{"several documents over several lines", "{\n\"a\":1}\n{\n\"a\":2}", []string{"{\n\"a\":1}", "{\n\"a\":2}"}, true},
		{"JSON lines whose first is broken", "{\"a\n{\"a\":2}\n", []string{"!", `{"a":2}`}, true},
		{"an envelope over several lines that breaks off", "{\"data\":[\n{\"a\":1},\n{\"a\":2}\n],\"status_code\":1000", []string{"!"}, false},
		{"a mark before UTF-8", "\xef\xbb\xbf[{\"a\":1}]", []string{`{"a":1}`}, true},
		{"an array that breaks off", `[{"a":1},{"a"`, []string{`{"a":1}`, "!"}, true},
		{"an object that breaks off", `{"a"`, []string{"!"}, false},
		{"two arrays", "[{\"a\":1}]\n[{\"a\":2}]", []string{`{"a":1}`, `{"a":2}`}, true},
		{"something after an array", `[{"a":1}] rubbish`, []string{`{"a":1}`, "!"}, true},
		{"duplicate names are the fault of one object", `[{"a":1,"a":2},{"a":3}]`, []string{`{"a":1,"a":2}`, `{"a":3}`}, true},
		{"so is broken UTF-8", "[{\"a\":\"\xff\"},{\"a\":3}]", []string{"{\"a\":\"\xff\"}", `{"a":3}`}, true},
		{"and in lines", "{\"a\":1,\"a\":2}\n{\"a\":3}\n", []string{`{"a":1,"a":2}`, `{"a":3}`}, true},
		{"nothing", " \n", []string{"!"}, false},
		{"no JSON", "hello", []string{"!"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := transfer.Read(strings.NewReader(tt.in))
			var got []string
			for d := range file.Documents() {
				if d.Index != len(got) {
					t.Errorf("document %d says it is number %d", len(got), d.Index)
				}
				if d.Err != nil {
					got = append(got, "!")
					continue
				}
				got = append(got, string(bytes.TrimSpace(d.Raw)))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || file.List != tt.list {
				t.Errorf("list %v: %s", file.List, diff)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{`[{}]`, "{}\n{}", `{"data":[],"status_code":1}`, `{"data":null,"status_code":1000}`, "\xef\xbb\xbf{", "[1,,"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		n := 0
		for d := range transfer.Read(bytes.NewReader(raw)).Documents() {
			if n++; n > len(raw)+1 {
				t.Fatal("more documents than bytes")
			}
			if d.Err == nil && !d.Raw.IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
				t.Fatalf("%q is no JSON", d.Raw)
			}
		}
	})
}
