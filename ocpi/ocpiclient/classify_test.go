package ocpiclient_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/ocpiclient"
)

const none = ocpi.StatusCode(-1) // no envelope

// TF-57 to TF-60: what each pair of statuses means.
func TestClassify(t *testing.T) {
	const ok, notFound, permanent, later = ocpiclient.OK, ocpiclient.NotFound, ocpiclient.Permanent, ocpiclient.TryLater
	for _, c := range []struct {
		http   []int
		status []ocpi.StatusCode
		want   ocpiclient.Kind
	}{
		{[]int{200, 201, 202, 203}, []ocpi.StatusCode{1000, 1001, 1999}, ok},
		{[]int{204}, []ocpi.StatusCode{none, 1000}, ok},
		{[]int{200, 201, 202, 203}, []ocpi.StatusCode{none}, permanent},
		{[]int{200, 201}, []ocpi.StatusCode{2000, 2001, 2002, 2999}, permanent},
		{[]int{200, 201}, []ocpi.StatusCode{2003, 2004}, notFound},
		{[]int{200, 201}, []ocpi.StatusCode{3000, 3001, 3999}, later},
		{[]int{200, 201}, []ocpi.StatusCode{3002, 3003}, permanent},
		{[]int{200, 201}, []ocpi.StatusCode{4000, 4002, 4003, 4999}, later},
		{[]int{200, 201}, []ocpi.StatusCode{4001}, permanent},
		{[]int{200, 201}, []ocpi.StatusCode{0, 200, 999, 5000, 9999}, permanent},
		{[]int{100, 205, 206, 207, 300, 301, 302, 303, 304, 307, 308}, []ocpi.StatusCode{none, 1000, 2001, 3000}, permanent},
		{[]int{400, 401, 402, 403, 405, 406, 409, 411, 413, 415, 422, 431}, []ocpi.StatusCode{none, 1000, 2001, 3000}, permanent},
		{[]int{404, 410}, []ocpi.StatusCode{none, 1000, 2000, 2003, 3000}, notFound},
		{[]int{408, 425, 429}, []ocpi.StatusCode{none, 1000, 2000, 3000}, later},
		{[]int{500}, []ocpi.StatusCode{none, 0, 1000, 3000, 3001, 4002}, later},
		{[]int{500}, []ocpi.StatusCode{2001, 3002, 3003, 4001}, permanent},
		{[]int{500}, []ocpi.StatusCode{2003}, notFound},
		{[]int{502, 503, 504, 507, 599}, []ocpi.StatusCode{none, 0, 1000, 2000, 2003, 3000, 4001}, later},
		{[]int{501, 505}, []ocpi.StatusCode{none, 1000}, permanent},
		{[]int{0}, []ocpi.StatusCode{none}, later},
	} {
		for _, h := range c.http {
			for _, status := range c.status {
				name := fmt.Sprintf("HTTP %d with OCPI %d", h, status)
				if status == none {
					name = fmt.Sprintf("HTTP %d without an envelope", h)
				}
				t.Run(name, func(t *testing.T) {
					got := ocpiclient.Classify(h, max(status, 0), status != none, http.Header{}, time.Now())
					if got.Kind != c.want || got.RetryAfter != 0 {
						t.Errorf("got %s after %s, want %s", got.Kind, got.RetryAfter, c.want)
					}
				})
			}
		}
	}
}

func TestClassifyReadsRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 4, 26, 9, 0, time.UTC)
	for name, c := range map[string]struct {
		http   int
		header string
		want   time.Duration
	}{
		"seconds":                  {429, "7", 7 * time.Second},
		"seconds, with blanks":     {429, " 7 ", 7 * time.Second},
		"also with 503":            {503, "120", 2 * time.Minute},
		"also with 3000 in 200":    {200, "3", 3 * time.Second},
		"a date":                   {429, "Mon, 23 Nov 2026 04:27:09 GMT", time.Minute},
		"a date that has passed":   {429, "Mon, 23 Nov 2026 04:25:09 GMT", 0},
		"nothing":                  {429, "", 0},
		"nonsense":                 {429, "soon", 0},
		"a negative number":        {429, "-5", 0},
		"more than anyone waits":   {429, "99999999999", 24 * time.Hour},
		"more than a number holds": {429, "99999999999999999999999999", 0},
		"years ahead":              {503, "Mon, 23 Nov 2099 04:27:09 GMT", 24 * time.Hour},
		"not where it is no use":   {404, "7", 0},
		"not where it is wrong":    {400, "7", 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := ocpiclient.Classify(c.http, ocpi.StatusServerError, true, http.Header{"Retry-After": {c.header}}, now)
			if got.RetryAfter != c.want {
				t.Errorf("got %s, want %s", got.RetryAfter, c.want)
			}
		})
	}
}
