package client

import (
	"encoding/json"
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// packedCounters is how counters travel between processes: the figures as JSON, the histograms in the format that all
// HdrHistogram libraries read.
type packedCounters struct {
	Figures    figures
	Histograms [][]byte
}

type figures Counters // without MarshalJSON; the histograms are left out by their tags

// MarshalJSON implements json.Marshaler.
func (c Counters) MarshalJSON() ([]byte, error) {
	p := packedCounters{Figures: figures(c)}
	for _, h := range c.Histograms() {
		b, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			return nil, fmt.Errorf("histogram: %w", err)
		}
		p.Histograms = append(p.Histograms, b)
	}
	return json.Marshal(p)
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Counters) UnmarshalJSON(text []byte) error {
	p := packedCounters{Figures: figures(NewCounters())}
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	*c = Counters(p.Figures)
	into := c.Histograms()
	if len(p.Histograms) != len(into) {
		return fmt.Errorf("%d histograms, want %d", len(p.Histograms), len(into))
	}
	for i, b := range p.Histograms {
		h, err := hdrhistogram.Decode(b)
		if err != nil {
			return fmt.Errorf("histogram %d: %w", i, err)
		}
		if dropped := into[i].Merge(h); dropped > 0 {
			return fmt.Errorf("histogram %d: %d values are out of range", i, dropped)
		}
	}
	return nil
}
