// Package jwtuser takes the user of a request from the claims of a verified JSON Web Token, for
// requestcontext.Middleware.User.
//
// It refuses to be authentication: a request without a token has no user, one whose token does not verify has none
// either and an error to log; neither is turned away here. A claim of a token that was not verified is never used.
package jwtuser

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dossier/requestcontext"
)

// Config says which tokens count, and what they say. Key and Methods are needed.
type Config struct {
	// Key returns the key that verifies a token: a shared secret, a public key, or one of a set by the token's key id
	// ("kid"), as github.com/MicahParks/keyfunc gives it for a JWKS address.
	Key jwt.Keyfunc
	// Methods are the signature algorithms that count, such as "RS256" or "ES256". There is no default: taking the
	// algorithm from the token is what forged tokens hope for. "none" is refused.
	Methods []string
	// Issuer and Audience, if set, must be the token's. Set both where the issuer serves several applications, or a token
	// meant for another one is good here too.
	Issuer, Audience string
	// Leeway is how far the clocks of issuer and application may differ. 0 is none.
	Leeway time.Duration
	// Map makes the user from verified claims; [Standard] if nil. Numbers in the claims are json.Number.
	Map func(claims jwt.MapClaims) (requestcontext.User, error)
	// Now is the clock for expiry; time.Now if nil.
	Now func() time.Time
}

// Verifier takes users from requests. It is safe for concurrent use if its Key and Map are.
type Verifier struct {
	parser *jwt.Parser
	key    jwt.Keyfunc
	user   func(jwt.MapClaims) (requestcontext.User, error)
}

// New returns a verifier, or an error that names every fault of config.
func New(config Config) (*Verifier, error) {
	var faults []error
	if config.Key == nil {
		faults = append(faults, errors.New("jwtuser: Key is nil: give the function that returns the verification key"))
	}
	if len(config.Methods) == 0 {
		faults = append(faults, errors.New(`jwtuser: Methods is empty: name the algorithms that the issuer signs with, such as "RS256"`))
	}
	for _, method := range config.Methods {
		if signing := jwt.GetSigningMethod(method); signing == nil || signing == jwt.SigningMethodNone {
			faults = append(faults, fmt.Errorf("jwtuser: Methods: %q is not a signature algorithm: use one such as %q", method, "RS256"))
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	options := []jwt.ParserOption{
		jwt.WithValidMethods(slices.Clone(config.Methods)),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(config.Leeway),
		jwt.WithJSONNumber(), // a numeric account id keeps its digits
	}
	if config.Issuer != "" {
		options = append(options, jwt.WithIssuer(config.Issuer))
	}
	if config.Audience != "" {
		options = append(options, jwt.WithAudience(config.Audience))
	}
	if config.Now != nil {
		options = append(options, jwt.WithTimeFunc(config.Now))
	}
	v := &Verifier{parser: jwt.NewParser(options...), key: config.Key, user: config.Map}
	if v.user == nil {
		v.user = Standard
	}
	return v, nil
}

// User returns the user of r's bearer token: for requestcontext.Middleware.User. Without an Authorization header, or with
// another scheme, it is the zero User and no error. A token that is malformed, forged, expired, without expiry, or
// for someone else is an error, and the zero User.
func (v *Verifier) User(r *http.Request) (requestcontext.User, error) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return requestcontext.User{}, nil
	}
	claims := jwt.MapClaims{}
	if _, err := v.parser.ParseWithClaims(strings.TrimSpace(token), claims, v.key); err != nil {
		return requestcontext.User{}, fmt.Errorf("verify bearer token: %w", err)
	}
	user, err := v.user(claims)
	if err != nil {
		return requestcontext.User{}, fmt.Errorf("user from bearer token: %w", err)
	}
	return user, nil
}

// Standard makes a user of the claims "sub", "name", "email", "account_id" and "roles" (a list, or one text). It is an
// error if "sub" is missing: a verified token of nobody.
func Standard(claims jwt.MapClaims) (requestcontext.User, error) {
	u := requestcontext.User{
		ID:        text(claims["sub"]),
		Name:      text(claims["name"]),
		Email:     text(claims["email"]),
		AccountID: text(claims["account_id"]),
	}
	switch roles := claims["roles"].(type) {
	case []any:
		for _, role := range roles {
			if s := text(role); s != "" {
				u.Roles = append(u.Roles, s)
			}
		}
	case string:
		u.Roles = []string{roles}
	}
	if u.ID == "" {
		return requestcontext.User{}, errors.New(`the claim "sub" is missing or no text: give Config.Map if the user's id is in another claim`)
	}
	return u, nil
}

func text(claim any) string {
	switch c := claim.(type) {
	case string:
		return c
	case json.Number:
		return c.String()
	}
	return ""
}
