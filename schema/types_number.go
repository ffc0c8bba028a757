package schema

import (
	"bytes"
	"math"
	"math/big"
	"strconv"
)

// appendFloat appends f as the shortest JSON number that gives it back, or as a string where JSON has no number for it.
func appendFloat(b []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	var stack [32]byte
	text := strconv.AppendFloat(stack[:0], f, 'e', -1, bits)
	b, _ = appendNumber(b, text)
	return b
}

// appendNumber appends the number text in canonical form without changing its value: no trailing zeros after the point, positional
// notation for exponents from -7 to 20, as JavaScript writes numbers. An integer without exponent stays as it is. False if
// the exponent is absurd: the text is to be kept as it is.
func appendNumber(b, text []byte) ([]byte, bool) {
	rest := text
	negative := rest[0] == '-'
	if negative {
		rest = rest[1:]
	}
	exponent := 0
	if i := bytes.IndexAny(rest, "eE"); i >= 0 {
		e, err := strconv.Atoi(string(rest[i+1:]))
		if err != nil || e > math.MaxInt32 || e < math.MinInt32 {
			return b, false
		}
		exponent = e
		rest = rest[:i]
	} else if bytes.IndexByte(rest, '.') < 0 {
		return append(b, text...), true
	}
	if negative {
		b = append(b, '-')
	}
	whole, fraction, _ := bytes.Cut(rest, []byte{'.'})
	// The number is 0.DIGITS times ten to the point: leading zeros move the point, trailing ones go.
	point := len(whole) + exponent
	start := len(b)
	b = append(b, whole...)
	b = append(b, fraction...)
	n := len(b)
	for n > start && b[n-1] == '0' {
		n--
	}
	b = b[:n]
	lead := start
	for lead < len(b) && b[lead] == '0' {
		lead++
		point--
	}
	digits := len(b) - lead
	copy(b[start:], b[lead:])
	b = b[:start+digits]
	switch {
	case digits == 0:
		return append(b, '0'), true
	case point > 21 || point <= -6:
		// d.ddde±x
		if digits > 1 {
			b = append(b, 0)
			copy(b[start+2:], b[start+1:])
			b[start+1] = '.'
		}
		b = append(b, 'e')
		if point > 0 {
			b = append(b, '+')
		}
		return strconv.AppendInt(b, int64(point-1), 10), true
	case point <= 0:
		// 0.00ddd
		zeros := 2 - point
		for range zeros {
			b = append(b, '0')
		}
		copy(b[start+zeros:], b[start:start+digits])
		for i := range zeros {
			b[start+i] = '0'
		}
		b[start+1] = '.'
	case point >= digits:
		for range point - digits {
			b = append(b, '0')
		}
	default:
		b = append(b, 0)
		copy(b[start+point+1:], b[start+point:])
		b[start+point] = '.'
	}
	return b, true
}

// appendDecimal appends the decimal whose unscaled value is the two's complement big-endian number in unscaled, in quotes and with
// all digits of its scale.
func appendDecimal(b, unscaled []byte, scale int) []byte {
	b = append(b, '"')
	var stack [48]byte
	digits := stack[:0]
	negative := len(unscaled) > 0 && unscaled[0]&0x80 != 0
	if len(unscaled) <= 8 {
		var n int64
		if negative {
			n = -1
		}
		for _, c := range unscaled {
			n = n<<8 | int64(c)
		}
		magnitude := uint64(n)
		if negative {
			magnitude = -magnitude
		}
		digits = strconv.AppendUint(digits, magnitude, 10)
	} else {
		n := new(big.Int).SetBytes(unscaled)
		if negative {
			n.Sub(new(big.Int).Lsh(big.NewInt(1), uint(len(unscaled)*8)), n)
		}
		digits = n.Append(digits, 10)
	}
	if negative {
		b = append(b, '-')
	}
	switch {
	case scale <= 0:
		b = append(b, digits...)
		if !(len(digits) == 1 && digits[0] == '0') {
			for range -scale {
				b = append(b, '0')
			}
		}
	case len(digits) <= scale:
		b = append(b, '0', '.')
		for range scale - len(digits) {
			b = append(b, '0')
		}
		b = append(b, digits...)
	default:
		b = append(b, digits[:len(digits)-scale]...)
		b = append(b, '.')
		b = append(b, digits[len(digits)-scale:]...)
	}
	return append(b, '"')
}

// parseInt reads a JSON integer; false if it is none or too large.
func parseInt(text []byte) (int64, bool) {
	if len(text) == 0 || len(text) > 20 {
		return 0, false
	}
	digits := text
	negative := text[0] == '-'
	if negative {
		digits = text[1:]
	}
	n, ok := parseUint(digits)
	if negative {
		return -int64(n), ok && n <= 1<<63
	}
	return int64(n), ok && n < 1<<63
}

// parseUint reads decimal digits; false if there are others, none, or too many.
func parseUint(text []byte) (uint64, bool) {
	if len(text) == 0 || len(text) > 20 {
		return 0, false
	}
	var n uint64
	for i, c := range text {
		d := uint64(c - '0')
		// 19 digits always fit.
		if d > 9 || i == 19 && n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

func parseFloat(text []byte, bits int) (float64, error) {
	return strconv.ParseFloat(string(text), bits)
}
