// Command dossier keeps the full, attributed history of the rows of a database.
package main

func main() {}
