package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"dossier/intake"
)

// route is one call of the API.
type route struct {
	method     string
	pattern    string   // below /api; {name} is one segment
	parameters []string // the query parameters that it takes
	// Exactly one of these answers.
	public func(a *API, w http.ResponseWriter, r *http.Request) // anybody may ask
	read   func(a *API, c *call) (answer, error)
	write  func(a *API, c *call) (answer, error)
	stream func(a *API, w http.ResponseWriter, c *call) error
}

// call is one request to a route, with its parameters read.
type call struct {
	*http.Request
	w          http.ResponseWriter
	parameters parameters
	segments   map[string]string
	caller     Caller
	body       []byte        // of a write
	sender     intake.Caller // of a write
}

// ctx is the request's context.
func (c *call) ctx() context.Context { return c.Context() }

// router finds a request's route by its path as it was sent. A segment may hold an encoded "/" or "%", which is the caller's and separates nothing; so segments
// are found first and decoded after, once.
func (a *API) router() http.Handler {
	byPath := map[string]map[string]route{}
	mux := chi.NewRouter()
	for _, rt := range routes {
		if byPath[rt.pattern] == nil {
			methods := map[string]route{}
			byPath[rt.pattern] = methods
			mux.Get(rt.pattern, func(w http.ResponseWriter, r *http.Request) { a.dispatch(w, r, methods) })
		}
		byPath[rt.pattern][rt.method] = rt
	}
	mux.NotFound(func(w http.ResponseWriter, r *http.Request) {
		a.writeProblem(w, r, newProblem(kindNotFound, "there is no such path; /api/openapi.json describes those that there are"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := chi.NewRouteContext()
		path.RoutePath = strings.TrimPrefix(r.URL.EscapedPath(), "/api")
		path.RouteMethod = http.MethodGet // the mux finds the path; dispatch looks at the method
		if path.RoutePath == "" {
			path.RoutePath = "/"
		}
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, path)))
	})
}

// dispatch answers a request for one path.
func (a *API) dispatch(w http.ResponseWriter, r *http.Request, methods map[string]route) {
	pattern := chi.RouteContext(r.Context()).RoutePattern()
	traitsOf(r.Context()).route = "/api" + pattern
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	rt, known := methods[method]
	switch {
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", allowed(methods))
		w.WriteHeader(http.StatusNoContent)
		return
	case !known, r.Method == http.MethodHead && rt.stream != nil:
		p := newProblem(kindMethodNotAllowed, "this path takes "+allowed(methods))
		p.allow = allowed(methods)
		a.writeProblem(w, r, p)
		return
	}
	if err := a.serve(w, r, rt); err != nil {
		a.writeProblem(w, r, err)
	}
}

func allowed(methods map[string]route) string {
	list := []string{}
	if get, ok := methods[http.MethodGet]; ok {
		list = append(list, http.MethodGet)
		if get.stream == nil {
			list = append(list, http.MethodHead)
		}
	}
	if _, ok := methods[http.MethodPost]; ok {
		list = append(list, http.MethodPost)
	}
	return strings.Join(append(list, http.MethodOptions), ", ")
}

// serve answers a call. An error is one that nothing has been written for.
func (a *API) serve(w http.ResponseWriter, r *http.Request, rt route) error {
	if rt.public != nil {
		rt.public(a, w, r)
		return nil
	}
	if rt.stream == nil {
		if !a.requests.take() {
			return unavailable("too many requests are under way", tooManyRetry, nil)
		}
		defer a.requests.give()
		ctx, cancel := context.WithTimeout(r.Context(), a.AnswerTimeout)
		defer cancel()
		r = r.WithContext(ctx)
	}
	c := &call{Request: r, w: w}
	var err error
	if c.parameters, err = parseParameters(r, rt.parameters); err != nil {
		return err
	}
	if c.segments, err = pathSegments(r.Context()); err != nil {
		return err
	}
	if c.caller, err = a.Access.Open(r); err != nil {
		return err
	}
	switch {
	case rt.stream != nil:
		return rt.stream(a, w, c)
	case rt.write != nil:
		return a.answerWrite(w, c, rt)
	}
	return a.answerRead(w, c, rt)
}

// pathSegments decodes the segments that stand for something.
func pathSegments(ctx context.Context) (map[string]string, error) {
	params := chi.RouteContext(ctx).URLParams
	segments := map[string]string{}
	for i, name := range params.Keys {
		text, err := url.PathUnescape(params.Values[i])
		switch {
		case err != nil, !utf8.ValidString(text):
			return nil, badParameter(name, "this part of the path is not percent-encoded UTF-8")
		case text == "":
			return nil, badParameter(name, "this part of the path is empty")
		}
		segments[name] = text
	}
	return segments, nil
}
