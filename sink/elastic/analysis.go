package elastic

import _ "embed"

//go:embed analysis.json
var analysisJSON []byte

// analysis returns the part of an index's settings that says how text becomes words: as query.Words does, for the letters of Latin, Greek and Cyrillic. Its members are texts, as stores
// give them back. An index keeps the analysis with which it was made: what is to change here takes another name.
func analysis() object { return decode(analysisJSON) }
