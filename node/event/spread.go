package event

import (
	"math/rand/v2"
	"time"
)

// spread is a time within a quarter of the one given, so that lanes do not all come back at once.
func spread(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2+1) }
