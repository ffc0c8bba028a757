package query

import (
	"context"

	"dossier/schema"
)

// maxName bounds an entity's type and id in a question, in bytes. A store indexes at most 8191 characters of a keyword.
const maxName = 8191

// checkEntity checks what names an entity.
func checkEntity(typ, id string) (Ref, error) {
	switch {
	case typ == "":
		return Ref{}, invalid("type", "it is empty: expected an entity type, such as public.product")
	case id == "":
		return Ref{}, invalid("id", "it is empty: expected an entity's id")
	case len(typ) > maxName:
		return Ref{}, invalid("type", "it is longer than any entity type")
	case len(id) > maxName:
		return Ref{}, invalid("id", "it is longer than any id that a store can find")
	}
	return Ref{Type: typ, ID: id}, nil
}

func isKind(k schema.DocumentKind) Filter { return Is(FieldKind, string(k)) }

func anyKind(kinds ...schema.DocumentKind) Filter {
	values := make([]string, len(kinds))
	for i, k := range kinds {
		values[i] = string(k)
	}
	return Equal{FieldKind, values}
}

func anyAction(actions ...schema.Action) Filter {
	values := make([]string, len(actions))
	for i, a := range actions {
		values[i] = string(a)
	}
	return Equal{FieldAction, values}
}

// of holds for the documents of an entity.
func (r Ref) of() Filter { return And{Is(FieldEntityType, r.Type), Is(FieldEntityID, r.ID)} }

// versions holds for an entity's row versions.
func (r Ref) versions() Filter { return And{isKind(schema.DocumentRowVersion), r.of()} }

// wholes holds for an entity's row versions that do not follow from the one before: all but updates.
func (r Ref) wholes() Filter {
	return And{r.versions(), anyAction(schema.ActionCreate, schema.ActionDelete, schema.ActionRekey, schema.ActionSnapshot)}
}

// changesOf holds for an entity's field changes of one field.
func (r Ref) changesOf(field string) Filter {
	return And{isKind(schema.DocumentFieldChange), r.of(), Is(FieldChangeField, field)}
}

func refOf(d *schema.Document) Ref { return Ref{Type: d.Entity.Type, ID: d.Entity.ID} }

// errUnknown is the answer for an entity of which nothing is known.
func errUnknown(r Ref) error {
	return notFound("nothing is known of %s %s, or you may not see it", r.Type, r.ID)
}

// known says whether anything is known of an entity: a version, or what was said of it.
func (s *Service) known(ctx context.Context, r Ref) (bool, error) {
	pages, err := s.search(ctx, Search{Limit: 1, Filter: And{
		anyKind(schema.DocumentRowVersion, schema.DocumentNamedVersion, schema.DocumentFeedback), r.of()}})
	return err == nil && len(pages[0].Documents) > 0, err
}

// searchAll sends any number of searches to the store, some at a time, so that the documents of their answers are not all held at once: take is called for each
// answer, with the number of its search.
func (s *Service) searchAll(ctx context.Context, searches []Search, take func(i int, p Page)) error {
	const atOnce = 64
	for begin := 0; begin < len(searches); begin += atOnce {
		part := searches[begin:min(begin+atOnce, len(searches))]
		pages, err := s.search(ctx, part...)
		if err != nil {
			return err
		}
		for i := range pages {
			take(begin+i, pages[i])
		}
	}
	return nil
}

// first returns a page's first document; nil where it has none.
func first(p Page) *schema.Document {
	if len(p.Documents) == 0 {
		return nil
	}
	return &p.Documents[0]
}
