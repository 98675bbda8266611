// Package doclinks keeps the documents true: every relative link and anchor in
// a Markdown file leads somewhere, the commands that they show exist, every Go
// snippet is code that compiles, and the translated README says what the
// original says. It has tests only.
package doclinks
