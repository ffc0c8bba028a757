// Package demo is what the demo has besides Dossier itself: the real parts, which it borrows from the test harness of this source
// tree by running it as a program of its own, so that none of it is in the binary that is shipped; and a small
// application that writes to the database.
package demo
