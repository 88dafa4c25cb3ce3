// Package telemetry counts what the node does, under the names that logs and dashboard use too.
package telemetry

import (
	"context"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/roamwire/roamwire/ocpi"
)

// Metrics are the counters of one node.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	findings *prometheus.CounterVec
	quirks   *prometheus.CounterVec

	calls       *prometheus.CounterVec
	callSeconds *prometheus.HistogramVec
}

// New returns counters at zero.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "roamwire_requests_total",
			Help: "Requests of partners, by partner, module, method, HTTP status and OCPI status.",
		}, []string{"partner", "module", "method", "http", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "roamwire_request_seconds",
			Help:    "Time to answer requests of partners, in seconds.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30},
		}, []string{"module", "method"}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "roamwire_findings_total",
			Help: "Deviations from OCPI in what partners sent, by partner, module and kind.",
		}, []string{"partner", "module", "code"}),
		quirks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "roamwire_quirks_total",
			Help: "Deviations of partners that were put right, once per message, by partner, module and quirk.",
		}, []string{"partner", "module", "quirk"}),
	}
	m.calls = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "roamwire_calls_total",
		Help: "Our requests to partners, by partner, module, method, HTTP status (0 for no answer) and OCPI status.",
	}, []string{"partner", "module", "method", "http", "status"})
	m.callSeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "roamwire_call_seconds",
		Help:    "Time partners took to answer our requests, in seconds.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"partner", "module"})
	m.registry.MustRegister(m.requests, m.seconds, m.findings, m.quirks, m.calls, m.callSeconds,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Count shows a number that is counted elsewhere and never falls.
func (m *Metrics) Count(name, help string, value func() int64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
		func() float64 { return float64(value()) }))
}

// Show shows a number that is known elsewhere and may fall.
func (m *Metrics) Show(name, help string, value func() int64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
		func() float64 { return float64(value()) }))
}

// Observe counts a request in either direction. It is the Observe of servers and clients.
func (m *Metrics) Observe(_ context.Context, e ocpi.Exchange) {
	module, method := string(e.Module), methodLabel(e.Method)
	labels := []string{e.Partner, module, method, strconv.Itoa(e.HTTP), strconv.Itoa(int(e.Status))}
	if e.Direction == ocpi.Outbound {
		m.calls.WithLabelValues(labels...).Inc()
		m.callSeconds.WithLabelValues(e.Partner, module).Observe(e.Duration.Seconds())
	} else {
		m.requests.WithLabelValues(labels...).Inc()
		m.seconds.WithLabelValues(module, method).Observe(e.Duration.Seconds())
	}
	for _, f := range e.Findings {
		m.findings.WithLabelValues(e.Partner, module, string(f.Code)).Inc()
	}
	for _, quirk := range e.Quirks {
		m.quirks.WithLabelValues(e.Partner, module, quirk).Inc()
	}
}

// methodLabel bounds the label's values: a client may send any word as its method.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return method
	default:
		return "other"
	}
}

// Handler serves the counters in Prometheus' format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
