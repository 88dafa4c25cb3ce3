package audit

import "context"

// TidyAtOnce is what Run does now and then, with so many CDRs of a partner looked at again at once.
func (a *Auditor) TidyAtOnce(ctx context.Context, most int) error {
	a.againAtOnce = most
	return a.tidy(ctx)
}
