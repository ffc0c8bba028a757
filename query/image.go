package query

import "dossier/schema"

// image is a row at a time, with what is known of its values, in the row's order.
type image []imageField

// imageField is one field of an image.
type imageField struct {
	name        string
	value       schema.Value
	derivedFrom string // the event id of the version that the value was taken from; "" where the row itself holds it
}

// imageOf returns a row version's image after it; nil where it left no row.
func imageOf(d *schema.Document) image {
	if d == nil || d.After == nil {
		return nil
	}
	m := make(image, 0, len(d.After))
	for _, f := range d.After {
		if f.Value.State != schema.Absent {
			m = append(m, imageField{name: f.Name, value: f.Value})
		}
	}
	return m
}

// get returns a field, and whether the image has it.
func (m image) get(name string) (imageField, bool) {
	for i := range m {
		if m[i].name == name {
			return m[i], true
		}
	}
	return imageField{name: name}, false
}

// size is about how many bytes the image has as JSON.
func (m image) size() (n int) {
	for i := range m {
		n += len(m[i].name) + len(m[i].value.JSON)
	}
	return n
}

// show writes the image into a state. Values share memory with it.
func (m image) show(st *State) {
	st.Row = make(Row, 0, len(m))
	for i := range m {
		f := &m[i]
		if !known(f.value) {
			if st.States == nil {
				st.States = map[string]string{}
			}
			st.States[f.name] = f.value.State.String()
			continue
		}
		st.Row = append(st.Row, RowField{f.name, rawOf(f.value)})
		if f.derivedFrom != "" {
			if st.Derived == nil {
				st.Derived = map[string]string{}
			}
			st.Derived[f.name] = f.derivedFrom
		}
	}
}

// imageDiff returns what differs between two images, in the order of b's row; what is in a alone follows. Two values that are hidden alike, masked on both sides or erased, are no
// difference: nobody can tell.
func imageDiff(a, b image) []FieldChange {
	changes := []FieldChange{}
	for _, after := range b {
		before, _ := a.get(after.name)
		if !alike(before.value, after.value) {
			changes = append(changes, imageChange(before, after))
		}
	}
	for _, before := range a {
		if after, ok := b.get(before.name); !ok {
			changes = append(changes, imageChange(before, after))
		}
	}
	return changes
}

func imageChange(before, after imageField) FieldChange {
	c := fieldChangeOf(schema.FieldChange{Field: before.name, Previous: before.value, Current: after.value})
	c.PreviousDerivedFrom, c.CurrentDerivedFrom = before.derivedFrom, after.derivedFrom
	return c
}

// alike says whether nothing tells two values apart: they are the same, or both are kept from the reader in the same way.
func alike(a, b schema.Value) bool {
	return a.Equal(b) || a.State == b.State && !known(a)
}
