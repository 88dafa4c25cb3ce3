package ocpi

// A Caller is a partner at one of our interfaces.
type Caller struct {
	Partner *Partner
	// Token is what the partner presented with this call.
	Token string
	// Version and Role say which interface it called: of which version, and on the side of which role of ours. Since 2.2 there
	// is an interface of all our roles, where Role is empty.
	Version Version
	Role    Role
}
