package node

import (
	"context"
	"path/filepath"
	"time"

	"github.com/roamwire/roamwire/node/exchange"
	"github.com/roamwire/roamwire/node/exchange/sqlitelog"
	"github.com/roamwire/roamwire/ocpi"
)

// ExchangeFile is where the exchanges of a data folder are recorded.
func ExchangeFile(data string) string { return filepath.Join(data, "exchanges.db") }

// recorder makes the recorder of the data folder. It opens nothing yet. A command records as the node beside it does.
func (d *Data) recorder(ctx context.Context) *exchange.Recorder {
	settings := d.config.Exchanges
	if len(d.config.Parties) == 0 {
		if own, err := d.self(ctx); err == nil {
			settings = own.Exchanges
		}
	}
	path := ExchangeFile(d.config.Data)
	open := func(ctx context.Context) (exchange.Log, error) { return sqlitelog.Open(ctx, path) }
	return exchange.New(open, settings, exchange.Options{Logger: d.config.Logger, Now: d.config.Now})
}

// closeExchanges writes what is waiting. What cannot be written within seconds is lost, which is no failure of the node.
func (d *Data) closeExchanges() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := d.Exchanges.Close(ctx); err != nil {
		d.config.Logger.Warn(err.Error())
	}
}

// observe is told of each request that partners have sent us.
func (n *Node) observe(ctx context.Context, e ocpi.Exchange) {
	n.metrics.Observe(ctx, e)
	n.Exchanges.Observe(ctx, e)
	if e.Partner != "" {
		n.puller.Heard(e.Partner, e.At)
	}
}

// observeCall is told of each request of ours to a partner.
func (d *Data) observeCall(ctx context.Context, e ocpi.Exchange) {
	if d.count != nil {
		d.count(ctx, e)
	}
	d.Exchanges.Observe(ctx, e)
}

func (n *Node) countExchanges() {
	n.metrics.Count("roamwire_exchanges_recorded_total", "Exchanges with partners that have been recorded.", n.Exchanges.Recorded)
	n.metrics.Count("roamwire_exchanges_dropped_total",
		"Exchanges left out of the record, because there were too many or it could not be written.", n.Exchanges.Dropped)
	n.metrics.Count("roamwire_exchanges_without_bodies_total",
		"Exchanges recorded without their bodies because there were too many.", n.Exchanges.WithoutBodies)
}
