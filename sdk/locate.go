package sdk

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"gopkg.in/yaml.v3"
)

var errUnknownField = errors.New("unknown field")

// locate finds the first thing in the tree that cannot be a value of type t, so
// that the error of a document that cannot be decoded names line and field. It
// returns nil if it finds nothing.
func locate(n *yaml.Node, t reflect.Type, path string, strict bool) *FieldError {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	_, text := reflect.TypeAssert[encoding.TextUnmarshaler](reflect.New(t))
	switch {
	case !text && t.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		return locateField(n, t, path, strict)
	case t.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		for i, item := range n.Content {
			if err := locate(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i), strict); err != nil {
				return err
			}
		}
	case t.Kind() == reflect.Map && n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if err := locate(n.Content[i+1], t.Elem(), join(path, n.Content[i].Value), strict); err != nil {
				return err
			}
		}
	case n.Kind != yaml.AliasNode:
		if err := n.Decode(reflect.New(t).Interface()); err != nil {
			return &FieldError{Line: n.Line, Field: path, Err: fmt.Errorf("%w: cannot be %q", ErrInvalidDocument, n.Value)}
		}
	}
	return nil
}

func locateField(n *yaml.Node, t reflect.Type, path string, strict bool) *FieldError {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		field, ok := fieldOf(t, key.Value)
		if !ok {
			if strict {
				return &FieldError{Line: key.Line, Field: join(path, key.Value), Err: fmt.Errorf("%w: %w", ErrInvalidDocument, errUnknownField)}
			}
			continue
		}
		if err := locate(n.Content[i+1], field.Type, join(path, key.Value), strict); err != nil {
			return err
		}
	}
	return nil
}

func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
