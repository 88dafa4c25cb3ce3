package quirk

// Quirks of requests, headers and envelopes.
const (
	TokenBase64           Name = "token-base64"
	TokenPlain            Name = "token-plain"
	TrailingSlash         Name = "trailing-slash"
	NoTrailingSlash       Name = "no-trailing-slash"
	LinkCurlyQuotes       Name = "link-curly-quotes"
	LinkWrongHost         Name = "link-wrong-host"
	LinkUnusable          Name = "link-unusable"
	EmptyLinkHeader       Name = "empty-link-header"
	ErrorInsideOK         Name = "error-inside-ok"
	SuccessInsideNotFound Name = "success-inside-not-found"
	ForeignErrorBody      Name = "foreign-error-body"
	RedirectMissingSlash  Name = "redirect-missing-slash"
	CreatedAs200          Name = "created-as-200"
	LocationUnusable      Name = "location-unusable"
	ExpectTrailingSlash   Name = "expect-trailing-slash"
	ExpectPutForRemovals  Name = "expect-put-for-removals"
	UnlistedCommands      Name = "unlisted-commands"
	OlderUpdate           Name = "older-update"
	FutureTimestamps      Name = "future-timestamps"
	ChangedCDR            Name = "changed-cdr"
	RoutingMismatch       Name = "routing-mismatch"
	UntimedPatch          Name = "untimed-patch"
	OtherVersion          Name = "other-version"
	OtherMessageIDs       Name = "other-message-ids"
)

// Quirks of documents that partners send.
const (
	WrappedObject      Name = "wrapped-object"
	BareCommandResult  Name = "bare-command-result"
	EndDateTime        Name = "end-date-time"
	CategoryForSource  Name = "category-for-source"
	LaterNames         Name = "later-names"
	ObjectForList      Name = "object-for-list"
	ListForObject      Name = "list-for-object"
	NumbersAsStrings   Name = "numbers-as-strings"
	StringsAsNumbers   Name = "strings-as-numbers"
	BooleansAsStrings  Name = "booleans-as-strings"
	BooleansAsNumbers  Name = "booleans-as-numbers"
	NullLists          Name = "null-lists"
	NullInLists        Name = "null-in-lists"
	NullInPatch        Name = "null-in-patch"
	EmptyValues        Name = "empty-values"
	MissingLastUpdated Name = "missing-last-updated"
	OffsetTimestamps   Name = "offset-timestamps"
	ShortTimestamps    Name = "short-timestamps"
	UnixTimestamps     Name = "unix-timestamps"
	EnumSpelling       Name = "enum-spelling"
)

// Quirks of documents that partners expect.
const (
	ExpectEndDateTime          Name = "expect-end-date-time"
	ExpectTimeZone             Name = "expect-time-zone"
	ExpectStatusScheduleObject Name = "expect-status-schedule-object"
	ExpectEnvironImpactObject  Name = "expect-environ-impact-object"
	ExpectWholeEnergyMix       Name = "expect-whole-energy-mix"
	ExpectTwentyFourSeven      Name = "expect-twentyfourseven"
	ExpectTariffID             Name = "expect-tariff-id"
	ExpectNoNullLists          Name = "expect-no-null-lists"
)
