// Package readme holds the code that the documents show, so that it compiles.
// What stands between "// snippet: name" and "// end snippet" must be in a
// document, and every Go block of a document must be here: internal/doclinks
// compares them.
package readme
