package jwtuser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dossier/requestcontext"
	"dossier/requestcontext/jwtuser"
)

func Example() {
	secret := []byte("a secret of at least thirty-two bytes")
	users, err := jwtuser.New(jwtuser.Config{
		Key:     func(*jwt.Token) (any, error) { return secret, nil },
		Methods: []string{"HS256"},
		Issuer:  "https://id.example.org", Audience: "shop",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	contexts := requestcontext.Middleware{Service: "shop", User: users.User}
	handler := contexts.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := requestcontext.From(r.Context())
		fmt.Printf("%q %q\n", c.User.ID, c.Initiator)
	}))

	claims := jwt.MapClaims{"sub": "u1", "iss": "https://id.example.org", "aud": "shop", "exp": time.Now().Add(time.Hour).Unix()}
	for _, key := range [][]byte{secret, []byte("another, of whoever forged the token")} {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(key)
		if err != nil {
			fmt.Println(err)
			return
		}
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	// Output:
	// "u1" "user"
	// "" ""
}
