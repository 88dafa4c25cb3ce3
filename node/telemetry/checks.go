package telemetry

import "github.com/prometheus/client_golang/prometheus"

// CDRChecks shows what came of checking partners' CDRs. It returns what counts one.
func (m *Metrics) CDRChecks() func(partner, verdict string) {
	checks := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "roamwire_cdrs_checked_total",
		Help: "CDRs of partners that were priced again for the first time, or with another verdict than before, by partner and verdict.",
	}, []string{"partner", "verdict"})
	m.registry.MustRegister(checks)
	return func(partner, verdict string) { checks.WithLabelValues(partner, verdict).Inc() }
}
