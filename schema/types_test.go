package schema

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

func TestInfiniteDates(t *testing.T) {
	if d := epochDay(-5877611, 6, 21); d != infinityDay {
		t.Errorf("infinityDay is %d, want %d", infinityDay, d)
	}
	if d := epochDay(-5877611, 6, 22); d != negativeInfinityDay {
		t.Errorf("negativeInfinityDay is %d, want %d", negativeInfinityDay, d)
	}
}

func TestCivilAgreesWithTheStandardLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		days := r.Int64N(8_000_000) - 4_000_000
		want := time.Unix(days*secondsPerDay, 0).UTC()
		y, m, d := civil(days)
		if y != int64(want.Year()) || m != int(want.Month()) || d != want.Day() {
			t.Fatalf("day %d: %d-%d-%d, want %s", days, y, m, d, want)
		}
		if back := epochDay(y, m, d); back != days {
			t.Fatalf("day %d comes back as %d", days, back)
		}
	}
}

func TestDecimalsAgreeWithBigIntegers(t *testing.T) {
	for _, text := range []string{"0", "1", "-1", "127", "128", "-128", "-129", "255", "-256", "9223372036854775807", "-9223372036854775808",
		"9223372036854775808", "99999999999999999999", "-12345678901234567890123456789012345678901234567890"} {
		n, _ := new(big.Int).SetString(text, 10)
		unscaled := n.Bytes()
		if n.Sign() < 0 {
			bits := uint(n.BitLen()/8*8 + 8)
			unscaled = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), bits)).FillBytes(make([]byte, bits/8))
		} else if len(unscaled) == 0 || unscaled[0]&0x80 != 0 {
			unscaled = append([]byte{0}, unscaled...)
		}
		if got := string(appendDecimal(nil, unscaled, 0)); got != `"`+text+`"` {
			t.Errorf("%s: %s", text, got)
		}
	}
	for _, x := range []struct {
		n     int64
		scale int
		want  string
	}{{9950, 2, `"99.50"`}, {5, 2, `"0.05"`}, {-5, 2, `"-0.05"`}, {0, 2, `"0.00"`}, {12, -2, `"1200"`}, {0, -2, `"0"`}, {100, 3, `"0.100"`}} {
		if got := string(appendDecimal(nil, big64(x.n), x.scale)); got != x.want {
			t.Errorf("%d scale %d: %s, want %s", x.n, x.scale, got, x.want)
		}
	}
}

func big64(n int64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(n >> (56 - 8*i))
	}
	return b
}

