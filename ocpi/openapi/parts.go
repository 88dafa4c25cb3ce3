package openapi

import (
	"fmt"
	"maps"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/roamwire/roamwire/ocpi"
)

// operation writes one operation.
func (d *document) operation(r Route, method string, op operation) object {
	o := object{
		"operationId": operationID(method, r.Path), "tags": []string{r.tag()}, "summary": op.summary, "description": op.text,
		"responses": d.responses(r, op),
	}
	if parameters := d.parameters(r, op); len(parameters) > 0 {
		o["parameters"] = parameters
	}
	if op.custom && bodies(method) {
		o["requestBody"] = object{"required": false, "content": object{"application/json": object{"schema": object{}}}}
	}
	if op.body != "" {
		o["requestBody"] = object{
			"required": !op.optional,
			"content":  object{"application/json": object{"schema": d.schema(r.Version, named(r.Version, op.body))}},
		}
	}
	if r.Open && op.method == get {
		o["security"] = []object{{}, {"Token": []string{}}}
	}
	return o
}

func (d *document) parameters(r Route, op operation) []object {
	refs := []string{"RequestID", "CorrelationID"}
	if ocpi.Routed(r.Version, r.Module) {
		refs = append(refs, "ToCountry", "ToParty", "FromCountry", "FromParty")
	}
	if op.list {
		from := "DateFrom"
		if op.dateFrom {
			from = "DateFromRequired"
		}
		refs = append(refs, from, "DateTo", "Offset", "Limit", "Cursor")
	}
	if op.tokenType {
		refs = append(refs, "TokenType", "TokenTypeByTable")
	}
	refs = append(refs, op.params...)
	var parameters []object
	for _, name := range refs {
		parameters = append(parameters, object{"$ref": "#/components/parameters/" + name})
	}
	return parameters
}

