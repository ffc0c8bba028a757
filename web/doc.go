// Package web is what Dossier answers over HTTP.
package web
