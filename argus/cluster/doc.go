// Package cluster adds records up: by flow or by any key (racluster), in bins of time (rabins), as counts (racount), and
// puts them in order (rasort). What it holds is bounded: what has no room is given out early. Words and results are those
// of the Argus clients 3.0.8; where they are not, docs/aggregation.md says why.
package cluster
