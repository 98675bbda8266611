package registry

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"
)

func TestEmptyListIsToldOnceItLasts(t *testing.T) {
	for _, c := range []struct {
		name  string
		lists []int // lengths, each a second after the one before
		want  string
	}{
		{"nothing from the beginning", []int{0, 1}, "[0s:0 1s:1]"},
		{"back after an outage", []int{2, 0, 0, 1, 2}, "[0s:2 3s:1 4s:2]"},
		{"gone for good", []int{2, 0, 0}, "[0s:2 11s:0]"},
		{"gone twice", []int{1, 0, 1, 0}, "[0s:1 2s:1 13s:0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := &silent{fake: newFake()}
				n := &Naming{INamingClient: inner}
				began, told := time.Now(), []string{}
				param := &vo.SubscribeParam{ServiceName: service, SubscribeCallback: func(list []model.Instance, _ error) {
					told = append(told, fmt.Sprintf("%v:%d", time.Since(began), len(list)))
				}}
				if err := n.Subscribe(param); err != nil {
					t.Fatal(err)
				}
				for _, length := range c.lists {
					inner.pushed(make([]model.Instance, length), nil)
					time.Sleep(time.Second)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if got := fmt.Sprint(told); got != c.want {
					t.Errorf("told %s, want %s", got, c.want)
				}
			})
		})
	}
}
