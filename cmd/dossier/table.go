package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// table prints rows under headings. At a terminal, cells are cut so that a row fits a line; anywhere else they are whole.
type table struct {
	head []string
	rows [][]string
	// shrink says which columns may be cut where a row is wider than the terminal; the last one of them first.
	shrink []int
	// spare says that the last column is left out where no row fits the terminal with it.
	spare bool

	headed bool // the headings have been printed
}

// minCell is the width below which no cell is cut.
const minCell = 12

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// print writes the rows and forgets them, so that a long list is printed page by page; the headings stand above the first. A table without rows is
// nothing at all.
func (t *table) print(w io.Writer) error {
	if len(t.rows) == 0 {
		return nil
	}
	widths := make([]int, len(t.head))
	rows := t.rows
	if !t.headed {
		rows = append([][]string{t.head}, rows...)
	}
	t.rows, t.headed = nil, true
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	terminal := terminalWidth(w)
	if last := len(widths) - 1; t.spare && terminal > 0 && t.least(widths) > terminal {
		widths = widths[:last]
		for i, row := range rows {
			rows[i] = row[:min(len(row), last)]
		}
	}
	t.fit(widths, terminal)
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			cell = cutTo(cell, widths[i])
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell)+2))
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " "))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// least is the width of a row whose cells are cut as far as they may be.
func (t *table) least(widths []int) int {
	total := 2 * (len(widths) - 1)
	for i, width := range widths {
		if slices.Contains(t.shrink, i) {
			width = min(width, minCell)
		}
		total += width
	}
	return total
}

// fit narrows columns until a row fits the terminal, the widest of those that may shrink first.
func (t *table) fit(widths []int, terminal int) {
	if terminal <= 0 {
		return
	}
	total := 2 * (len(widths) - 1)
	for _, width := range widths {
		total += width
	}
	for total > terminal {
		widest := -1
		for _, i := range t.shrink {
			if i < len(widths) && widths[i] > minCell && (widest < 0 || widths[i] >= widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
		total--
	}
}

// terminalWidth is the width of a terminal in columns; 0 where w is none, or it does not tell.
func terminalWidth(w io.Writer) int {
	if !isTerminal(w) {
		return 0
	}
	width, _, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil {
		return 0
	}
	return width
}

// cutTo shortens a text to a width in columns, with a mark that it was longer.
func cutTo(text string, width int) string {
	if uniseg.StringWidth(text) <= width {
		return text
	}
	used, end, state := 0, 0, -1
	for rest := text; rest != ""; {
		var cluster string
		var w int
		cluster, rest, w, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if used+w > width-1 {
			break
		}
		used += w
		end += len(cluster)
	}
	return text[:end] + "…"
}

// shorten bounds a text to n characters, wherever it is printed, and says how long it was: values may have megabytes.
func shorten(text string, n int) string {
	if len(text) <= n || utf8.RuneCountInString(text) <= n {
		return text
	}
	end := 0
	for range n {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	return fmt.Sprintf("%s… (%d bytes)", text[:end], len(text))
}
