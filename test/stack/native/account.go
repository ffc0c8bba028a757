package native

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// accountName is the user that the parts run as when the harness itself is root: PostgreSQL and Elasticsearch refuse root.
const accountName = "dossier-stack"

// account is who the parts run as. Its zero value is the user of this process.
type account struct {
	uid, gid uint32
	switched bool // the parts run as another user than this process
}

// findAccount gives the user for the parts, and creates it if this process is root and it does not exist.
func findAccount() (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	u, err := user.Lookup(accountName)
	if err != nil {
		out, err := exec.Command("useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", "--user-group", accountName).CombinedOutput()
		// Two harnesses may start at once: then the other one's useradd is as good as ours.
		if u, _ = user.Lookup(accountName); u == nil {
			return account{}, fmt.Errorf("create the user %s, as which the parts run because PostgreSQL and Elasticsearch refuse root: %v: %s", accountName, err, out)
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user %s: id %q is not a number", accountName, u.Uid)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user %s: group id %q is not a number", accountName, u.Gid)
	}
	return account{uid: uint32(uid), gid: uint32(gid), switched: true}, nil
}

// attributes make a child process run as the account, as leader of a process group of its own, so that a Ctrl-C at the
// terminal reaches the harness alone, and so that one signal ends the part with its children.
func (a account) attributes() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.switched {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

// own makes a new directory that the account may write in and no one else.
func (a account) own(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if !a.switched {
		return nil
	}
	return os.Chown(dir, int(a.uid), int(a.gid))
}

// canReach says in an error which directory above path keeps the account out.
func (a account) canReach(path string) error {
	if !a.switched {
		return nil
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && info.Mode()&0o001 == 0 {
			return fmt.Errorf("%s cannot be entered by the user %s, as which the parts run (mode %v): choose another place with %s or TMPDIR", dir, accountName, info.Mode().Perm(), cacheVariable)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}
