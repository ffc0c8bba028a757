package main

import "fmt"

// The exit codes of every subcommand.
const (
	exitFailed = 1 // what was asked for was not done
	exitMisuse = 2 // the command line or a file was not understood
)

// exitError is an error that knows the exit code it should end the program with. Errors without one are failures.
type exitError struct {
	code int
	// err may be nil where everything has been said already, as findings for example.
	err error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// misuse makes an error about how the program was called.
func misuse(format string, args ...any) error {
	return &exitError{code: exitMisuse, err: fmt.Errorf(format, args...)}
}

// failed ends the program with code 1 without another word: the output holds the reasons.
func failed() error { return &exitError{code: exitFailed} }
