package transport

import "bytes"

// accepted is what a client takes as an answer (RFC 9110 12.5.1).
type accepted struct {
	json, stream bool
	named        bool // streams by their name or as text, not only among everything
}

// usualAccept is what the specification has clients send.
const usualAccept = jsonType + ", " + eventStreamType

// readAccept reads an Accept field; nil or empty is anything. Of the ranges that match a type the most specific counts,
// of equal ones that with a weight above 0. Parameters other than the weight are not looked at.
func readAccept(field []byte) accepted {
	if string(field) == usualAccept {
		return accepted{json: true, stream: true, named: true}
	}
	if len(bytes.Trim(field, " \t,")) == 0 {
		return accepted{json: true, stream: true}
	}
	var json, stream match
	for len(field) > 0 {
		item, rest, _ := bytes.Cut(field, []byte{','})
		media, parameters, _ := bytes.Cut(item, []byte{';'})
		media = bytes.TrimSpace(media)
		wanted := weighs(parameters)
		json.take(media, jsonType, wanted)
		stream.take(media, eventStreamType, wanted)
		field = rest
	}
	return accepted{json: json.wanted, stream: stream.wanted, named: stream.wanted && stream.rank > rankAny}
}

// match is the best range so far for a type.
type match struct {
	rank   uint8
	wanted bool
}

const (
	rankAny   uint8 = iota + 1 // */*
	rankMajor                  // text/*
	rankExact
)

func (m *match) take(media []byte, mediaType string, wanted bool) {
	major := mediaType[:bytes.IndexByte([]byte(mediaType), '/')+1]
	var rank uint8
	switch {
	case string(media) == "*/*":
		rank = rankAny
	case len(media) == len(major)+1 && media[len(major)] == '*' && bytes.EqualFold(media[:len(major)], []byte(major)):
		rank = rankMajor
	case bytes.EqualFold(media, []byte(mediaType)):
		rank = rankExact
	default:
		return
	}
	if rank > m.rank {
		*m = match{rank, wanted}
	} else if rank == m.rank {
		m.wanted = m.wanted || wanted
	}
}

// weighs says whether the weight among the parameters of a range, 1 without one, is above 0.
func weighs(parameters []byte) bool {
	for len(parameters) > 0 {
		item, rest, _ := bytes.Cut(parameters, []byte{';'})
		name, value, _ := bytes.Cut(item, []byte{'='})
		if bytes.EqualFold(bytes.TrimSpace(name), []byte("q")) {
			value = bytes.TrimSpace(value)
			return len(value) == 0 || value[0] != '0' || len(bytes.Trim(value, "0.")) > 0
		}
		parameters = rest
	}
	return true
}
