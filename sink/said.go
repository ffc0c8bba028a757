package sink

import "dossier/schema"

// isSaid says whether a document tells what somebody wrote, and not what the database reports: feedback, and a version that a request named.
func isSaid(d *schema.Document) bool {
	return d.Kind == schema.DocumentFeedback || d.Kind == schema.DocumentNamedVersion && d.NamedVersion != nil && d.NamedVersion.ID != ""
}

// saidAgain says whether two documents of one identity tell of the same thing written twice: a sender that got no answer writes again, later and perhaps from
// elsewhere, under the same id of its own. So when it was written and in which context make no difference, and the first stays. Nor does it which state of an entity the
// same request would have named later.
func saidAgain(a, b schema.Document) bool {
	if !isSaid(&a) || !isSaid(&b) {
		return false
	}
	for _, d := range []*schema.Document{&a, &b} {
		name := d.VersionName
		*d = d.ClearContext()
		d.VersionName, d.Time = name, earliest
		if d.NamedVersion != nil {
			d.NamedVersion = &schema.NamedVersion{ID: d.NamedVersion.ID}
		}
	}
	return a.Hash() == b.Hash()
}
