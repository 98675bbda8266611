package nacoswire

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
)

// overlayLife is how long a console edit is remembered after its instance has gone.
const overlayLife = 60 * time.Second

// What Nacos reports of the heartbeats of instances that name no interval, in milliseconds.
const (
	beatInterval = 5_000
	beatTimeout  = 15_000
	beatDelete   = 30_000
)

var (
	errNoService  = errors.New("service not found")
	errNoInstance = errors.New("instance not found")
)

// Overlay is an edit made at the console. A nil field keeps the value in force, which is the console's from then on.
type Overlay struct {
	Weight   *float64
	Enabled  *bool
	Metadata map[string]string
}

// overlay is a stored edit. It lies above what the owner registers: weight and enabled win, metadata keys win one by one.
type overlay struct {
	weight   float64
	enabled  bool
	metadata map[string]string
	absent   time.Time // since when there is no such instance; zero: there is one
}

func overlayKey(ip string, port uint64, cluster string) string {
	if cluster == "" {
		cluster = defaultCluster
	}
	return net.JoinHostPort(ip, strconv.FormatUint(port, 10)) + "#" + cluster
}

// expireOverlaysLocked starts, stops and ends the life of edits whose instances are not registered.
func (s *namingStore) expireOverlaysLocked(svc *service) {
	if len(svc.overlays) == 0 {
		return
	}
	now := s.clock.now()
	present := map[string]bool{}
	for _, p := range svc.pubs {
		for _, in := range p.instances {
			present[overlayKey(in.Ip, in.Port, in.ClusterName)] = true
		}
	}
	for key, o := range svc.overlays {
		switch {
		case !o.absent.IsZero() && now.Sub(o.absent) > overlayLife:
			delete(svc.overlays, key)
		case present[key]:
			o.absent = time.Time{}
		case o.absent.IsZero():
			o.absent = now
		}
	}
}

// effective returns all instances with the edits applied. Equal records of two connections are one, unequal ones are two.
func (v *service) effective() []model.Instance {
	all := make([]model.Instance, 0, len(v.pubs))
	for _, p := range v.pubs {
		for _, in := range p.instances {
			in = v.complete(in)
			twin := func(other model.Instance) bool {
				return other.InstanceId == in.InstanceId && reflect.DeepEqual(other, in)
			}
			if !slices.ContainsFunc(all, twin) {
				all = append(all, in)
			}
		}
	}
	return all
}

func (v *service) complete(in model.Instance) model.Instance {
	if in.ClusterName == "" {
		in.ClusterName = defaultCluster
	}
	in.ServiceName = v.key.grouped()
	in.InstanceId = fmt.Sprintf("%s#%d#%s#%s", in.Ip, in.Port, in.ClusterName, in.ServiceName)
	in.InstanceHeartBeatInterval, in.InstanceHeartBeatTimeOut, in.IpDeleteTimeout = beatInterval, beatTimeout, beatDelete
	metadata := map[string]string{}
	maps.Copy(metadata, in.Metadata)
	if o, ok := v.overlays[overlayKey(in.Ip, in.Port, in.ClusterName)]; ok {
		in.Weight, in.Enable = o.weight, o.enabled
		maps.Copy(metadata, o.metadata)
	}
	in.Metadata = metadata
	return in
}

// info is the service as subscribers see it. Its hosts share their metadata with the store, which never changes a list
// once it is made; they are to be encoded, not handed out.
func (v *service) info(clusters string, healthyOnly bool) model.Service {
	hosts := make([]model.Instance, 0, len(v.visible))
	for _, in := range v.visible {
		if (clusters == "" || slices.Contains(strings.Split(clusters, ","), in.ClusterName)) && (in.Healthy || !healthyOnly) {
			hosts = append(hosts, in)
		}
	}
	return model.Service{
		Name: v.key.Name, GroupName: v.key.Group, Clusters: clusters, CacheMillis: cacheMillis,
		Hosts: hosts, LastRefTime: v.lastRef, Valid: true,
	}
}

// edit applies a console edit to an instance that is registered.
func (s *namingStore) edit(k ServiceKey, ip string, port uint64, cluster string, o Overlay) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc, ok := s.services[k]
	if !ok {
		return fmt.Errorf("%s: %w", k.grouped(), errNoService)
	}
	key := overlayKey(ip, port, cluster)
	i := slices.IndexFunc(svc.all, func(in model.Instance) bool { return overlayKey(in.Ip, in.Port, in.ClusterName) == key })
	if i < 0 {
		return fmt.Errorf("%s of %s: %w", key, k.grouped(), errNoInstance)
	}
	next := &overlay{weight: svc.all[i].Weight, enabled: svc.all[i].Enable, metadata: map[string]string{}}
	if old, ok := svc.overlays[key]; ok {
		maps.Copy(next.metadata, old.metadata)
	}
	if o.Weight != nil {
		next.weight = *o.Weight
	}
	if o.Enabled != nil {
		next.enabled = *o.Enabled
	}
	maps.Copy(next.metadata, o.Metadata)
	svc.overlays[key] = next
	s.refreshLocked(svc)
	return nil
}

// replaceOverlay is the edit of the HTTP API: it sets all three fields and may come before the instance.
func (s *namingStore) replaceOverlay(k ServiceKey, key string, o *overlay) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	svc, ok := s.services[k]
	if !ok {
		return fmt.Errorf("%s: %w", k.grouped(), errNoService)
	}
	svc.overlays[key] = o
	s.refreshLocked(svc)
	return nil
}
