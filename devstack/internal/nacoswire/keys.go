package nacoswire

import "strings"

const (
	// PublicNamespace is the name of the namespace that clients also spell as the empty string.
	PublicNamespace = "public"
	// DefaultGroup is the group of services and configs that name none.
	DefaultGroup = "DEFAULT_GROUP"

	defaultCluster = "DEFAULT"
	groupSeparator = "@@"
)

// ServiceKey names a service.
type ServiceKey struct {
	Namespace, Group, Name string
}

// NewServiceKey returns the key with the defaults filled in. A name of the form group@@name overrides group.
func NewServiceKey(namespace, group, name string) ServiceKey {
	if g, n, found := strings.Cut(name, groupSeparator); found {
		group, name = g, n
	}
	return ServiceKey{Namespace: normalNamespace(namespace), Group: normalGroup(group), Name: name}
}

func (k ServiceKey) grouped() string { return k.Group + groupSeparator + k.Name }

// ConfigKey names a config.
type ConfigKey struct {
	Namespace, Group, DataID string
}

// NewConfigKey returns the key with the defaults filled in.
func NewConfigKey(namespace, group, dataID string) ConfigKey {
	return ConfigKey{Namespace: normalNamespace(namespace), Group: normalGroup(group), DataID: dataID}
}

func normalNamespace(namespace string) string {
	if namespace == "" {
		return PublicNamespace
	}
	return namespace
}

// spelledNamespace is the form in which configs of the public namespace are handed out.
func spelledNamespace(namespace string) string {
	if namespace == PublicNamespace {
		return ""
	}
	return namespace
}

func normalGroup(group string) string {
	if group == "" {
		return DefaultGroup
	}
	return group
}

// validName reports whether a data id or group consists of the characters that Nacos accepts.
func validName(s string) bool {
	if s == "" {
		return false
	}
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		case strings.ContainsRune("_-.:", r):
		default:
			return false
		}
	}
	return true
}
