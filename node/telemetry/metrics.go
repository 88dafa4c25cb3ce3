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
	losses   *prometheus.CounterVec

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
		losses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "roamwire_losses_total",
			Help: "What did not cross between our model and another version, by module, version, and direction: " +
				"in for what partners sent, out for what we sent, stored for what was made ready for partners when our object changed.",
		}, []string{"module", "version", "direction"}),
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
	m.registry.MustRegister(m.requests, m.seconds, m.findings, m.quirks, m.losses, m.calls, m.callSeconds,
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
	m.lost(e.Module, e.Version, string(ocpi.Inbound), e.Losses.In)
	m.lost(e.Module, e.Version, string(ocpi.Outbound), e.Losses.Out)
}

// Rendered counts what a version cannot say of an object of ours that was made ready for its partners.
func (m *Metrics) Rendered(module ocpi.ModuleID, version ocpi.Version, losses int) {
	m.lost(module, version, "stored", losses)
}

func (m *Metrics) lost(module ocpi.ModuleID, version ocpi.Version, direction string, losses int) {
	if losses > 0 {
		m.losses.WithLabelValues(string(module), string(version), direction).Add(float64(losses))
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
