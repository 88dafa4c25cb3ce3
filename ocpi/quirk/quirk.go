// Package quirk holds how real partners deviate from the protocol, as named data that compose to profiles. Quirks are
// applied between the bytes a partner exchanges and the types made of them; nothing above sees them.
//
// What partners send is put right by what the check of a document found: a document without findings is never looked
// at, and a finding is only acted on where a quirk of the profile says how.
package quirk

// A Name names one deviation.
type Name string

// A Quirk is one deviation that partners have.
type Quirk struct {
	Name Name
	Kind Kind
	// Summary says in one line what partners do, Remedy what is made of it.
	Summary, Remedy string
	// Harmless marks the quirks of the profile lenient: putting them right cannot change the meaning of a correct
	// message.
	Harmless bool

	// instead is the quirk that this one rules out: of two opposite ones the last in an expression holds.
	instead Name
	// repair puts right what a partner sent; set for Reading.
	repair *repair
	// rewrite makes what a partner expects; set for Writing.
	rewrite *rewrite
}

// A Kind says where a quirk is applied.
type Kind string

// The kinds of quirks.
const (
	// Transport quirks are about requests, headers and the envelope. Who sends requests applies them.
	Transport Kind = "transport"
	// Reading quirks are about documents that partners send. Profile.Read applies them.
	Reading Kind = "reading"
	// Writing quirks are about documents that partners expect. Profile.Write applies them.
	Writing Kind = "writing"
)
