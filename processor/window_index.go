package processor

// windowIndex finds the newest node of a key: a hash table with linear probing, half full at most, whose slots are references alone. The key is the
// node's, which whoever looks for it is about to read anyway.
type windowIndex struct {
	slots []nodeRef // a power of two
	used  int
	shift uint8 // 64 less the number of bits of a slot's number
}

// golden is 2^64 divided by the golden ratio: keys that follow one another come to lie far apart (Knuth, The Art of Computer Programming, 6.4).
const golden = 0x9E3779B97F4A7C15

const firstSlots = 1 << 12

func (x *windowIndex) home(key uint64) int { return int(key * golden >> x.shift) }

// find returns the newest node of a key, 0 where there is none.
func (x *windowIndex) find(w *Window, key uint64) nodeRef {
	if x.used == 0 {
		return 0
	}
	return x.slots[x.slot(w, key)]
}

// slot returns the key's slot, or the empty one where it would go.
func (x *windowIndex) slot(w *Window, key uint64) int {
	for i := x.home(key); ; i = (i + 1) & (len(x.slots) - 1) {
		ref := x.slots[i]
		if ref == 0 {
			return i
		}
		if _, n := w.node(ref); n.key == key {
			return i
		}
	}
}

// put makes ref the newest node of its key.
func (x *windowIndex) put(w *Window, key uint64, ref nodeRef) {
	if 2*(x.used+1) > len(x.slots) {
		x.grow(w)
	}
	i := x.slot(w, key)
	if x.slots[i] == 0 {
		x.used++
	}
	x.slots[i] = ref
}

func (x *windowIndex) grow(w *Window) {
	old := x.slots
	size := max(2*len(old), firstSlots)
	x.slots = make([]nodeRef, size)
	x.shift = 64
	for n := size; n > 1; n >>= 1 {
		x.shift--
	}
	for _, ref := range old {
		if ref != 0 {
			_, n := w.node(ref)
			x.slots[x.slot(w, n.key)] = ref
		}
	}
}

// remove forgets the key if ref is its newest node: an older one is gone already. The node must still be there.
func (x *windowIndex) remove(w *Window, key uint64, ref nodeRef) {
	i := x.slot(w, key)
	if x.slots[i] != ref {
		return
	}
	x.used--
	// What lies behind the gap moves up, unless that would put it before its home.
	for j := i; ; {
		j = (j + 1) & (len(x.slots) - 1)
		if x.slots[j] == 0 {
			break
		}
		_, n := w.node(x.slots[j])
		if home := x.home(n.key); (j-home)&(len(x.slots)-1) >= (j-i)&(len(x.slots)-1) {
			x.slots[i] = x.slots[j]
			i = j
		}
	}
	x.slots[i] = 0
}
