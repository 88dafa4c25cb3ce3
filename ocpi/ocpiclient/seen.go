package ocpiclient

import "hash/maphash"

// A seen set remembers which objects a list has brought, as 64 bits each. It is there to notice pages that go round in
// circles, and forgets nothing but what comes after the first million.
type seen struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
}

const maxSeen = 1 << 20

func newSeen() *seen { return &seen{seed: maphash.MakeSeed(), hashes: map[uint64]struct{}{}} }

// add remembers an object by what tells it from others, and reports whether it is new.
func (s *seen) add(parts ...string) bool {
	var h maphash.Hash
	h.SetSeed(s.seed)
	for _, part := range parts {
		_, _ = h.WriteString(part) // a hash takes everything
		_ = h.WriteByte(0)
	}
	sum := h.Sum64()
	if _, known := s.hashes[sum]; known {
		return false
	}
	if len(s.hashes) < maxSeen {
		s.hashes[sum] = struct{}{}
	}
	return true
}
