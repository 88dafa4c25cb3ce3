package ocpiclient

import (
	"strings"
	"unicode/utf8"
)

// A pageLink is what the Link header of a page says about the next one.
type pageLink struct {
	state linkState
	// next is the target as it is written, where there is one.
	next string
	// odd tells that it was written as the quirk LinkCurlyQuotes describes.
	odd bool
}

type linkState int

const (
	linkAbsent linkState = iota // there is no header
	linkEmpty                   // there is a header with nothing in it
	linkLast                    // there are links, and none leads to a next page
	linkNext                    // there is a next page
	linkBroken                  // what is there cannot be read
)

// A linkValue is one link of a header.
type linkValue struct {
	target string
	// rel is the relation; hasRel is false where there is none.
	rel    string
	hasRel bool
	// odd tells of quotes that are curly or missing.
	odd bool
}

// readLink reads the Link headers of a page (requirement TF-21). There may be several links in one header or in several,
// with parameters in any order, with the quotes a word processor makes of quotes, or without any. A link that is alone
// and says nothing about itself leads to the next page.
func readLink(headers []string) pageLink {
	if len(headers) == 0 {
		return pageLink{}
	}
	text := strings.Trim(strings.Join(headers, ","), " \t,")
	if text == "" {
		return pageLink{state: linkEmpty}
	}
	var links []linkValue
	broken := false
	for text != "" {
		var link linkValue
		var ok bool
		link, text, ok = cutLink(text)
		if ok {
			links = append(links, link)
		}
		broken = broken || !ok
		text = strings.TrimLeft(text, " \t,")
	}
	for _, link := range links {
		if link.hasRel && isNext(link.rel) {
			return nextLink(link)
		}
	}
	switch {
	case broken:
		return pageLink{state: linkBroken}
	case len(links) == 1 && !links[0].hasRel:
		links[0].odd = true
		return nextLink(links[0])
	default:
		return pageLink{state: linkLast}
	}
}

func nextLink(link linkValue) pageLink {
	if link.target == "" {
		return pageLink{state: linkBroken}
	}
	return pageLink{state: linkNext, next: link.target, odd: link.odd}
}

// isNext reports whether next is among the relations.
func isNext(rel string) bool {
	for word := range strings.FieldsSeq(rel) {
		if strings.EqualFold(word, "next") {
			return true
		}
	}
	return false
}

// cutLink reads the first link of a header.
func cutLink(text string) (link linkValue, rest string, ok bool) {
	if !strings.HasPrefix(text, "<") {
		_, rest = cutOutsideQuotes(text, ',')
		return link, rest, false
	}
	target, rest, ok := strings.Cut(text[1:], ">")
	if !ok {
		return link, "", false
	}
	link.target = strings.TrimSpace(target)
	params, rest := cutOutsideQuotes(rest, ',')
	for params != "" {
		var param string
		param, params = cutOutsideQuotes(params, ';')
		name, value, _ := strings.Cut(param, "=")
		if strings.EqualFold(strings.TrimSpace(name), "rel") && !link.hasRel {
			link.hasRel = true
			link.rel, link.odd = unquote(strings.TrimSpace(value))
		}
	}
	return link, rest, true
}

// cutOutsideQuotes cuts at the first separator that is not inside of quotes.
func cutOutsideQuotes(text string, separator byte) (before, after string) {
	quoted := false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == separator && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// unquote takes the quotes off a value, of whatever kind they are; odd tells that they are not the ones they should be.
func unquote(value string) (text string, odd bool) {
	text = strings.TrimFunc(value, func(r rune) bool { return r == '"' || r == '\'' || r == '`' || r >= utf8.RuneSelf })
	return text, value != `"`+text+`"`
}
