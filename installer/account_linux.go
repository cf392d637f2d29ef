package installer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
)

// account makes the user that the service runs as, and its group, where they are not there.
func (o *Options) account(ctx context.Context) error {
	if _, err := user.Lookup(name); err == nil {
		return nil
	} else if _, unknown := errors.AsType[user.UnknownUserError](err); !unknown {
		return fmt.Errorf("look for the user %s: %w", name, err)
	}
	shell := "/bin/false"
	for _, s := range []string{"/sbin/nologin", "/usr/sbin/nologin"} {
		if _, err := os.Stat(s); err == nil {
			shell = s
		}
	}
	var err error
	if found("useradd") {
		args := []string{"--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", shell, "--comment", "Argus Endpoint"}
		if _, none := user.LookupGroup(name); none == nil {
			args = append(args, "--gid", name)
		} else {
			args = append(args, "--user-group")
		}
		_, err = output(ctx, "useradd", append(args, name)...)
	} else { // busybox
		if _, none := user.LookupGroup(name); none != nil {
			_, err = output(ctx, "addgroup", "-S", name)
		}
		if err == nil {
			_, err = output(ctx, "adduser", "-S", "-D", "-H", "-h", "/nonexistent", "-s", shell, "-g", "Argus Endpoint", "-G", name, name)
		}
	}
	if err != nil {
		return fmt.Errorf("make the service's user: %w", err)
	}
	o.Note("created the user and the group " + name)
	return nil
}

// removeAccount removes user and group, where they are there.
func (o *Options) removeAccount(ctx context.Context) error {
	_, noUser := user.Lookup(name)
	_, noGroup := user.LookupGroup(name)
	if noUser != nil && noGroup != nil {
		return nil
	}
	var err error
	del, groupdel := "userdel", "groupdel"
	if !found(del) {
		del, groupdel = "deluser", "delgroup"
	}
	if noUser == nil {
		_, err = output(ctx, del, name)
	}
	if _, left := user.LookupGroup(name); left == nil && err == nil { // userdel may have removed it
		_, err = output(ctx, groupdel, name)
	}
	if err != nil {
		return fmt.Errorf("remove the service's user: %w", err)
	}
	o.Note("removed the user and the group " + name)
	return nil
}