// pathParameters are the names in a path, with what is known of each.
func pathParameters(path string) []object {
	var parameters []object
	for segment := range strings.SplitSeq(path, "/") {
		name, ok := strings.CutPrefix(segment, "{")
		if !ok {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		schema := object{"type": "string", "minLength": 1}
		text := "Names the object."
		switch name {
		case "country_code":
			text, schema["maxLength"] = "Country of the party that owns the object, as two letters in either case.", 2
		case "party_id":
			text, schema["maxLength"] = "Party that owns the object, within its country. It must be one of the caller's.", 3
		case "location_id":
			text, schema["maxLength"] = "Identifier of the location.", 39
		case "evse_uid":
			text, schema["maxLength"] = "uid of the EVSE, which is not its EVSE ID.", 39
		case "connector_id":
			text, schema["maxLength"] = "Identifier of the connector within its EVSE.", 36
		case "session_id":
			text, schema["maxLength"] = "Identifier of the session.", 36
		case "cdr_id":
			text, schema["maxLength"] = "Identifier of the CDR, in either case.", 36
		case "tariff_id":
			text, schema["maxLength"] = "Identifier of the tariff.", 36
		case "token_uid":
			text, schema["maxLength"] = "uid of the token.", 36
		case "uid":
			text = "What we have named the command or the request."
		case "path":
			text = "What follows in the path, of one segment or several."
		case "command":
			text = "Name of the command. One that this version does not have is answered with NOT_SUPPORTED."
			schema["examples"] = []string{"START_SESSION", "STOP_SESSION", "RESERVE_NOW", "CANCEL_RESERVATION", "UNLOCK_CONNECTOR"}
		}
		parameters = append(parameters, object{"name": name, "in": "path", "required": true, "description": text, "schema": schema})
	}
	return parameters
}

func (d *document) responses(r Route, op operation) object {
	headers := object{"X-Request-ID": headerRef("RequestID"), "X-Correlation-ID": headerRef("CorrelationID")}
	if ocpi.Routed(r.Version, r.Module) {
		for _, name := range []string{ocpi.HeaderToCountry, ocpi.HeaderToParty, ocpi.HeaderFromCountry, ocpi.HeaderFromParty} {
			headers[name] = headerRef("Routing")
		}
	}
	if op.list {
		for _, name := range []string{"Link", "X-Total-Count", "X-Limit"} {
			headers[name] = headerRef(name)
		}
	}
	envelope := object{"$ref": "#/components/schemas/Envelope"}
	content := envelope
	if op.data != "" {
		content = object{"allOf": []object{envelope, {
			"type":       "object",
			"properties": object{"data": d.schema(r.Version, named(r.Version, op.data))},
			"if":         object{"properties": object{"status_code": object{"minimum": 1000, "maximum": 1999}}},
			"then":       object{"required": []string{"data"}},
		}}}
	}
	answered := func(text string, with object) object {
		return object{"description": text, "headers": with, "content": object{"application/json": object{"schema": content}}}
	}
	found := answered("Done, or refused: see `status_code`, which is 1000 for success, 2000 to 2999 for what is wrong with the request, and 3000 to 3999 for failures of ours.", headers)
	responses := object{"200": found}
	if op.creates {
		with := maps.Clone(headers)
		if op.location {
			with["Location"] = headerRef("Location")
			found["headers"] = with
		}
		responses["201"] = answered("Created.", with)
	}
	failures := []string{"401", "403", "404", "405", "429", "503"}
	if op.body != "" {
		failures = append(failures, "400", "408", "413")
	}
	for _, status := range failures {
		responses[status] = object{"$ref": "#/components/responses/" + failureNames[status].name}
	}
	return responses
}

func headerRef(name string) object { return object{"$ref": "#/components/headers/" + name} }

// failureNames are the answers of every path that are no success by HTTP.
var failureNames = map[string]struct{ name, text string }{
	"400": {"BadRequest", "The body is no JSON, or did not arrive whole."},
	"401": {"Unauthorized", "There is no token, it is not known here, or it is good for registration only."},
	"403": {"Forbidden", "The connection with the caller is suspended."},
	"404": {"NotFound", "There is no such object, it is not the caller's, or this interface is for partners in another role."},
	"405": {"MethodNotAllowed", "The method is not offered here, or not in the state that the registration is in. The header Allow names those that are."},
	"408": {"Timeout", "The body did not arrive in time."},
	"413": {"TooLarge", "The body is too large."},
	"429": {"TooManyRequests", "Too many wrong tokens came from this address. The header Retry-After says how long to wait."},
	"503": {"Unavailable", "The token cannot be looked up at present."},
}

func (d *document) components() (object, error) {
	schemas, err := d.schemas()
	if err != nil {
		return nil, err
	}
	responses := object{}
	for status, failure := range failureNames {
		response := object{"description": failure.text, "content": object{"application/json": object{"schema": object{"$ref": "#/components/schemas/Envelope"}}}}
		text := object{"schema": object{"type": "string"}}
		switch status {
		case "401":
			response["headers"] = object{"WWW-Authenticate": text}
		case "405":
			response["headers"] = object{"Allow": text}
		case "429":
			response["headers"] = object{"Retry-After": text}
		}
		responses[failure.name] = response
	}
	return object{
		"schemas": schemas, "responses": responses, "parameters": d.parameterComponents(), "headers": headerComponents(),
		"securitySchemes": object{"Token": object{
			"type": "apiKey", "in": "header", "name": "Authorization",
			"description": "The word `Token`, a space, and the token that the caller was given in an exchange of credentials, as in `Token 6f1d…`. Tokens are taken in Base64 too, as later versions send them.",
		}},
	}, nil
}

func (d *document) parameterComponents() object {
	query := func(name, text string, schema object) object {
		return object{"name": name, "in": "query", "description": text, "schema": schema}
	}
	moment := object{"type": "string", "format": "date-time"}
	required := query("date_from", "Only objects updated at this time or later. It must be given.", moment)
	required["required"] = true
	duration := query("duration", "For how long the profile is asked for, in seconds.", object{"type": "integer", "minimum": 1})
	responseURL := query("response_url", "Where the result goes.", object{"type": "string", "format": "uri"})
	duration["required"], responseURL["required"] = true, true
	limit := object{"type": "integer", "minimum": 1}
	limitText := "How many objects the page may have at most. The server may give fewer."
	if d.config.PageLimit > 0 {
		limit["default"] = d.config.PageLimit
		limitText = fmt.Sprintf("How many objects the page may have at most. More than %d are not given.", d.config.PageLimit)
	}
	byType := object{"type": "string", "default": "RFID", "examples": []string{"RFID", "OTHER"}}
	id := func(name, text string) object {
		return object{"name": name, "in": "header", "description": text, "schema": object{"type": "string", "maxLength": 128}}
	}
	routing := func(name, text string, length int) object {
		return object{"name": name, "in": "header", "description": text + " It can be missing between platforms of one party each.", "schema": object{"type": "string", "minLength": length, "maxLength": length}}
	}
	return object{
		"ToCountry":        routing(ocpi.HeaderToCountry, "Country of the party that the request is for.", 2),
		"ToParty":          routing(ocpi.HeaderToParty, "Party that the request is for, within its country.", 3),
		"FromCountry":      routing(ocpi.HeaderFromCountry, "Country of the caller's party that the request is from.", 2),
		"FromParty":        routing(ocpi.HeaderFromParty, "The caller's party that the request is from, within its country.", 3),
		"DateFrom":         query("date_from", "Only objects updated at this time or later.", moment),
		"DateFromRequired": required,
		"DateTo":           query("date_to", "Only objects updated before this time.", moment),
		"Offset":           query("offset", "How many objects of the list to leave out.", object{"type": "integer", "minimum": 0, "default": 0}),
		"Limit":            query("limit", limitText, limit),
		"Cursor":           query("cursor", "The place in the list, as the header Link of the page before has it. It stays right while objects change.", object{"type": "string"}),
		"TokenType":        query("type", "Type of the token.", byType),
		"TokenTypeByTable": query("token_type", "Type of the token, under its other name in 2.1.1. Used where `type` is missing.", byType),
		"Duration":         duration,
		"ResponseURL":      responseURL,
		"RequestID":        id("X-Request-ID", "Names this request. The answer repeats it; without it, the answer brings one."),
		"CorrelationID":    id("X-Correlation-ID", "Names what this request belongs to. The answer repeats it; without it, the answer brings one."),
	}
}

func headerComponents() object {
	header := func(text string, schema object) object { return object{"description": text, "schema": schema} }
	text, number := object{"type": "string"}, object{"type": "integer", "minimum": 0}
	return object{
		"Link":          header("URL of the next page, as in `<https://…>; rel=\"next\"`. It is missing on the last page.", text),
		"X-Total-Count": header("How many objects the whole list has.", number),
		"X-Limit":       header("How many objects a page has at most.", number),
		"Location":      header("URL where the CDR is found again.", object{"type": "string", "format": "uri"}),
		"Routing":       header("The parties of the request, swapped. It is missing where the request names none.", text),
		"RequestID":     header("Names the request.", text),
		"CorrelationID": header("Names what the request belongs to.", text),
	}
}

// schemas are the envelope, and the schemas that are referred to, with all that they refer to themselves.
func (d *document) schemas() (object, error) {
	all := object{"Envelope": object{
		"type": "object", "required": []string{"status_code", "timestamp"},
		"description": "What every answer comes in.",
		"properties": object{
			"data":           object{"description": "What was asked for. It is missing from failures, and where there is nothing to say."},
			"status_code":    object{"type": "integer", "description": "1000 for success, others for what went wrong: 2000 and more on the caller's side, 3000 and more on ours."},
			"status_message": object{"type": "string", "description": "Says it in words, for people."},
			"timestamp":      object{"type": "string", "format": "date-time", "description": "When the answer was made."},
		},
	}}
	for _, v := range d.versions {
		of, err := Schemas(v)
		if err != nil {
			return nil, err
		}
		var todo []string
		for name := range d.needed[v] {
			todo = append(todo, name)
		}
		for len(todo) > 0 {
			name := todo[0]
			todo = todo[1:]
			raw, ok := of[name]
			if !ok {
				return nil, fmt.Errorf("OpenAPI document: version %s has no %s", v, name)
			}
			if all[d.schemaName(v, name)] != nil {
				continue
			}
			var refs []string
			if all[d.schemaName(v, name)], refs, err = d.renamed(v, raw); err != nil {
				return nil, err
			}
			todo = append(todo, refs...)
		}
	}
	return all, nil
}

// renamed is a schema whose references are those of this document, and the names of what it refers to.
func (d *document) renamed(v ocpi.Version, raw []byte) (schema any, refs []string, err error) {
	if err := json.Unmarshal(raw, &schema); err != nil {
		return nil, nil, fmt.Errorf("read a schema of version %s: %w", v, err)
	}
	return schema, d.rename(v, schema), nil
}

const refPrefix = "#/components/schemas/"

func (d *document) rename(v ocpi.Version, value any) (refs []string) {
	switch value := value.(type) {
	case map[string]any:
		for key, member := range value {
			if text, ok := member.(string); ok && key == "$ref" {
				name := strings.TrimPrefix(text, refPrefix)
				value[key] = refPrefix + d.schemaName(v, name)
				refs = append(refs, name)
				continue
			}
			refs = append(refs, d.rename(v, member)...)
		}
	case []any:
		for _, element := range value {
			refs = append(refs, d.rename(v, element)...)
		}
	}
	return refs
}
