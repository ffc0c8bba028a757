package schema

import "time"

// Times are appended as ISO 8601 without quotes: fractions of a second without trailing zeros, years before 0000 and after 9999 with their sign, as
// java.time writes them, so that a number and a text for the same time give the same value.

// PostgreSQL's infinity in microseconds, as its JDBC driver counts it, split into seconds and nanoseconds.
const (
	infinitySeconds         = 9223372036825
	infinityNanos           = 200_000_000
	negativeInfinitySeconds = -9223372036833
	negativeInfinityNanos   = 600_000_000
	secondsPerDay           = 86_400
	// PostgreSQL's infinite dates, which Debezium counts as the days of -5877611-06-21 and -22.
	infinityDay         = -2147472692
	negativeInfinityDay = -2147472691
)

// appendDay appends a date counted in days from 1970-01-01, or "infinity" or "-infinity".
func appendDay(b []byte, days int64) []byte {
	switch days {
	case infinityDay:
		return append(b, "infinity"...)
	case negativeInfinityDay:
		return append(b, "-infinity"...)
	}
	return appendDate(b, days)
}

func appendDate(b []byte, days int64) []byte {
	y, m, d := civil(days)
	b = appendYear(b, y)
	b = append(b, '-', byte('0'+m/10), byte('0'+m%10), '-', byte('0'+d/10), byte('0'+d%10))
	return b
}

func appendYear(b []byte, y int64) []byte {
	switch {
	case y < 0:
		b = append(b, '-')
		y = -y
	case y > 9999:
		b = append(b, '+')
	}
	return appendPadded(b, uint64(y), 4)
}

// civil returns the proleptic Gregorian date of a day counted from 1970-01-01 (Hinnant's days algorithm: eras of 400 years that
// begin in March, so that the leap day comes last).
func civil(days int64) (year int64, month, day int) {
	z := days + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d := doy - (153*mp+2)/5 + 1
	m := mp + 3
	if m > 12 {
		m -= 12
	}
	y := yoe + era*400
	if m <= 2 {
		y++
	}
	return y, int(m), int(d)
}

