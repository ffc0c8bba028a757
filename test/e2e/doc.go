// Package e2e shows that Dossier's output is the truth, on real parts: an application writes to PostgreSQL, and in the end each
// version document equals what triggers in the database, made for these tests alone, wrote down in the same transactions.
//
// Nothing here uses Dossier's packages to say what is right. What the triggers kept (testdata/truth.sql) becomes expected
// documents by code of its own, and topics and indices are read as plain JSON.
//
// See docs/testing.md for how to run the tests and read their reports.
package e2e
