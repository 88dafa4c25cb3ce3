package object

import "github.com/roamwire/roamwire/ocpi"

// A LossCounter is told how much of an object of ours a version cannot say, when the object is rendered for its partners.
type LossCounter func(module ocpi.ModuleID, version ocpi.Version, losses int)

// CountLosses has count told of what is rendered from now on. It is called before the objects are used.
func (o *Objects) CountLosses(count LossCounter) {
	o.Locations.count, o.Sessions.count, o.CDRs.count, o.Tariffs.count, o.Tokens.count = count, count, count, count, count
}

// lost tells how much of one object a version cannot say.
func (o *Own[T]) lost(version ocpi.Version, losses int) {
	if o.count != nil && losses > 0 {
		o.count(o.kind.module, version, losses)
	}
}
