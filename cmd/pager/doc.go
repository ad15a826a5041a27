// Package pager tells somebody's receiver of alerts, in the JSON that Alertmanager posts to its webhooks (version 4):
// so every receiver that is made for Alertmanager takes them.
//
// Each change is one request with one alert. It is sent until the receiver answers, in order, and once: what was
// answered with 2xx is never sent again. A receiver that took it and could not say so gets it a second time; it knows
// it by fingerprint, status and startsAt.
//
// The one rule: Send never waits. What the receiver does not take waits in a bounded queue, and what finds that full is
// dropped and counted.
//
// It never knows why an alert fires.
package pager
