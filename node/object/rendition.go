package object

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/roamwire/roamwire/ocpi"
	"github.com/roamwire/roamwire/ocpi/convert"
)

// A rendition is what partners of a version get, as it is stored: the document, and behind it what the version could not say,
// so that a page can tell that without a translation. A document ends with a bracket; a rendition with losses ends with
//
//	the first losses, each as pointer, lossSeparator, reason, lossEnd
//	how many there are, and how many bytes the first ones take: 4 bytes each, the lowest first
//	renditionEnd
const (
	lossSeparator = '\x01'
	lossEnd       = '\x02'
	renditionEnd  = '\x00'

	renditionTail = 4 + 4 + 1
	// renditionForm changes when what is behind the document does.
	renditionForm = "1"
)

// lossText keeps what separates losses out of them.
var lossText = strings.NewReplacer(string(lossSeparator), " ", string(lossEnd), " ")

// packRendition makes a rendition of a document and its losses.
func packRendition(document jsontext.Value, losses []convert.Loss) []byte {
	if len(losses) == 0 {
		return document
	}
	packed := bytes.Clone(document)
	for _, l := range losses[:min(len(losses), ocpi.MaxLosses)] {
		packed = append(packed, lossText.Replace(l.Pointer)...)
		packed = append(packed, lossSeparator)
		packed = append(packed, lossText.Replace(l.Reason)...)
		packed = append(packed, lossEnd)
	}
	size := len(packed) - len(document)
	packed = binary.LittleEndian.AppendUint32(packed, uint32(len(losses)))
	packed = binary.LittleEndian.AppendUint32(packed, uint32(size))
	return append(packed, renditionEnd)
}

// unpackRendition takes a rendition apart, and adds its losses to those of a page that has it at a place.
func unpackRendition(packed []byte, place int, all *ocpi.Losses) jsontext.Value {
	tail := len(packed) - renditionTail
	if tail < 0 || packed[len(packed)-1] != renditionEnd {
		return packed
	}
	count := int(binary.LittleEndian.Uint32(packed[tail:]))
	size := int(binary.LittleEndian.Uint32(packed[tail+4:]))
	if size > tail {
		return packed
	}
	document, losses := packed[:tail-size:tail-size], packed[tail-size:tail]
	wanted := min(count, ocpi.MaxLosses-len(all.First))
	for at := "/" + strconv.Itoa(place); wanted > 0 && len(losses) > 0; wanted-- {
		var loss []byte
		loss, losses, _ = bytes.Cut(losses, []byte{lossEnd})
		pointer, reason, _ := bytes.Cut(loss, []byte{lossSeparator})
		all.Add(ocpi.Outbound, ocpi.Loss{Pointer: at + string(pointer), Reason: string(reason)})
		count--
	}
	all.Out += count
	return document
}
