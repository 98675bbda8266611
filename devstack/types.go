package devstack

import (
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"

	"github.com/bluegreen-go/bluegreen/devstack/internal/nacoswire"
)

// Overlay is a console edit of an instance. As at the console all fields are set at once: a nil field takes the value
// in force at that moment, and what the owner registers for Weight and Enabled is not looked at any more. Metadata keys
// are added to those of earlier edits; keys that no edit names stay the owner's.
type Overlay struct {
	Weight   *float64
	Enabled  *bool
	Metadata map[string]string
}

// ServiceKey names a service.
type ServiceKey struct {
	Namespace, Group, Name string
}

// Conn describes a client's gRPC connection. A naming client has one, a config client at least one.
type Conn struct {
	// ID is the connection id.
	ID string
	// RemoteAddr is the client's end of the connection.
	RemoteAddr string
	// App is the application name; Go naming clients send none.
	App string
	// Version and Namespace are what the client says of itself.
	Version, Namespace string
	// Labels are what the client sent with its setup, such as "module": "naming" and its own AppConnLabels.
	Labels map[string]string
	// Published and Subscribed list the services that the connection provides and watches.
	Published, Subscribed []ServiceKey
}

// Publishes reports whether the connection provides a service of that name in any group and namespace.
func (c Conn) Publishes(service string) bool {
	for _, k := range c.Published {
		if k.Name == service {
			return true
		}
	}
	return false
}

// Request is a request as a control function sees it.
type Request struct {
	// Type is the protocol's name of the request, such as "InstanceRequest".
	Type string
	// Conn is the connection that the request came on.
	Conn Conn
	// Body is the request's JSON. It must not be changed.
	Body []byte
}

// The values of Write.Type.
const (
	WriteRegister   = nacoswire.WriteRegister   // registration or update of one instance
	WriteDeregister = nacoswire.WriteDeregister // the connection's publication was withdrawn
	WriteBatch      = nacoswire.WriteBatch      // registration of a whole set
)

// Write is one naming write that the server has received.
type Write struct {
	// Time is when it arrived.
	Time time.Time
	// Type is one of the constants above.
	Type string
	// Namespace, Group and Service name what was written.
	Namespace, Group, Service string
	// IP, Port, Enabled and Weight are those of the first instance, for the common case of one.
	IP      string
	Port    uint64
	Enabled bool
	Weight  float64
	// Instances are all instances as the client sent them.
	Instances []model.Instance
	// Conn is the id of the connection, App its application name.
	Conn, App string
	// Applied is false if a fault, an exclusion or an error kept the write from taking effect.
	Applied bool
}

// Visibility is what watchers of a service may see from a moment on.
type Visibility struct {
	// Time is when the list came to be; pushes follow after the push delay.
	Time time.Time
	// Namespace, Group and Service name the service.
	Namespace, Group, Service string
	// Instances are the enabled instances.
	Instances []model.Instance
}

func newConn(c nacoswire.Conn) Conn {
	key := func(k nacoswire.ServiceKey) ServiceKey { return ServiceKey(k) }
	return Conn{
		ID: c.ID, RemoteAddr: c.RemoteAddr, App: c.App, Version: c.Version, Namespace: c.Namespace, Labels: c.Labels,
		Published: convert(c.Published, key), Subscribed: convert(c.Subscribed, key),
	}
}

func newWrite(w nacoswire.Write) Write {
	out := Write{
		Time: w.Time, Type: w.Type, Namespace: w.Service.Namespace, Group: w.Service.Group, Service: w.Service.Name,
		Instances: w.Instances, Conn: w.Conn, App: w.App, Applied: w.Applied,
	}
	if len(w.Instances) > 0 {
		in := w.Instances[0]
		out.IP, out.Port, out.Enabled, out.Weight = in.Ip, in.Port, in.Enable, in.Weight
	}
	return out
}

func newVisibility(v nacoswire.Visibility) Visibility {
	return Visibility{
		Time: v.Time, Namespace: v.Service.Namespace, Group: v.Service.Group, Service: v.Service.Name, Instances: v.Instances,
	}
}

func convert[A, B any](in []A, to func(A) B) []B {
	if in == nil {
		return nil
	}
	out := make([]B, len(in))
	for i, v := range in {
		out[i] = to(v)
	}
	return out
}
