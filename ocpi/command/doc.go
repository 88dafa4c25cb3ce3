// Package command keeps commands that are under way between an eMSP and a CPO: which answer and which result belong to which
// command, and what happens when they do not come. It works in any program that uses package ocpiclient or ocpiserver.
//
// A Sender is the eMSP's side. It stores a command before it sends it, gives it a response_url that nobody can guess, and
// keeps all that comes of it: the CPO's first answer, the charge point's result, also when that comes late, twice or for a
// command there is not. A command that gets no result in time ends as TIMEOUT. A Sender is the CommandResults of an
// ocpiserver.EMSP.
//
//	sender := command.NewSender(command.SenderConfig{Client: clientOf, BaseURL: "https://ocpi.example.com/ocpi"})
//	c, err := sender.StartSession(ctx, "grenspaal", v230.StartSession{Token: token, LocationID: "LOC1"})
//	c, err = sender.Await(ctx, c.ID)
//
// A Receiver is the CPO's side. It stores a command that comes in, tells the program of it, and waits a short time for the
// program's first answer. Later it takes the charge point's result and sends it until the eMSP has it. A command that was
// accepted always gets a result: TIMEOUT where the program has none. A Receiver is the Commands of an ocpiserver.CPO.
//
//	receiver := command.NewReceiver(command.ReceiverConfig{Client: clientOf, Requested: func(ctx context.Context, c command.Command) {
//		go start(c) // calls receiver.Answer, and later receiver.Result
//	}})
//
// Both keep commands in a Store. Memory is one; with one on disk, commands and their deadlines survive a restart. Run must be
// running for deadlines to be kept and results to be sent.
package command
