// Package histogram is how counts by bucket are told to Prometheus.
//
// Its one rule: who counts does an atomic addition, and all else is done when somebody asks.
//
// It never knows what is counted.
package histogram
