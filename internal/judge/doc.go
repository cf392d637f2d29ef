// Package judge holds what we meter against independent judges, on the captures of the corpus: tshark, Zeek, Argus, and
// frames that a mutator has made hostile. It has only tests.
package judge
