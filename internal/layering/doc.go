// Package layering holds the arrows between this module's packages: which room
// may know which other, and which foreign library may be linked where. It has
// tests only; they read the import graph of the whole module with `go list`.
//
// It holds one more rule that no linter can say: tests do not sleep on the real
// clock.
//
// The arrows are drawn in ARCHITECTURE.md. A new room gets its rule here in the
// same change that adds it.
package layering
