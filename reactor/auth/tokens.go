package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"

	"weir/codec/option"
)

// A tokens file says who may come, a line per token: the name of a principal, the SHA-256 of the token in hex, and
// optionally when it ends (RFC 3339), with blanks between them. What follows a # is a comment. The token itself is
// nowhere but with its holder, so whoever reads the file cannot come in with it; that is why a plain hash will do: the
// tokens are random (NewToken), not passwords that could be guessed and hashed.

// The bounds of a tokens file and of what is in it.
const (
	// MaxTokensFileBytes holds maxTokens lines with every field at its longest.
	MaxTokensFileBytes = 2 << 20
	maxTokens          = 10_000
	maxPrincipalBytes  = 64
	// maxTokenBytes is the longest token that is hashed: 8 times what NewToken makes, and 9 blocks of SHA-256.
	maxTokenBytes = 512
	// tokenEntropy is how many random bytes make a token.
	tokenEntropy = 32
)

// never is the end of a credential that has none.
const never = math.MaxInt64

// Credential is what one token gives: to be a principal, for a time. Connections hold theirs, so that it can be taken
// away.
type Credential struct {
	Principal string // who; never changed
	digest    [sha256.Size]byte
	until     atomic.Int64 // Unix seconds; never; 0 when it was taken away
}

// Vouched is the credential of somebody who has shown one to another node of the cluster, which sees to its end.
func Vouched(principal string) *Credential {
	c := &Credential{Principal: principal}
	c.until.Store(never)
	return c
}

// Ended says whether the credential is over at now, in Unix seconds. Any goroutine.
func (c *Credential) Ended(now int64) bool { return now >= c.until.Load() }

// Tokens are those who may come. Made by ParseTokens, given to one server, never changed by anybody else.
type Tokens struct {
	seed        maphash.Seed
	credentials map[uint64]*Credential // by the seeded hash of the digest, of which no two are alike
}

// Len is how many tokens there are, those that have ended included.
func (t *Tokens) Len() int { return len(t.credentials) }

// nobody is what an unknown token is compared with.
var nobody Credential

// find returns the credential of a token, nil if nobody has it. It takes the same time for every token of a length,
// known or not: one hash, one look, one comparison of all of the digest. It allocates nothing. Any goroutine.
func (t *Tokens) find(token []byte) *Credential {
	digest := sha256.Sum256(token)
	c := t.credentials[maphash.Bytes(t.seed, digest[:])]
	if c == nil {
		c = &nobody
	}
	if subtle.ConstantTimeCompare(digest[:], c.digest[:]) == 0 || c == &nobody {
		return nil
	}
	return c
}

// Succeed has t follow old. A token that both hold for the same principal keeps its credential, and ends as t says; the
// others of old have ended.
func (t *Tokens) Succeed(old *Tokens) {
	for _, c := range old.credentials {
		key := maphash.Bytes(t.seed, c.digest[:])
		if next := t.credentials[key]; next != nil && next.digest == c.digest && next.Principal == c.Principal {
			c.until.Store(next.until.Load())
			t.credentials[key] = c
		} else {
			c.until.Store(0)
		}
	}
}

