// Package ocpiclient calls partners: versions and version details, credentials, and every module of both roles. It
// speaks the partner's version and gives and takes the model's types (package v230).
//
//	client, err := ocpiclient.New(ocpiclient.Config{
//		Partner: partner, Token: token, Endpoints: endpoints, Transport: transport,
//	})
//	if err != nil {
//		return err
//	}
//	for location, err := range client.CPO().Locations.List(ctx, ocpi.Query{}) {
//		...
//	}
//
// Since 2.2 calls say by routing headers which party of ours they are from and which of the partner's they are for. The Client
// chooses both by the object and the role; WithRouting says others.
//
// A call ends in one of four ways, which Classify tells apart: it has worked, there is no such thing, it will never
// work like this, or it may work later. A call that failed is an *Error; one that could not even be made is
// ErrNotOffered, ErrVersion or ErrWithheld. Only GET is repeated by itself.
//
// A partner is not trusted: no URL it names leads into a private network unless a Transport allows that, its token is
// sent to its own hosts alone, and no answer may be larger, slower or more endless than the configuration says.
package ocpiclient
