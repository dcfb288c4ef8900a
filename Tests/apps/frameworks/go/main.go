// A server of Go's standard library, which listens on $PORT and finishes what it is at when it is told to end.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	version, err := os.ReadFile("version.txt")
	if err != nil {
		log.Fatal(err)
	}
	handler := http.NewServeMux()
	handler.HandleFunc("/up", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "up") })
	handler.HandleFunc("/version", func(w http.ResponseWriter, r *http.Request) { w.Write(version) })
	handler.HandleFunc("/client", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.Header.Get("X-Forwarded-For"))
	})

	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: handler}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	go func() {
		<-stop.Done()
		server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}