func TestFloatsAreShortestAndComeBack(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 20_000 {
		f := math.Float64frombits(r.Uint64())
		if i < 5 {
			f = []float64{0, 5e-324, math.MaxFloat64, 1e21, 1e-7}[i]
		}
		if math.IsNaN(f) || math.IsInf(f, 0) {
			continue
		}
		text := string(appendFloat(nil, f, 64))
		if back, err := strconv.ParseFloat(text, 64); err != nil || back != f {
			t.Fatalf("%x is written as %s, which is %x (%v)", f, text, back, err)
		}
		s := NewScanner([]byte(text))
		if err := s.Skip(); err != nil || s.End() != nil {
			t.Fatalf("%s is no JSON number", text)
		}
		again, ok := appendNumber(nil, []byte(text))
		if !ok || string(again) != text {
			t.Fatalf("%s normalised once more is %s", text, again)
		}
	}
	for in, want := range map[string]string{"1.0": "1", "-0.0": "-0", "1.0E10": "10000000000", "2.50e-1": "0.25", "1e-7": "1e-7", "0.000001": "0.000001",
		"1E+21": "1e+21", "100.10": "100.1", "12345678901234567890.10": "12345678901234567890.1", "7": "7", "-12": "-12", "0.00": "0", "1e20": "100000000000000000000"} {
		if got, _ := appendNumber(nil, []byte(in)); string(got) != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, x := range []struct {
		kind valueKind
		in   string
		want string // "": kept as it is
	}{
		{kindDate, "1987-05-10Z", "1987-05-10"},
		{kindDate, "1987-05-10", "1987-05-10"},
		{kindDate, "-0043-03-15Z", "-0043-03-15"},
		{kindDate, "+12345-06-07Z", "+12345-06-07"},
		{kindDate, "-5877611-06-21Z", "infinity"},
		{kindDate, "infinity", ""},
		{kindDate, "1987-02-29", ""},
		{kindTime, "02:43:54.384552Z", "02:43:54.384552"},
		{kindTime, "02:43", "02:43:00"},
		{kindTime, "24:00:00", "24:00:00"},
		{kindTime, "24:00:01", ""},
		{kindTimetz, "02:43:54.384552+05:30", "21:13:54.384552Z"},
		{kindTimetz, "23:00:00-02", "01:00:00Z"},
		{kindTimetz, "24:00:00Z", "24:00:00Z"},
		{kindTimestamp, "2026-11-23T02:43:54.100Z", "2026-11-23T02:43:54.1"},
		{kindTimestamp, "2026-11-23 02:43:54", "2026-11-23T02:43:54"},
		{kindTimestamp, "+294247-01-10T04:00:25.2Z", "infinity"},
		{kindTimestamp, "-290308-12-21T19:59:27.6Z", "-infinity"},
		{kindTimestamptz, "2026-11-23T02:43:54.500000+01:00", "2026-11-23T01:43:54.5Z"},
		{kindTimestamptz, "2026-01-01T00:00:00+0130", "2025-12-31T22:30:00Z"},
		{kindTimestamptz, "2026-01-01T00:00:00+01:00:30", "2025-12-31T22:59:30Z"},
		{kindTimestamptz, "2026-01-01T00:00:00", ""},
		{kindTimestamptz, "-infinity", ""},
		{kindTimestamptz, "2026-01-01T00:00:00Zjunk", ""},
	} {
		got, ok := appendTimeText(nil, []byte(x.in), x.kind)
		if want := `"` + x.want + `"`; ok != (x.want != "") || ok && string(got) != want {
			t.Errorf("%s: %s (%v), want %s", x.in, got, ok, x.want)
		}
	}
	micros := func(kind valueKind) valueType { return valueType{kind: kind, unit: nanosPerMicro} }
	for _, x := range []struct {
		typ  valueType
		n    int64
		want string
	}{
		{valueType{kind: kindDate}, 6338, "1987-05-10"},
		{valueType{kind: kindDate}, -1, "1969-12-31"},
		{valueType{kind: kindDate}, infinityDay, "infinity"},
		{micros(kindTime), 86_400_000_000, "24:00:00"},
		{micros(kindTime), -1, "-00:00:00.000001"},
		{micros(kindTime), 838*3600e6 + 59*60e6 + 59e6, "838:59:59"},
		{micros(kindTimestamp), -1, "1969-12-31T23:59:59.999999"},
		{micros(kindTimestamp), 9223372036825200000, "infinity"},
		{micros(kindTimestamp), -9223372036832400000, "-infinity"},
		{valueType{kind: kindTimestamp, unit: nanosPerMilli}, 9223372036825200, "infinity"},
		{valueType{kind: kindTimestamp, unit: 1}, 1795401834384552123, "2026-11-23T02:43:54.384552123"},
		{micros(kindTimestamptz), 1795401834384552, "2026-11-23T02:43:54.384552Z"},
		{micros(kindDuration), 0, "PT0S"},
		{micros(kindDuration), 37090506789000, "PT10302H55M6.789S"},
		{micros(kindDuration), -1, "-PT0.000001S"},
		{micros(kindDuration), math.MinInt64, "-PT2562047788H54.775808S"},
	} {
		if got, ok := appendTimeNumber(nil, x.n, &x.typ); !ok || string(got) != `"`+x.want+`"` {
			t.Errorf("%d: %s, want %s", x.n, got, x.want)
		}
	}
}

func TestColumnTypeNames(t *testing.T) {
	for _, n := range columnTypes {
		for _, name := range []string{n.name, n.name + "[]"} {
			c, err := ParseColumnType(name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			// Names may mean the same: json is text.
			if again, err := ParseColumnType(c.String()); err != nil || again != c {
				t.Errorf("%s comes back as %s, %v", name, again, err)
			}
		}
	}
	if c, err := ParseColumnType("decimal(-2)"); err != nil || c.String() != "decimal(-2)" {
		t.Errorf("decimal(-2): %s, %v", c, err)
	}
	for _, bad := range []string{"", "int", "decimal()", "decimal(99999)", "decimal(2", "date[][]", "timestamp_days"} {
		if c, err := ParseColumnType(bad); err == nil {
			t.Errorf("%q is taken for %s", bad, c)
		}
	}
}
