package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// logReader reads a slot as the connector does, with the same plugin and options, and only counts what comes: so that what the database takes to
// decode and to send its log is part of a measurement, and what a connector makes of it is not.
type logReader struct {
	changes, contexts atomic.Int64
	cancel            context.CancelFunc
	done              chan struct{}
	err               error // once done is closed
}

// read begins to read.
func (d *database) read(ctx context.Context) *logReader {
	ctx, cancel := context.WithCancel(ctx)
	r := &logReader{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = r.run(ctx, d.made.DSN+"&replication=database")
	}()
	return r
}

func (r *logReader) run(ctx context.Context, dsn string) (err error) {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return err
	}
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return &pausingConn{conn, bufio.NewReaderSize(conn, 1<<20)}, err
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // what it was for has ended
	conn.Frontend().SendQuery(&pgproto3.Query{String: "START_REPLICATION SLOT " + benchSlot + ` LOGICAL 0/0 (proto_version '1', publication_names 'dossier', messages 'true')`})
	if err := conn.Frontend().Flush(); err != nil {
		return err
	}
	var position uint64
	told := time.Now()
	for {
		message, err := conn.ReceiveMessage(ctx)
		if err != nil {
			return err
		}
		switch m := message.(type) {
		case *pgproto3.ErrorResponse:
			return pgconn.ErrorResponseToPgError(m)
		case *pgproto3.CopyData:
			reply := false
			if position, reply, err = r.take(m.Data, position); err != nil {
				return err
			}
			if !reply && time.Since(told) < time.Second {
				continue
			}
			told = time.Now()
			conn.Frontend().Send(&pgproto3.CopyData{Data: standbyStatus(position, told)})
			if err := conn.Frontend().Flush(); err != nil {
				return err
			}
		}
	}
}

// readPause is how long the reader lets messages come together.
const readPause = 5 * time.Millisecond

// pausingConn reads what has come every few milliseconds, and not each message as it comes: the database's cores are not to be kept busy with waking up a
// reader that in truth has its own.
type pausingConn struct {
	net.Conn
	buffer *bufio.Reader
}

func (c *pausingConn) Read(p []byte) (int, error) {
	if c.buffer.Buffered() == 0 {
		time.Sleep(readPause)
	}
	return c.buffer.Read(p)
}

// take counts a message of the stream, and returns up to where the log has been read and whether the server wants to know it.
func (r *logReader) take(data []byte, position uint64) (_ uint64, reply bool, _ error) {
	switch {
	case len(data) == 18 && data[0] == 'k': // a sign of life
		return max(position, binary.BigEndian.Uint64(data[1:])), data[17] == 1, nil
	case len(data) > 25 && data[0] == 'w':
		switch data[25] { // what pgoutput says
		case 'U':
			r.changes.Add(1)
		case 'M':
			r.contexts.Add(1)
		}
		return max(position, binary.BigEndian.Uint64(data[1:])), false, nil
	}
	return position, false, fmt.Errorf("a message that the replication protocol does not have: %.40q", data)
}

// standbyStatus tells the server how far its log has been read, and may be forgotten.
func standbyStatus(position uint64, now time.Time) []byte {
	status := []byte{'r'}
	for range 3 { // written, flushed, applied
		status = binary.BigEndian.AppendUint64(status, position)
	}
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	return append(binary.BigEndian.AppendUint64(status, uint64(now.Sub(epoch).Microseconds())), 0)
}

// wait returns when so many changes and contexts have come, and an error where more or others have.
func (r *logReader) wait(ctx context.Context, changes, contexts int) error {
	deadline := time.Now().Add(time.Minute)
	for {
		gotChanges, gotContexts := int(r.changes.Load()), int(r.contexts.Load())
		if gotChanges == changes && gotContexts == contexts {
			return nil
		}
		if gotChanges > changes || gotContexts > contexts || time.Now().After(deadline) {
			return fmt.Errorf("the log has %d changes and %d contexts, expected %d and %d", gotChanges, gotContexts, changes, contexts)
		}
		select {
		case <-r.done:
			return fmt.Errorf("reading the log: %w", r.err)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// close ends the reading; it may be called again.
func (r *logReader) close() {
	r.cancel()
	<-r.done
	if errors.Is(r.err, context.Canceled) {
		r.err = nil
	}
}
