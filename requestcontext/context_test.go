package requestcontext

import (
	"context"
	"testing"
)

func TestFromIsTheCallersOwn(t *testing.T) {
	c := Context{User: User{Roles: []string{"reader"}}, Extra: map[string]any{"k": 1}}
	ctx := With(context.Background(), c)
	c.User.Roles[0], c.Extra["k"] = "admin", 2
	got, ok := From(ctx)
	if !ok || got.User.Roles[0] != "reader" || got.Extra["k"] != 1 {
		t.Errorf("the caller's later change reached the context: %+v", got)
	}
	got.User.Roles[0], got.Extra["k"] = "admin", 2
	if again, _ := From(ctx); again.User.Roles[0] != "reader" || again.Extra["k"] != 1 {
		t.Errorf("a reader's change reached the context: %+v", again)
	}
	if _, ok := From(context.Background()); ok {
		t.Error("a context out of nowhere")
	}
}
