package ocpi

// An Endpoint is where a partner serves one module, as its version details say.
type Endpoint struct {
	Module ModuleID `json:"module"`
	// Role is the side of the module that is served there. It is empty in versions before 2.2, which do not say it
	// (requirement V-05).
	Role InterfaceRole `json:"role,omitzero"`
	URL  string        `json:"url"`
}
