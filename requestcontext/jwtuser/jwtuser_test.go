package jwtuser_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dossier/requestcontext"
	"dossier/requestcontext/jwtuser"
)

var at = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	s, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func claims(change ...any) jwt.MapClaims {
	c := jwt.MapClaims{"sub": "u1", "name": "Ann", "email": "ann@example.org", "account_id": 9007199254740993,
		"roles": []string{"admin", "buyer"}, "iss": "https://id.example.org", "aud": []string{"shop", "other"}, "exp": at.Add(time.Minute).Unix()}
	for i := 0; i < len(change); i += 2 {
		if c[change[i].(string)] = change[i+1]; change[i+1] == nil {
			delete(c, change[i].(string))
		}
	}
	return c
}

func TestUser(t *testing.T) {
	key, other := newKey(t), newKey(t)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	v, err := jwtuser.New(jwtuser.Config{
		Key:     func(*jwt.Token) (any, error) { return &key.PublicKey, nil },
		Methods: []string{"ES256"}, Issuer: "https://id.example.org", Audience: "shop",
		Leeway: 5 * time.Second, Now: func() time.Time { return at },
	})
	if err != nil {
		t.Fatal(err)
	}
	good := sign(t, jwt.SigningMethodES256, key, claims())
	parts := strings.Split(good, ".")
	otherParts := strings.Split(sign(t, jwt.SigningMethodES256, key, claims("sub", "root", "exp", at.Add(-time.Hour).Unix())), ".")
	es := func(change ...any) string { return "Bearer " + sign(t, jwt.SigningMethodES256, key, claims(change...)) }

	for name, tt := range map[string]struct {
		header string
		user   string // its id
		bad    bool
	}{
		"good":               {header: "Bearer " + good, user: "u1"},
		"lower-case scheme":  {header: "bearer  " + good, user: "u1"},
		"no header":          {},
		"basic":              {header: "Basic dTE6cGFzcw=="},
		"within the leeway":  {header: es("exp", at.Add(-4*time.Second).Unix()), user: "u1"},
		"numeric sub":        {header: es("sub", 9007199254740993), user: "9007199254740993"},
		"expired":            {header: es("exp", at.Add(-6*time.Second).Unix()), bad: true},
		"no expiry":          {header: es("exp", nil), bad: true},
		"not yet valid":      {header: es("nbf", at.Add(time.Minute).Unix()), bad: true},
		"other issuer":       {header: es("iss", "https://evil.example"), bad: true},
		"no issuer":          {header: es("iss", nil), bad: true},
		"other audience":     {header: es("aud", "other"), bad: true},
		"no sub":             {header: es("sub", nil), bad: true},
		"other key":          {header: "Bearer " + sign(t, jwt.SigningMethodES256, other, claims()), bad: true},
		"signature removed":  {header: "Bearer " + parts[0] + "." + parts[1] + ".", bad: true},
		"claims swapped":     {header: "Bearer " + parts[0] + "." + otherParts[1] + "." + parts[2], bad: true},
		"alg none":           {header: "Bearer " + sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims()), bad: true},
		"public key as HMAC": {header: "Bearer " + sign(t, jwt.SigningMethodHS256, publicPEM, claims()), bad: true},
		"other algorithm":    {header: "Bearer " + sign(t, jwt.SigningMethodHS256, []byte("x"), claims()), bad: true},
		"no token":           {header: "Bearer ", bad: true},
		"garbage":            {header: "Bearer a.b.c", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			if tt.header != "" {
				r.Header.Set("Authorization", tt.header)
			}
			user, err := v.User(r)
			if tt.bad != (err != nil) || user.ID != tt.user {
				t.Errorf("got %+v, %v", user, err)
			}
			if tt.bad && !user.IsZero() {
				t.Errorf("an unverified claim got out: %+v", user)
			}
			if err != nil && len(parts[2]) > 0 && strings.Contains(err.Error(), parts[2]) {
				t.Errorf("the error holds the token: %v", err)
			}
		})
	}

	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+good)
	user, err := v.User(r)
	if err != nil || user.Name != "Ann" || user.Email != "ann@example.org" || user.AccountID != "9007199254740993" ||
		!slices.Equal(user.Roles, []string{"admin", "buyer"}) {
		t.Errorf("got %+v, %v", user, err)
	}
}

func TestOwnClaims(t *testing.T) {
	secret := []byte("a secret of at least thirty-two bytes")
	v, err := jwtuser.New(jwtuser.Config{
		Key: func(*jwt.Token) (any, error) { return secret, nil }, Methods: []string{"HS256"}, Now: func() time.Time { return at },
		Map: func(c jwt.MapClaims) (requestcontext.User, error) {
			id, _ := c["oid"].(string)
			if id == "" {
				return requestcontext.User{ID: "half made"}, errors.New("no oid")
			}
			return requestcontext.User{ID: id}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for oid, bad := range map[string]bool{"o1": false, "": true} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", "Bearer "+sign(t, jwt.SigningMethodHS256, secret, claims("oid", oid)))
		if user, err := v.User(r); user.ID != oid || bad != (err != nil) {
			t.Errorf("oid %q: got %+v, %v", oid, user, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	key := func(*jwt.Token) (any, error) { return nil, nil }
	for name, config := range map[string]jwtuser.Config{
		"no key":            {Methods: []string{"RS256"}},
		"no methods":        {Key: key},
		"none":              {Key: key, Methods: []string{"RS256", "none"}},
		"unknown algorithm": {Key: key, Methods: []string{"RS255"}},
	} {
		if _, err := jwtuser.New(config); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := jwtuser.New(jwtuser.Config{}); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("both faults should be told: %v", err)
	}
}
