package tracing

import (
	"context"

	"go.opentelemetry.io/otel/baggage"
)

// Limits of W3C baggage. A receiver drops members, or all, beyond them.
const (
	maxMembers = 64
	maxBaggage = 8192
)

// FromBaggage returns the text in the OpenTelemetry baggage of ctx; "" if there
// is none. It allocates nothing.
func FromBaggage(ctx context.Context) string {
	b := baggage.FromContext(ctx)
	if b.Len() == 0 {
		return ""
	}
	return b.Member(Key).Value()
}

// ContextWithBaggage returns a context whose baggage has the text as a member,
// beside those of the application, which stay. Where these leave no room within
// the limits of baggage, ctx is returned without the member: the carriers' own
// key has the text all the same.
func ContextWithBaggage(ctx context.Context, text string) context.Context {
	b := baggage.FromContext(ctx)
	member, err := baggage.NewMemberRaw(Key, text)
	if err != nil {
		return withoutBaggage(ctx)
	}
	with, err := b.SetMember(member)
	if err != nil || with.Len() > maxMembers || len(with.String()) > maxBaggage {
		return withoutBaggage(ctx)
	}
	return baggage.ContextWithBaggage(ctx, with)
}

// withoutBaggage drops the member from the baggage of ctx.
func withoutBaggage(ctx context.Context) context.Context {
	b := baggage.FromContext(ctx)
	if b.Len() == 0 || b.Member(Key).Key() == "" {
		return ctx
	}
	return baggage.ContextWithBaggage(ctx, b.DeleteMember(Key))
}
