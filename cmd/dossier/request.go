package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"dossier/client"
	"dossier/query"
)

func newRequestCommand() *cobra.Command {
	var page pageFlags
	var transaction string
	cmd := &cobra.Command{
		Use:   "request ID",
		Short: "Show everything that one request or transaction changed",
		Long: `Shows everything that one request changed, by its request id or correlation id, transaction by transaction in the order of the log, and
whether that is all the database reports. With --transaction, one database transaction.` + serverHelp,
		Example: `  dossier request 0197a1b2-77aa-7c10-9d1e-2f9b4a0c55e1
  dossier request --transaction shop/728`,
		Args: misusedArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (transaction != "") {
				return misuse("expected either a request's ID or --transaction SOURCE/NUMBER; see dossier request --help")
			}
			c, err := page.open(cmd)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			t := newTransactionPrinter(out, page.asJSON)
			if transaction != "" {
				i := strings.LastIndexByte(transaction, '/')
				if i <= 0 || i == len(transaction)-1 {
					return misuse("--transaction: %q names no transaction; expected SOURCE/NUMBER, such as shop/728", transaction)
				}
				more, err := eachPage(cmd.Context(), &page, c, client.Path{"transactions", transaction[:i], transaction[i+1:]}, nil,
					func(a *query.Transaction) ([]query.Change, string) { return a.Items, a.Next },
					func(a *query.Transaction, _ []query.Change) error { return t.print(a) })
				if err != nil {
					return err
				}
				return t.end(cmd, more)
			}
			more, err := eachPage(cmd.Context(), &page, c, client.Path{"requests", args[0]}, nil,
				func(a *query.Request) (all []query.Change, next string) {
					for i := range a.Transactions {
						all = append(all, a.Transactions[i].Items...)
					}
					return all, a.Next
				},
				func(a *query.Request, _ []query.Change) error {
					for i := range a.Transactions {
						if err := t.print(&a.Transactions[i]); err != nil {
							return err
						}
					}
					return nil
				})
			if err != nil {
				return err
			}
			return t.end(cmd, more)
		},
	}
	page.register(cmd, "changes")
	cmd.Flags().StringVar(&transaction, "transaction", "", "show the transaction `SOURCE/NUMBER` instead")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	return cmd
}

// transactionPrinter prints transactions, which may come in several parts.
type transactionPrinter struct {
	out    io.Writer
	asJSON bool
	last   string
	table  *changeTable
}

func newTransactionPrinter(out io.Writer, asJSON bool) *transactionPrinter {
	return &transactionPrinter{out: out, asJSON: asJSON}
}

func (p *transactionPrinter) print(t *query.Transaction) error {
	if p.asJSON {
		return printJSONLine(p.out, t)
	}
	if name := transactionName(t); name != p.last || p.table == nil {
		if p.table != nil {
			fmt.Fprintln(p.out)
		}
		p.last, p.table = name, newChangeTable(true)
		fmt.Fprintln(p.out, transactionLine(t))
	}
	for i := range t.Items {
		p.table.change(&t.Items[i])
	}
	return p.table.print(p.out)
}

func (p *transactionPrinter) end(cmd *cobra.Command, more bool) error {
	if p.asJSON {
		return nil
	}
	return listEnd(cmd, p.table == nil, more, "it changed nothing that you may see")
}

func transactionName(t *query.Transaction) string {
	if t.TxID == nil {
		return printable(t.Source) + ", outside a transaction"
	}
	return fmt.Sprintf("%s/%d", printable(t.Source), *t.TxID)
}

// transactionLine says which transaction it was, who asked for it, and whether it is complete.
func transactionLine(t *query.Transaction) string {
	line := fmt.Sprintf("%s, %s", transactionName(t), shownTime(t.Time))
	if who := whoOf(t.Context, ""); who != "" {
		line += ", " + who
	}
	if c := contextOf(t.Context); c.Reason != "" {
		line += ": " + printable(c.Reason)
	}
	switch {
	case t.Complete == nil:
		line += "\nwhether this is all is not known: " + printable(t.Reason)
	case *t.Complete:
		line += "\ncomplete: all that the database reports is here"
	default:
		line += "\nINCOMPLETE: " + printable(t.Reason)
	}
	for _, table := range t.Tables {
		if table.Reported != nil && *table.Reported != table.Stored {
			line += fmt.Sprintf("\n  %s: %d reported, %d stored", printable(table.Table), *table.Reported, table.Stored)
		}
	}
	return line
}
