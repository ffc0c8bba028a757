package main

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"dossier/sink/sqlite"
)

func newBackupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the SQLite store to a new file, while it is in use",
		Long: `Copies the file of sink.sqlite to a new file, while "dossier run" goes on writing to it. The copy holds all documents up to one moment, is
whole and on the disk when the command ends, and can be put in the store's place as it is. FILE must not exist.

Copying the file by other means while it is in use can give a damaged copy, or an old one. Elasticsearch has snapshots for the purpose.`,
		Example: `  dossier backup dossier-$(date +%F).db
  dossier --config /etc/dossier/shop.yaml backup /backup/shop.db`,
		Args: misusedArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd, 0)
			if err != nil {
				return err
			}
			if c.Sink.SQLite == nil {
				return misuse("sink.sqlite: not set, and only that store is a file; back up Elasticsearch by its own snapshots")
			}
			ctx := cmp.Or(cmd.Context(), context.Background())
			if err := sqlite.Backup(ctx, c.Sink.SQLite.Path, args[0]); err != nil {
				return fmt.Errorf("backup: %w", err)
			}
			info, err := os.Stat(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d bytes\n", args[0], info.Size())
			return err
		},
	}
}
