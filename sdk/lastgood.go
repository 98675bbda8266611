package sdk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"
)

// lastGood is the content of the last-good file: the documents as they were read.
type lastGood struct {
	Index    string            `yaml:"index"`
	Channels map[string]string `yaml:"channels"`
}

// readLastGood returns nil without an error if there is no file.
func readLastGood(path string) (_ *lastGood, err error) {
	defer recoverYAML(&err)
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f := &lastGood{}
	if err := yaml.Unmarshal(b, f); err != nil {
		return nil, fmt.Errorf("last-good file %s: %w", path, err)
	}
	if f.Channels == nil { // write never leaves it out: cut off, or not ours
		return nil, fmt.Errorf("last-good file %s: %w", path, ErrEmptyDocument)
	}
	return f, nil
}

// write replaces the file in one step: a reader sees the old or the new one.
func (f *lastGood) write(path string) error {
	if path == "" {
		return nil
	}
	b, err := yaml.Marshal(f)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, ".lastgood-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already if all went well
	if _, err := tmp.Write(b); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
