package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"dossier/schema"
)

// rowShape says what a row of the table holds.
type rowShape string

const (
	rowNarrow   rowShape = "narrow"   // five columns
	rowWide     rowShape = "wide"     // more columns, which no change changes
	rowDocument rowShape = "document" // five columns and a nested document of 1 to 2 KB, of which each change changes a small part
)

// Columns of a narrow row, and by default of a wide one.
const (
	narrow = 5
	wide   = 60
)

// kind is the type of a column, as far as Debezium's records tell one from another.
type kind int

const (
	kindInteger kind = iota
	kindText
	kindPrice   // NUMERIC(10,2)
	kindDecimal // NUMERIC(12,4)
	kindBoolean
	kindInstant // TIMESTAMPTZ
	kindJSON    // JSONB
)

// column is a column of the table.
type column struct {
	name     string
	kind     kind
	required bool // NOT NULL
	// value is what a version of a row holds.
	value func(id, version int) cell
}

// cell is a value: a number where the kind is an integer, a boolean (0 or 1) or a decimal without its point; otherwise a text.
type cell struct {
	null   bool
	number int64
	text   string
}

func number(n int64) cell { return cell{number: n} }
func text(s string) cell  { return cell{text: s} }

// columnsOf returns the columns of a table of the shape; a wide one has n.
func columnsOf(shape rowShape, n int) []column {
	columns := []column{
		{"id", kindInteger, true, func(id, _ int) cell { return number(int64(id)) }},
		{"supplier_id", kindInteger, false, func(id, _ int) cell { return number(int64(id % 97)) }},
		{"name", kindText, true, func(id, _ int) cell {
			return text(fmt.Sprintf("article %d, in a returnable box of cardboard, twelve to a pallet", id))
		}},
		{"price", kindPrice, false, func(_, version int) cell { return number(int64(version)*100 + 50) }},
		{"made", kindInstant, false, func(int, int) cell { return text("2026-05-06T05:08:09.000000Z") }},
	}
	switch shape {
	case rowWide:
		for i := narrow; i < n; i++ {
			columns = append(columns, column{fmt.Sprintf("column_%d", i), usual[i%len(usual)].kind, false, func(int, int) cell { return usual[i%len(usual)].cell }})
		}
	case rowDocument:
		columns[3].value = func(id, _ int) cell { return number(int64(id%1000)*100 + 50) }
		columns = append(columns, column{"attributes", kindJSON, false, func(id, version int) cell { return text(articleDocument(id, version)) }})
	}
	return columns
}

// usual is what columns of wide tables hold.
var usual = []struct {
	kind kind
	cell cell
}{
	{kindText, text("a word or two")}, {kindInteger, number(12345678)}, {kindDecimal, number(12345600)},
	{kindText, cell{null: true}}, {kindBoolean, number(1)}, {kindInstant, text("2026-05-06T05:08:09.123456Z")},
}

// changedColumn is the column that each change changes.
func (s rowShape) changedColumn() string {
	if s == rowDocument {
		return "attributes"
	}
	return "price"
}

// version returns the version that a row's changed column tells, -1 without.
func version(r schema.Row) int {
	digits, _ := strings.CutSuffix(strings.Trim(string(r.Get("price").JSON), `"`), ".50")
	if document := r.Get("attributes").JSON; document != nil {
		_, after, _ := strings.Cut(string(document), `\"count\": `)
		digits, _, _ = strings.Cut(after, ",")
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}

// words are what texts of documents are made of.
var words = strings.Fields("returnable cardboard pallet box crate steel oak drawer hinge screw shelf lamp chair cable round flat heavy light grey white " +
	"blue green for indoor outdoor use only with without four six wheels handles keep dry store upright dispatch within two working days Größe Höhe")

// prose returns so many words, which differ from row to row.
func prose(id, salt, n int) string {
	picked := make([]string, n)
	state := uint32(id)*2654435761 + uint32(salt)*40503
	for i := range picked {
		state = state*1664525 + 1013904223
		picked[i] = words[state>>16%uint32(len(words))]
	}
	return strings.Join(picked, " ")
}

// articleDocument is a nested document as PostgreSQL writes JSONB: the keys of an object by length and then by bytes, a space after each colon and comma.
// Of a row's versions only the count in stock and two times differ.
func articleDocument(id, version int) string {
	return fmt.Sprintf(`{"sku": "P-%05d", "dims": {"depth": %d, "width": %d, "height": %d.50}, "tags": ["%s", "%s", "%s"], `+
		`"stock": {"count": %d, "moved": "2026-05-%02dT%02d:%02d:09Z", "shelf": "%c-%d"}, `+
		`"prices": [{"from": 1, "list": "%d.50", "currency": "EUR"}, {"from": 100, "list": "%d.25", "currency": "EUR"}, {"from": 1000, "list": "%d.10", "currency": "EUR"}], `+
		`"supplier": {"id": %d, "city": "%s", "name": "%s", "contact": {"mail": "orders@supplier-%d.example", "phone": null, "trusted": true}}, `+
		`"description": "%s", "certificates": [{"no": %d, "body": "%s"}, {"no": %d, "body": "%s"}], `+
		`"translations": {"de": "%s", "fr": "%s", "pl": "%s"}}`,
		id, id%400+10, id%300+20, id%200, prose(id, 1, 1), prose(id, 2, 1), prose(id, 3, 2),
		version, version%28+1, version%24, id%60, 'A'+rune(id%26), id%100,
		id%1000, id%900, id%800,
		id%97, prose(id%97, 4, 1), prose(id%97, 5, 3), id%97,
		prose(id, 6, 60), id*7, prose(id, 7, 3), id*11, prose(id, 8, 3),
		prose(id, 9, 20), prose(id, 10, 20), prose(id, 11, 20))
}

// shapes lists the shapes.
func shapes() []rowShape { return []rowShape{rowNarrow, rowWide, rowDocument} }

func (s rowShape) known() bool { return slices.Contains(shapes(), s) }
