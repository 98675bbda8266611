package main

import (
	"time"

	"github.com/bluegreen-go/bluegreen/sdk"
)

// rates turns the processes' call counts into calls a second, over the last second or so. The zero value is ready.
type rates struct {
	seen map[*process]reading
}

type reading struct {
	at   time.Time
	n    int64
	rate float64
}

// rows returns the process board.
func (r *rates) rows(procs []*process, now time.Time) []row {
	next := map[*process]reading{}
	var rows []row
	for _, s := range services {
		line := row{service: s.name, channel: s.channel, cells: map[sdk.Color][]cell{}}
		for _, p := range procs {
			if p.spec.Role != roleService || p.spec.Service != s.name {
				continue
			}
			last := r.read(p, now)
			next[p] = last
			line.cells[p.color] = append(line.cells[p.color], cell{p.version, last.rate, p.isReady()})
		}
		rows = append(rows, line)
	}
	r.seen = next
	return rows
}

func (r *rates) read(p *process, now time.Time) reading {
	last, ok := r.seen[p]
	n := p.served.Load()
	switch took := now.Sub(last.at); {
	case !ok:
		return reading{now, n, 0}
	case took >= time.Second:
		return reading{now, n, float64(n-last.n) / took.Seconds()}
	}
	return last
}

// isReady reports whether the child has said that it serves.
func (p *process) isReady() bool {
	select {
	case <-p.ready:
		return true
	default:
		return false
	}
}
