package sqlite

// Positions stand in the table and in most of its indices, and consist of hexadecimal digits almost alone. So they are kept as half bytes, which sort as the texts do, byte by byte:
//
//	0         the end, where the number of half bytes is odd
//	1 x y     a byte below "-"
//	2         "-"
//	3 x y     "." or "/"
//	4 to 13   a digit
//	14 0 x y  a byte between "9" and "A"
//	14 1 to 6 "A" to "F"
//	14 7 x y  a byte above "F"

// pack returns a position in the form in which it is kept.
func pack(position string) []byte {
	b := make([]byte, 0, len(position)/2+1)
	half := false
	put := func(n byte) {
		if half {
			b[len(b)-1] |= n
		} else {
			b = append(b, n<<4)
		}
		half = !half
	}
	for i := range len(position) {
		switch c := position[i]; {
		case '0' <= c && c <= '9':
			put(c - '0' + 4)
		case c == '-':
			put(2)
		case 'A' <= c && c <= 'F':
			put(14)
			put(c - 'A' + 1)
		default:
			switch {
			case c < '-':
				put(1)
			case c < '0':
				put(3)
			case c < 'A':
				put(14)
				put(0)
			default:
				put(14)
				put(7)
			}
			put(c >> 4)
			put(c & 15)
		}
	}
	return b
}
