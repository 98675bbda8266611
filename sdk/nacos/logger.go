package nacos

import (
	"fmt"
	"log/slog"
)

// warnings passes nacos-sdk-go's warnings and errors on to slog and drops the
// rest: at info it logs every registration in full.
type warnings struct{ to *slog.Logger }

func (warnings) Debug(...any)          {}
func (warnings) Debugf(string, ...any) {}
func (warnings) Info(...any)           {}
func (warnings) Infof(string, ...any)  {}
func (warnings) Close() error          { return nil }

func (w warnings) Warn(args ...any)  { w.to.Debug("nacos: " + fmt.Sprint(args...)) }
func (w warnings) Error(args ...any) { w.to.Warn("nacos: " + fmt.Sprint(args...)) }

func (w warnings) Warnf(format string, args ...any) {
	w.to.Debug("nacos: " + fmt.Sprintf(format, args...))
}

func (w warnings) Errorf(format string, args ...any) {
	w.to.Warn("nacos: " + fmt.Sprintf(format, args...))
}
