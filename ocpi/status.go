package ocpi

// A StatusCode is the result in the response envelope: 1xxx success, 2xxx the client's fault, 3xxx the server's, 4xxx
// the hub's. Codes outside the list are judged by their range (requirement TF-60).
type StatusCode int

// The status codes of OCPI 2.3.0. Version 2.1.1 ends at 2003 and has no 4xxx.
const (
	StatusSuccess              StatusCode = 1000
	StatusClientError          StatusCode = 2000
	StatusInvalidParameters    StatusCode = 2001 // missing or unusable field, ids that differ, bad query
	StatusNotEnoughInformation StatusCode = 2002
	StatusUnknownLocation      StatusCode = 2003
	StatusUnknownToken         StatusCode = 2004 // since 2.2
	StatusServerError          StatusCode = 3000
	StatusCannotUseClientAPI   StatusCode = 3001
	StatusUnsupportedVersion   StatusCode = 3002
	StatusMissingEndpoints     StatusCode = 3003
	StatusHubError             StatusCode = 4000 // since 2.2
	StatusUnknownReceiver      StatusCode = 4001
	StatusHubTimeout           StatusCode = 4002
	StatusHubConnection        StatusCode = 4003
)

// Success reports whether the code is in the 1xxx range.
func (c StatusCode) Success() bool { return c >= 1000 && c < 2000 }

// ClientError reports whether the code is in the 2xxx range.
func (c StatusCode) ClientError() bool { return c >= 2000 && c < 3000 }

// ServerError reports whether the code is in the 3xxx range.
func (c StatusCode) ServerError() bool { return c >= 3000 && c < 4000 }

// HubError reports whether the code is in the 4xxx range.
func (c StatusCode) HubError() bool { return c >= 4000 && c < 5000 }