// epochDay is civil's inverse.
func epochDay(y int64, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	mp := int64((m + 9) % 12)
	doy := (153*mp+2)/5 + int64(d) - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// appendClock appends a time of day, or a longer or negative span as MariaDB's TIME has, as [-]HH:MM:SS[.fraction].
func appendClock(b []byte, seconds int64, nanos int64) []byte {
	if seconds < 0 {
		b = append(b, '-')
		seconds = -seconds
		if nanos > 0 {
			seconds--
			nanos = nanosPerSecond - nanos
		}
	}
	b = appendPadded(b, uint64(seconds/3600), 2)
	m, s := seconds/60%60, seconds%60
	b = append(b, ':', byte('0'+m/10), byte('0'+m%10), ':', byte('0'+s/10), byte('0'+s%10))
	return appendFraction(b, nanos)
}

func appendFraction(b []byte, nanos int64) []byte {
	if nanos == 0 {
		return b
	}
	b = append(b, '.')
	b = appendPadded(b, uint64(nanos), 9)
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

// appendTimestamp appends a time counted from 1970, or "infinity" or "-infinity".
func appendTimestamp(b []byte, seconds, nanos int64, zone bool) []byte {
	switch {
	case seconds == infinitySeconds && nanos == infinityNanos:
		return append(b, "infinity"...)
	case seconds == negativeInfinitySeconds && nanos == negativeInfinityNanos:
		return append(b, "-infinity"...)
	}
	days := floorDiv(seconds, secondsPerDay)
	b = appendDate(b, days)
	b = append(b, 'T')
	b = appendClock(b, seconds-days*secondsPerDay, nanos)
	if zone {
		b = append(b, 'Z')
	}
	return b
}

// appendDuration appends a span as ISO 8601 in hours, minutes and seconds: a number of microseconds no longer tells months and days.
func appendDuration(b []byte, seconds, nanos int64) []byte {
	if seconds == 0 && nanos == 0 {
		return append(b, "PT0S"...)
	}
	if seconds < 0 {
		b = append(b, '-')
		seconds = -seconds
		if nanos > 0 {
			seconds--
			nanos = nanosPerSecond - nanos
		}
	}
	b = append(b, 'P', 'T')
	if h := seconds / 3600; h > 0 {
		b = appendPadded(b, uint64(h), 1)
		b = append(b, 'H')
	}
	if m := seconds / 60 % 60; m > 0 {
		b = appendPadded(b, uint64(m), 1)
		b = append(b, 'M')
	}
	if s := seconds % 60; s > 0 || nanos > 0 {
		b = appendPadded(b, uint64(s), 1)
		b = appendFraction(b, nanos)
		b = append(b, 'S')
	}
	return b
}

// split turns a count of units into seconds and nanoseconds within the second.
func split(n, unit int64) (seconds, nanos int64) {
	perSecond := nanosPerSecond / unit
	seconds = floorDiv(n, perSecond)
	return seconds, (n - seconds*perSecond) * unit
}

// appendTimeNumber appends a number of the given type as quoted ISO 8601; false if the type does not say what the number counts.
func appendTimeNumber(b []byte, n int64, t *valueType) ([]byte, bool) {
	if t.kind == kindDate {
		b = append(b, '"')
		b = appendDay(b, n)
		return append(b, '"'), true
	}
	if t.unit == 0 {
		return b, false
	}
	seconds, nanos := split(n, t.unit)
	b = append(b, '"')
	switch t.kind {
	case kindTime:
		b = appendClock(b, seconds, nanos)
	case kindTimestamp:
		b = appendTimestamp(b, seconds, nanos, false)
	case kindTimestamptz:
		b = appendTimestamp(b, seconds, nanos, true)
	case kindDuration:
		b = appendDuration(b, seconds, nanos)
	default:
		return b[:len(b)-1], false
	}
	return append(b, '"'), true
}

// appendTimeText appends ISO 8601 text of the given type in canonical form, quoted; false if the text has not that form and is to be kept
// as it is ("infinity" among others).
func appendTimeText(b []byte, text []byte, kind valueKind) ([]byte, bool) {
	p := isoParser{text: text}
	start := len(b)
	b = append(b, '"')
	ok := false
	switch kind {
	case kindDate:
		if ok = p.date(); ok {
			p.zone() // Debezium's IsoDate adds a Z that a date has not
			b = appendDay(b, epochDay(p.year, p.month, p.day))
		}
	case kindTime:
		if ok = p.clock(); ok {
			p.zone() // as above
			b = appendClock(b, p.seconds, p.nanos)
		}
	case kindTimetz:
		if ok = p.clock() && p.zone(); ok {
			seconds := p.seconds
			if p.offset != 0 {
				seconds -= p.offset
				seconds -= floorDiv(seconds, secondsPerDay) * secondsPerDay
			}
			b = appendClock(b, seconds, p.nanos)
			b = append(b, 'Z')
		}
	case kindTimestamp:
		if ok = p.date() && p.separator() && p.clock(); ok {
			p.zone() // as above
			b = appendTimestamp(b, epochDay(p.year, p.month, p.day)*secondsPerDay+p.seconds, p.nanos, false)
		}
	case kindTimestamptz:
		if ok = p.date() && p.separator() && p.clock() && p.zone(); ok {
			b = appendTimestamp(b, epochDay(p.year, p.month, p.day)*secondsPerDay+p.seconds-p.offset, p.nanos, true)
		}
	}
	if !ok || p.pos != len(text) {
		return b[:start], false
	}
	return append(b, '"'), true
}

// isoParser reads the parts of an ISO 8601 text.
type isoParser struct {
	text       []byte
	pos        int
	year       int64
	month, day int
	seconds    int64 // of the day
	nanos      int64
	offset     int64 // seconds east of UTC
}

func (p *isoParser) byte(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *isoParser) separator() bool { return p.byte('T') || p.byte(' ') }

// number reads between least and most digits.
func (p *isoParser) number(least, most int) (int64, bool) {
	var n int64
	i := 0
	for ; i < most && p.pos < len(p.text); i++ {
		c := p.text[p.pos]
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int64(c-'0')
		p.pos++
	}
	return n, i >= least
}

func (p *isoParser) date() bool {
	negative := p.byte('-')
	if !negative {
		p.byte('+')
	}
	y, ok := p.number(4, 9)
	if !ok || !p.byte('-') {
		return false
	}
	if negative {
		y = -y
	}
	m, ok := p.number(2, 2)
	if !ok || !p.byte('-') || m < 1 || m > 12 {
		return false
	}
	d, ok := p.number(2, 2)
	if !ok || d < 1 || int(d) > daysIn(y, int(m)) {
		return false
	}
	p.year, p.month, p.day = y, int(m), int(d)
	return true
}

func daysIn(year int64, month int) int {
	// A year with the same leap rule that the standard library takes.
	y := int(year - floorDiv(year, 400)*400 + 2000)
	return time.Date(y, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func (p *isoParser) clock() bool {
	h, ok := p.number(2, 2)
	if !ok || h > 24 || !p.byte(':') {
		return false
	}
	m, ok := p.number(2, 2)
	if !ok || m > 59 {
		return false
	}
	var s int64
	if p.byte(':') {
		if s, ok = p.number(2, 2); !ok || s > 59 {
			return false
		}
		if p.byte('.') {
			from := p.pos
			n, ok := p.number(1, 9)
			if !ok {
				return false
			}
			for range 9 - (p.pos - from) {
				n *= 10
			}
			p.nanos = n
		}
	}
	p.seconds = h*3600 + m*60 + s
	return p.seconds < secondsPerDay || (p.seconds == secondsPerDay && p.nanos == 0)
}

// zone reads Z, +HH, +HHMM, +HH:MM or +HH:MM:SS.
func (p *isoParser) zone() bool {
	if p.byte('Z') {
		return true
	}
	sign := int64(1)
	if p.byte('-') {
		sign = -1
	} else if !p.byte('+') {
		return false
	}
	h, ok := p.number(2, 2)
	if !ok || h > 18 {
		return false
	}
	offset := h * 3600
	for _, unit := range []int64{60, 1} {
		colon := p.byte(':')
		n, ok := p.number(2, 2)
		if !ok {
			if colon {
				return false
			}
			break
		}
		if n > 59 {
			return false
		}
		offset += n * unit
	}
	p.offset = sign * offset
	return true
}
