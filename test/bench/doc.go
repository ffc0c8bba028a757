// Command bench measures Dossier beside the limits of the machine that it runs on, on a real broker.
//
//	go run ./test/bench                              the parts that are quick, 300,000 changes, 5 runs each
//	go run ./test/bench --part processor             one part, with its limit
//	go run ./test/bench --help                       the parts and what each may be told
//	go run ./test/bench --changes 1000 --context half --json result.json
//
// Each part (parts.go lists them) has servers that are started for it, and measures something of Dossier beside its limit. The processor's writes a
// corpus once and reads it again and again, each time with a process of its own: by the processor, and by a program that copies the change
// topic exactly once without looking at the bytes. The two take turns, so that a machine that slows down slows both. Only the ratio of the
// two says something about Dossier; figures of different runs of the command are not to be compared.
//
// Every run's output is read and checked, record by record: a wrong result is a failure, whatever its speed.
package main
