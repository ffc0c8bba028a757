package native

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// untar unpacks a gzipped tar file. A name that would lead out of the directory is an error.
func untar(archive, into string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	for files := tar.NewReader(unzipped); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}
		if !filepath.IsLocal(h.Name) {
			return fmt.Errorf("%s: holds a file outside of its directory: %s", archive, h.Name)
		}
		to := filepath.Join(into, filepath.FromSlash(h.Name))
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(to, 0o755)
		case tar.TypeReg:
			err = writeFile(to, files)
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", archive, err)
		}
	}
}

// unzipFlat copies the files under prefix of a zip or jar file into a directory, without their own directories.
func unzipFlat(archive, prefix, into string) error {
	files, err := zip.OpenReader(archive)
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	defer files.Close()
	found := false
	for _, f := range files.File {
		if !strings.HasPrefix(f.Name, prefix) || f.FileInfo().IsDir() {
			continue
		}
		found = true
		r, err := f.Open()
		if err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}
		err = writeFile(filepath.Join(into, path.Base(f.Name)), r)
		r.Close()
		if err != nil {
			return fmt.Errorf("unpack %s: %w", archive, err)
		}
	}
	if !found {
		return fmt.Errorf("%s holds nothing under %s", archive, prefix)
	}
	return nil
}

// jar packs the files of a tree into a jar file.
func jar(tree fs.FS, to string) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	z := zip.NewWriter(f)
	if err := z.AddFS(tree); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return f.Close()
}

func writeFile(to string, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
