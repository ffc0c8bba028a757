// Command standin answers like a registry that has just started, and remembers in its container how often it was started.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	const memory = "/starts"
	starts, _ := os.ReadFile(memory)
	starts = append(starts, '.')
	if err := os.WriteFile(memory, starts, 0o644); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("stand-in: start %d\n", len(starts))
	http.HandleFunc("/apis/ccompat/v7/subjects", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, len(starts))
	})
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		fmt.Println("stand-in: told to stop")
		os.Exit(0)
	}()
	if len(os.Args) > 1 {
		fmt.Println("stand-in: no such argument")
		os.Exit(3)
	}
	fmt.Println(http.ListenAndServe(":8080", nil))
}