// ParseTokens reads a tokens file. It is strict, and finds all mistakes, none of which names its file or holds what
// might be a token; with any there are no tokens. A file without entries is one that lets nobody in.
func ParseTokens(text []byte) (*Tokens, option.Mistakes) {
	p := &tokenParser{lines: map[[sha256.Size]byte]int{}}
	if len(text) > MaxTokensFileBytes {
		p.line = 1
		p.mistake(0, "the file is larger than %d bytes", MaxTokensFileBytes)
		return nil, p.mistakes
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors write a byte order mark
	for line := range bytes.Lines(text) {
		p.line++
		p.entry(bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'}))
		if len(p.credentials) > maxTokens {
			p.mistake(0, "more than %d tokens", maxTokens)
			break
		}
	}
	if len(p.mistakes) > 0 {
		return nil, p.mistakes
	}
	return tokensOf(p.credentials), nil
}

// tokensOf indexes credentials, with another seed in the case, of which nobody will see one, that two digests hash
// alike.
func tokensOf(credentials []*Credential) *Tokens {
	for {
		t := &Tokens{seed: maphash.MakeSeed(), credentials: make(map[uint64]*Credential, len(credentials))}
		for _, c := range credentials {
			t.credentials[maphash.Bytes(t.seed, c.digest[:])] = c
		}
		if len(t.credentials) == len(credentials) {
			return t
		}
	}
}

type tokenParser struct {
	line        int
	lines       map[[sha256.Size]byte]int // where each digest stands
	credentials []*Credential
	mistakes    option.Mistakes
}

// mistake notes what is wrong at an offset into the line.
func (p *tokenParser) mistake(at int, format string, args ...any) {
	p.mistakes = append(p.mistakes, &option.Mistake{
		Place: option.Place{Line: p.line, Column: at + 1}, Text: fmt.Sprintf(format, args...),
	})
}

// entry reads one line.
func (p *tokenParser) entry(line []byte) {
	line, _, _ = bytes.Cut(line, []byte{'#'})
	var fields [4]span
	for i, from := 0, 0; i < len(fields); i++ {
		if fields[i] = field(line, from); fields[i].to == 0 {
			break
		}
		from = fields[i].to
	}
	name, digest, end, more := fields[0], fields[1], fields[2], fields[3]
	if name.to == 0 {
		return
	}
	before := len(p.mistakes)
	c := &Credential{Principal: string(line[name.from:name.to])}
	if at, ok := validPrincipal(c.Principal); !ok {
		p.mistake(name.from+at, "a principal is 1 to %d letters, digits and any of . _ - @ +", maxPrincipalBytes)
	}
	if digest.to == 0 {
		p.mistake(name.to, "the SHA-256 of the token is missing")
		return
	}
	p.digest(line, digest, c)
	c.until.Store(p.end(line, end))
	if more.to > 0 {
		p.mistake(more.from, "nothing may follow the end of a token")
	}
	if len(p.mistakes) == before {
		p.credentials = append(p.credentials, c)
	}
}

// digest reads the second field.
func (p *tokenParser) digest(line []byte, at span, c *Credential) {
	switch n, err := hex.Decode(c.digest[:], line[at.from:min(at.to, at.from+2*sha256.Size)]); {
	case err != nil || n != sha256.Size || at.to-at.from != 2*sha256.Size:
		p.mistake(at.from, "want the SHA-256 of the token, 64 hexadecimal digits; \"weir token\" makes such a line")
	case c.digest == sha256.Sum256(nil):
		p.mistake(at.from, "this is the SHA-256 of nothing")
	case p.lines[c.digest] != 0:
		p.mistake(at.from, "the same token as in line %d", p.lines[c.digest])
	default:
		p.lines[c.digest] = p.line
	}
}

// end reads the third field.
func (p *tokenParser) end(line []byte, at span) int64 {
	if at.to == 0 {
		return never
	}
	end, err := time.Parse(time.RFC3339, string(line[at.from:at.to]))
	if err != nil || end.Unix() <= 0 {
		p.mistake(at.from, "want the time at which the token ends, such as 2027-01-31T00:00:00Z, or nothing")
		return 0
	}
	return end.Unix()
}

// span is where a field stands in its line; to is 0 when there is none.
type span struct{ from, to int }

// field finds the next run of what is not blank.
func field(line []byte, from int) span {
	blank := func(c byte) bool { return c == ' ' || c == '\t' }
	for from < len(line) && blank(line[from]) {
		from++
	}
	to := from
	for to < len(line) && !blank(line[to]) {
		to++
	}
	if from == to {
		return span{}
	}
	return span{from, to}
}

// validPrincipal judges a name, and says where it goes wrong. A colon is not in it, so that no file can name what the
// kernel says of a peer (uid:0).
func validPrincipal(name string) (at int, ok bool) {
	for i := range len(name) {
		c := name[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && bytes.IndexByte([]byte("._-@+"), c) < 0 || i == maxPrincipalBytes {
			return i, false
		}
	}
	return 0, name != ""
}

// NewToken makes a token for a principal, 256 random bits in base64url, and the line of a tokens file that lets it in
// until end, if that is not zero. Nothing keeps the token.
func NewToken(principal string, end time.Time) (token, line string, err error) {
	if _, ok := validPrincipal(principal); !ok {
		return "", "", fmt.Errorf("%.100q is no name of a principal, which is 1 to %d letters, digits and any of . _ - @ +",
			principal, maxPrincipalBytes)
	}
	random := make([]byte, tokenEntropy)
	rand.Read(random) // never fails
	token = base64.RawURLEncoding.EncodeToString(random)
	line = fmt.Sprintf("%s %x", principal, sha256.Sum256([]byte(token)))
	if !end.IsZero() {
		line += " " + end.UTC().Format(time.RFC3339)
	}
	return token, line, nil
}
