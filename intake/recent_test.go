package intake

import "testing"

// TestRecentAfterPanic: who comes after work that panicked does it anew, and does not wait for ever.
func TestRecentAfterPanic(t *testing.T) {
	var r recent
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _, _ = r.do(t.Context(), "1", func() (any, error) { panic("a bug") })
	}()
	answer, repeated, err := r.do(t.Context(), "1", func() (any, error) { return "done", nil })
	if answer != "done" || repeated || err != nil {
		t.Errorf("%v, %v, %v", answer, repeated, err)
	}
}
