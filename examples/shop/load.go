package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bluegreen-go/bluegreen/examples/shop/internal/tally"
)

// maxUnderWay bounds the requests under way; at the bound the load waits, which no healthy run comes to.
const maxUnderWay = 256

// load sends requests to the gateway at a constant rate, whether they are answered or not.
type load struct {
	base    string // the gateway's address
	rate    int    // requests a second
	every   int    // every that many is a purchase, the others are quotes
	client  *http.Client
	collect *tally.Collector
}

func newLoad(port, rate, every int, collect *tally.Collector) *load {
	return &load{
		base: "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) + "/",
		rate: rate, every: every, collect: collect,
		client: &http.Client{
			Timeout:   (retries + 1) * callTimeout * 2,
			Transport: &http.Transport{MaxIdleConnsPerHost: maxUnderWay},
		},
	}
}

// run sends requests until ctx is done, and waits for the last answers.
func (l *load) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer l.client.CloseIdleConnections()
	defer wg.Wait()
	places := make(chan struct{}, maxUnderWay)
	start := time.Now()
	tick := time.NewTicker(max(time.Millisecond, time.Second/time.Duration(l.rate)))
	defer tick.Stop()
	sent := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		due := int(time.Since(start).Seconds() * float64(l.rate))
		if due-sent > l.rate/4 { // the machine was busy: do not catch up in one burst
			start, due, sent = time.Now(), 1, 0
		}
		for ; sent < due; sent++ {
			places <- struct{}{}
			operation := quote
			if sent%l.every == 0 {
				operation = purchase
			}
			wg.Go(func() {
				r := l.collect.Begin(false)
				tree, err := l.ask(operation)
				l.collect.End(r, tree, err)
				<-places
			})
		}
	}
}

// ask sends one request. A request that was begun is not cut short when the load ends.
func (l *load) ask(operation string) (*tally.Node, error) {
	res, err := l.client.Get(l.base + operation)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", operation, res.Status, body)
	}
	return tally.Decode(string(body))
}

// warmUp waits until purchases are answered one after the other.
func (l *load) warmUp(ctx context.Context) error {
	var last error
	for good := 0; good < 20; {
		if _, last = l.ask(purchase); last == nil {
			good++
			continue
		}
		good = 0
		select {
		case <-ctx.Done():
			return fmt.Errorf("the shop does not answer: %w", last)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}
