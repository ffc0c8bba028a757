package web

import "dossier/query"

// The reads carry a request's parameters over to package query, which knows what they mean.

func (a *API) state(c *call) (answer, error) {
	blame, err := c.parameters.boolean("blame")
	if err != nil {
		return answer{}, err
	}
	p := c.parameters
	s, err := a.service(c.caller).State(c.ctx(), query.StateQuery{Type: c.segments["type"], ID: c.segments["id"], AsOf: p["as_of"], Version: p["version"],
		Edition: p["edition"], Position: p["position"], Event: p["event"], Blame: blame})
	return answer{body: s, items: 1}, err
}

func (a *API) history(c *call) (answer, error) {
	page, err := c.parameters.page()
	if err != nil {
		return answer{}, err
	}
	p := c.parameters
	h, err := a.service(c.caller).History(c.ctx(), query.HistoryQuery{Type: c.segments["type"], ID: c.segments["id"], From: p["from"], To: p["to"],
		Field: p["field"], User: p["user"], PageQuery: page})
	if err != nil {
		return answer{}, err
	}
	return answer{body: h, items: len(h.Items)}, nil
}

func (a *API) diff(c *call) (answer, error) {
	if c.parameters["a"] == "" {
		return answer{}, badParameter("a", `missing; expected what is compared: a time, version:NAME, event:ID or position:P`)
	}
	d, err := a.service(c.caller).Diff(c.ctx(), query.DiffQuery{Type: c.segments["type"], ID: c.segments["id"], A: c.parameters["a"], B: c.parameters["b"]})
	return answer{body: d, items: 2}, err
}

func (a *API) children(c *call) (answer, error) {
	page, err := c.parameters.page()
	if err != nil {
		return answer{}, err
	}
	s, err := a.service(c.caller).Children(c.ctx(), query.ChildrenQuery{Type: c.segments["type"], ID: c.segments["id"], ChildType: c.parameters["type"],
		AsOf: c.parameters["as_of"], PageQuery: page})
	if err != nil {
		return answer{}, err
	}
	return answer{body: s, items: len(s.Items)}, nil
}

func (a *API) changes(c *call) (answer, error) {
	page, err := c.parameters.page()
	if err != nil {
		return answer{}, err
	}
	p := c.parameters
	s, err := a.service(c.caller).Changes(c.ctx(), query.ChangesQuery{Q: p["q"], From: p["from"], To: p["to"], Order: p["order"], PageQuery: page})
	if err != nil {
		return answer{}, err
	}
	return answer{body: s, items: len(s.Items)}, nil
}

func (a *API) counts(c *call) (answer, error) {
	p := c.parameters
	if p["by"] == "" {
		return answer{}, badParameter("by", "missing; expected user, entity, type, day, field, action, context or version")
	}
	limit, err := p.integer("limit", 1, query.MaxLimit, 0)
	if err != nil {
		return answer{}, err
	}
	s, err := a.service(c.caller).Counts(c.ctx(), query.CountsQuery{By: p["by"], Q: p["q"], From: p["from"], To: p["to"], Limit: limit})
	if err != nil {
		return answer{}, err
	}
	return answer{body: s, items: len(s.Items)}, nil
}

func (a *API) request(c *call) (answer, error) {
	page, err := c.parameters.page()
	if err != nil {
		return answer{}, err
	}
	s, err := a.service(c.caller).Request(c.ctx(), query.RequestQuery{ID: c.segments["id"], PageQuery: page})
	if err != nil {
		return answer{}, err
	}
	items := 0
	for i := range s.Transactions {
		items += len(s.Transactions[i].Items)
	}
	return answer{body: s, items: items}, nil
}

func (a *API) transaction(c *call) (answer, error) {
	page, err := c.parameters.page()
	if err != nil {
		return answer{}, err
	}
	s, err := a.service(c.caller).Transaction(c.ctx(), query.TransactionQuery{Source: c.segments["source"], TxID: c.segments["tx_id"],
		Time: c.parameters["time"], PageQuery: page})
	if err != nil {
		return answer{}, err
	}
	return answer{body: s, items: len(s.Items)}, nil
}

func (a *API) versions(c *call) (answer, error) {
	page, err := c.parameters.page()
	if err != nil {
		return answer{}, err
	}
	s, err := a.service(c.caller).Versions(c.ctx(), page)
	if err != nil {
		return answer{}, err
	}
	return answer{body: s, items: len(s.Items)}, nil
}

func (a *API) version(c *call) (answer, error) {
	page, err := c.parameters.page()
	if err != nil {
		return answer{}, err
	}
	p := c.parameters
	s, err := a.service(c.caller).Version(c.ctx(), query.VersionQuery{Name: c.segments["name"], Edition: p["edition"], Type: p["type"], PageQuery: page})
	if err != nil {
		return answer{}, err
	}
	return answer{body: s, items: len(s.Items)}, nil
}
