package convert

// Revision changes whenever this package translates something differently than before. Who keeps translations can tell
// by it which ones to make again.
const Revision = "3"
