package authorize

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
)

// awayAfter is how many questions in a row that ran into their deadline make an eMSP count as away.
const awayAfter = 3

// A line is the way to one eMSP: it bounds how many questions are under way, and is closed for a while when the eMSP lets
// them run into their deadline, so that not each driver waits for nothing. An eMSP that fails at once keeps nobody waiting,
// and its line stays open.
type line struct {
	// seats are taken by the questions that are under way.
	seats   chan struct{}
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
}

// lines are those to all eMSPs, by name. They are kept in memory: after a restart every eMSP is asked.
type lines struct {
	atOnce int
	rest   time.Duration
	logger *slog.Logger

	mu sync.Mutex
	of map[string]*line
}

// to returns the line to an eMSP.
func (l *lines) to(partner string) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[partner] == nil {
		l.of[partner] = &line{seats: make(chan struct{}, l.atOnce), breaker: gobreaker.NewTwoStepCircuitBreaker[struct{}](l.settings(partner))}
	}
	return l.of[partner]
}

func (l *lines) settings(partner string) gobreaker.Settings {
	return gobreaker.Settings{
		Name: partner, MaxRequests: 1, Timeout: l.rest,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= awayAfter },
		IsExcluded:  func(err error) bool { return errors.Is(err, errNoSign) },
		OnStateChange: func(partner string, from, to gobreaker.State) {
			switch {
			case to == gobreaker.StateClosed:
				l.logger.Info("an eMSP answers again whether its drivers may charge", "partner", partner)
			case from == gobreaker.StateClosed:
				l.logger.Warn("an eMSP lets questions whether its drivers may charge run into their deadline: it is not asked for a while",
					"partner", partner, "questions", awayAfter, "pause", l.rest)
			}
		},
	}
}

var (
	// errHung is what a line is told of a question that ran into its deadline.
	errHung = errors.New("the eMSP did not answer in time")
	// errNoSign is what it is told of one that does not say whether the eMSP answers.
	errNoSign = errors.New("the question was given up")

	errBusy = errors.New("too many questions to it are under way")
	errAway = errors.New("it is not asked for a while")
)

// take lets one question through, or says why not: errAway or errBusy. The question ends with end, which is told errHung,
// errNoSign, or nil where the eMSP was quick, whatever it said. Waited is true where others had to be answered first, which
// takes from the question's time.
func (l *line) take(ctx context.Context) (end func(error), waited bool, err error) {
	select {
	case l.seats <- struct{}{}:
	default:
		waited = true
		select {
		case l.seats <- struct{}{}:
		case <-ctx.Done():
			return nil, true, errBusy
		}
	}
	done, err := l.breaker.Allow()
	if err != nil {
		<-l.seats
		return nil, waited, errAway
	}
	return func(sign error) { done(sign); <-l.seats }, waited, nil
}
