package http1

import "bytes"

// The types of an answer: a message, or a stream of them.
const (
	JSONType        = "application/json"
	EventStreamType = "text/event-stream"
)

// Accepted is what a client takes as an answer (RFC 9110 12.5.1).
type Accepted struct {
	JSON, Stream bool
	Named        bool // streams by their name or as text, not only among everything
}

// usualAccept is what the specification has clients send.
const usualAccept = JSONType + ", " + EventStreamType

// ReadAccept reads an Accept field; nil or empty is anything. Of the ranges that match a type the most specific counts,
// of equal ones that with a weight above 0. Parameters other than the weight are not looked at.
func ReadAccept(field []byte) Accepted {
	if string(field) == usualAccept {
		return Accepted{JSON: true, Stream: true, Named: true}
	}
	if len(bytes.Trim(field, " \t,")) == 0 {
		return Accepted{JSON: true, Stream: true}
	}
	var json, stream ranking
	for len(field) > 0 {
		item, rest, _ := bytes.Cut(field, []byte{','})
		media, parameters, _ := bytes.Cut(item, []byte{';'})
		media = bytes.TrimSpace(media)
		wanted := weighs(parameters)
		json.take(media, JSONType, wanted)
		stream.take(media, EventStreamType, wanted)
		field = rest
	}
	return Accepted{JSON: json.wanted, Stream: stream.wanted, Named: stream.wanted && stream.rank > rankAny}
}

// ranking is the best range so far for a type.
type ranking struct {
	rank   uint8
	wanted bool
}

const (
	rankAny   uint8 = iota + 1 // */*
	rankMajor                  // text/*
	rankExact
)

func (m *ranking) take(media []byte, mediaType string, wanted bool) {
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
		*m = ranking{rank, wanted}
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

// IsJSON reports whether a Content-Type is application/json, with or without parameters.
func IsJSON(contentType []byte) bool {
	media, _, _ := bytes.Cut(contentType, []byte{';'})
	return bytes.EqualFold(bytes.TrimSpace(media), []byte(JSONType))
}

// IsIdentity reports whether a Content-Encoding says that the body is as it is.
func IsIdentity(codings []byte) bool {
	for len(codings) > 0 {
		coding, rest, _ := bytes.Cut(codings, []byte{','})
		if coding = bytes.TrimSpace(coding); len(coding) > 0 && !bytes.EqualFold(coding, []byte("identity")) {
			return false
		}
		codings = rest
	}
	return true
}

// Lists reports whether a comma-separated list holds name.
func Lists(list []byte, name string) bool {
	for len(list) > 0 {
		item, rest, _ := bytes.Cut(list, []byte{','})
		if string(bytes.TrimSpace(item)) == name {
			return true
		}
		list = rest
	}
	return false
}
