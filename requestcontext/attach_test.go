package requestcontext

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestStatement(t *testing.T) {
	small := Context{RequestID: "r-1", User: User{ID: "o'neil", Roles: []string{"a"}}, Extra: map[string]any{"k": "é"}}
	tests := map[string]struct {
		attach Attacher
		ctx    context.Context
		want   string
		err    error
	}{
		"message": {ctx: With(context.Background(), small),
			want: `select pg_logical_emit_message(true, E'dossier.context'::text, E'{"request_id":"r-1","user":{"id":"o''neil","roles":["a"]},"extra":{"k":"\\u00e9"}}'::text)`},
		"own prefix": {attach: Attacher{Prefix: "shop.who"}, ctx: With(context.Background(), Context{}),
			want: `select pg_logical_emit_message(true, E'shop.who'::text, E'{}'::text)`},
		"table": {attach: Attacher{Table: "public.request_context"}, ctx: With(context.Background(), small),
			want: `insert into "public"."request_context" (request_id, user_id, user_roles, extra) values (E'r-1', E'o''neil', array[E'a']::text[], E'{"k":"\\u00e9"}')`},
		"empty row": {attach: Attacher{Table: "audit.who"}, ctx: With(context.Background(), Context{}),
			want: `insert into "audit"."who" default values`},
		"no context":          {ctx: context.Background()},
		"no context, needed":  {attach: Attacher{Required: true}, ctx: context.Background(), err: ErrNoContext},
		"context over bounds": {ctx: With(context.Background(), Context{RequestID: strings.Repeat("x", MaxMessage)}), err: ErrTooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := tt.attach.Statement(tt.ctx)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %s, %v\nwant %s, %v", got, err, tt.want, tt.err)
			}
		})
	}
	for _, table := range []string{"request_context", `public."x"`, "public.x; drop table y", "a.b.c", "public.x y"} {
		if s, err := (Attacher{Table: table}).Statement(With(context.Background(), small)); err == nil {
			t.Errorf("table %q was taken: %s", table, s)
		}
	}
}

// No text may end the literal that holds it, or leave ASCII.
func FuzzLiteral(f *testing.F) {
	for _, s := range []string{"", "'", `\'`, `\`, "''", "a\x00b", "\xff'", "é😀", "\u0085"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := literal(s)
		body, ok := strings.CutPrefix(q, "E'")
		if !ok {
			t.Fatal(q)
		}
		body, ok = strings.CutSuffix(body, "'")
		if !ok {
			t.Fatal(q)
		}
		for i := 0; i < len(body); i++ {
			switch b := body[i]; {
			case b >= 0x80 || b < ' ':
				t.Fatalf("byte %#x in %s", b, q)
			case b == '\'' || b == '\\' && body[i+1] == '\\':
				if body[i+1] != b {
					t.Fatalf("the literal ends early: %s", q)
				}
				i++
			case b == '\\' && body[i+1] != 'u' && body[i+1] != 'U':
				t.Fatalf("an escape that is not ours: %s", q)
			}
		}
	})
}
