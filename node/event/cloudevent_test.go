package event

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/node/store"
)

func TestDataThatIsBadlyWrittenIsToldAllTheSame(t *testing.T) {
	for name, test := range map[string]struct{ data, want string }{
		"lines are joined":     {"{\n \"a\": [1.50,\r\n2]}", `"datacontenttype":"application/json","data":{"a":[1.50,2]}}`},
		"a name that is twice": {`{"a":1,"a":2}`, `"data":{"a":1,"a":2}}`},
		"no JSON":              {"\xff\n", `"data_base64":"/wo="}`},
		"nothing":              {"", `"type":"t","time":"0001-01-01T00:00:00Z"}`},
	} {
		m, err := write("/x", store.Event{Number: 5, Type: "t", Data: []byte(test.data)})
		if err != nil || !strings.HasSuffix(string(m.json()), test.want) || strings.ContainsAny(string(m.json()), "\r\n") {
			t.Errorf("%s: %s, %v", name, m.json(), err)
		}
		if want := "id: 5\nevent: t\ndata: " + string(m.json()) + "\n\n"; string(m.frame) != want {
			t.Errorf("%s: %q, want %q", name, m.frame, want)
		}
		e, err := m.event()
		if err != nil || e.Number != 5 || name == "no JSON" && string(e.Data) != test.data {
			t.Errorf("%s: read back %+v, %v", name, e, err)
		}
	}
}

// CloudEvents 1.0.2, 3: names of attributes are lower-case letters and digits; JSON format 1.0.2, 3.1.1: but for data_base64.
func TestAttributesAreNamedAsCloudEventsWants(t *testing.T) {
	m, err := write("/x", store.Event{Number: 5, Time: time.Now(), Type: "t", Subject: "s", Partner: "p", Module: "m", Data: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	var attributes map[string]any
	if err := json.Unmarshal(m.json(), &attributes); err != nil {
		t.Fatal(err)
	}
	for name := range attributes {
		if !regexp.MustCompile(`^[a-z0-9]{1,20}$`).MatchString(name) {
			t.Errorf("attribute %s", name)
		}
	}
	for _, required := range []string{"specversion", "id", "source", "type"} {
		if attributes[required] == "" || attributes[required] == nil {
			t.Errorf("no %s", required)
		}
	}
}
