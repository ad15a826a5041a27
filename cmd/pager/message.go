package pager

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

// Alert is one change of an alert.
type Alert struct {
	Labels      map[string]string // alertname and whatever tells this one from others
	Annotations map[string]string
	StartsAt    time.Time
	EndsAt      time.Time // zero while it fires
}

// message is what Alertmanager posts (its documentation, "Webhook receiver", version 4).
type message struct {
	Version           string            `json:"version"`
	GroupKey          string            `json:"groupKey"`
	TruncatedAlerts   int               `json:"truncatedAlerts"`
	Status            string            `json:"status"`
	Receiver          string            `json:"receiver"`
	GroupLabels       map[string]string `json:"groupLabels"`
	CommonLabels      map[string]string `json:"commonLabels"`
	CommonAnnotations map[string]string `json:"commonAnnotations"`
	ExternalURL       string            `json:"externalURL"`
	Alerts            []posted          `json:"alerts"`
}

type posted struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// encode is the body of a request.
func (a *Alert) encode() []byte {
	status := "firing"
	if !a.EndsAt.IsZero() {
		status = "resolved"
	}
	group := map[string]string{"alertname": a.Labels["alertname"]}
	body, err := json.Marshal(message{
		Version: "4", GroupKey: fmt.Sprintf("{}:{alertname=%q}", group["alertname"]), Status: status, Receiver: "weir",
		GroupLabels: group, CommonLabels: a.Labels, CommonAnnotations: a.Annotations,
		Alerts: []posted{{Status: status, Labels: a.Labels, Annotations: a.Annotations, StartsAt: a.StartsAt.UTC(),
			EndsAt: a.EndsAt.UTC(), Fingerprint: fingerprint(a.Labels)}},
	})
	if err != nil {
		panic(fmt.Sprintf("an alert of texts and times is no JSON: %v", err))
	}
	return body
}

// fingerprint tells alerts apart by their labels: FNV-1a over names and values in order, as Prometheus does.
func fingerprint(labels map[string]string) string {
	h := fnv.New64a()
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(h, "%s\xff%s\xff", name, labels[name])
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
