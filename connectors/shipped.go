package connectors

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

//go:embed *.json sql/*.sql
var shipped embed.FS

// Shipped lists the names of the configurations and SQL scripts inside the binary, such as "postgres-json.json" and
// "sql/postgres-setup.sql".
func Shipped() []string {
	var names []string
	for _, pattern := range []string{"*.json", "sql/*.sql"} {
		found, err := fs.Glob(shipped, pattern)
		if err != nil { // a malformed pattern, and these are constants
			panic(err)
		}
		names = append(names, found...)
	}
	return names
}

// ShippedFile gives the content of a file that [Shipped] lists. The extension, and the folder of a script, may be left out.
func ShippedFile(name string) ([]byte, bool) {
	for _, known := range Shipped() {
		if name == known || name == path.Base(known) || name == strings.TrimSuffix(path.Base(known), path.Ext(known)) {
			content, err := shipped.ReadFile(known)
			return content, err == nil
		}
	}
	return nil, false
}
