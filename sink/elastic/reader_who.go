package elastic

import (
	"context"
	"encoding/json"
)

// whoLimit bounds an answer to the question who somebody is, in bytes.
const whoLimit = 4 << 20

// who asks in the way of the product that the store is known to be; where it is not known, as Elasticsearch is asked first.
func (v view) who(ctx context.Context) (Caller, error) {
	if v.product.get() != openSearch {
		caller, err := v.identify(ctx, elasticsearch)
		if v.product.get() == elasticsearch || !noSecurity(err) {
			return anybody(caller, err)
		}
	}
	return anybody(v.identify(ctx, openSearch))
}

// anybody is the caller of a store without security.
func anybody(c Caller, err error) (Caller, error) {
	if noSecurity(err) {
		return Caller{}, nil
	}
	return c, readFault(err)
}

func (v view) identify(ctx context.Context, p product) (Caller, error) {
	text, err := v.ask(ctx, "GET", p.security().who, "", nil, whoLimit)
	if err != nil {
		return Caller{}, err
	}
	var who identity
	if err := json.Unmarshal(text, &who); err != nil {
		return Caller{}, incomplete("unreadable answer to who asks: %w", err)
	}
	return who.caller(), nil
}
