//! Signed tokens. The keys beside this file are for these tests, and for nothing else.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use outlive_server::http::{Endpoints, Jwt, endpoints};
use outlive_server::hub::Hub;
use outlive_testkit::endpoints::{Server, Words};
use serde_json::{Value, json};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
/// In the year 2100.
const LATER: u64 = 4_102_444_800;
/// In the year 2001.
const BEFORE: u64 = 1_000_000_000;

fn rsa() -> EncodingKey {
    EncodingKey::from_rsa_pem(include_bytes!("keys/rsa.pem")).unwrap()
}

fn secret() -> EncodingKey {
    EncodingKey::from_secret(SECRET)
}

fn signed(header: &Header, claims: &Value, key: &EncodingKey) -> String {
    encode(header, claims, key).unwrap()
}

fn hs256(claims: &Value) -> String {
    signed(&Header::new(Algorithm::HS256), claims, &secret())
}

/// The principal of a request with the token, or the error.
async fn told(endpoints: &Endpoints, token: &str) -> Result<String, String> {
    let request = axum::http::Request::get("/").header("authorization", format!("Bearer {token}"));
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let granted = endpoints.authorize(&parts, None, outlive_server::hub::Role::View).await;
    granted.map(|grant| grant.principal).map_err(|why| why.to_string())
}

async fn of(jwt: Jwt) -> Endpoints {
    endpoints(Hub::builder().build(Words).await.unwrap()).authorize(jwt)
}

#[tokio::test]
async fn each_kind_of_key_takes_its_algorithm_and_no_other() {
    let ec = EncodingKey::from_ec_pem(include_bytes!("keys/ec.pem")).unwrap();
    let ed = EncodingKey::from_ed_pem(include_bytes!("keys/ed.pem")).unwrap();
    let keys: [(&[u8], Algorithm, EncodingKey); 4] = [
        (SECRET, Algorithm::HS256, secret()),
        (include_bytes!("keys/rsa.pub.pem"), Algorithm::RS256, rsa()),
        (include_bytes!("keys/ec.pub.pem"), Algorithm::ES256, ec),
        (include_bytes!("keys/ed.pub.pem"), Algorithm::EdDSA, ed),
    ];
    let claims = json!({ "sub": "ann", "exp": LATER });
    for (public, algorithm, _) in &keys {
        let endpoints = of(Jwt::from_key(public).unwrap()).await;
        for (_, other, private) in &keys {
            let token = signed(&Header::new(*other), &claims, private);
            assert_eq!(told(&endpoints, &token).await.is_ok(), algorithm == other, "{other:?}");
        }
        // The attack: what is public, as a secret.
        let public = EncodingKey::from_secret(public);
        let token = signed(&Header::new(Algorithm::HS256), &claims, &public);
        let is_secret = *algorithm == Algorithm::HS256;
        assert_eq!(told(&endpoints, &token).await.is_ok(), is_secret);
        // {"alg":"none"}
        let (_, rest) = token.split_once('.').unwrap();
        let none = format!("eyJhbGciOiJub25lIn0.{}", rest.split_once('.').unwrap().0);
        assert!(told(&endpoints, &format!("{none}.")).await.is_err());
        let longer = Header::new(Algorithm::HS512);
        assert!(told(&endpoints, &signed(&longer, &claims, &public)).await.is_err());
    }
}

#[tokio::test]
async fn every_claim_is_checked() {
    let jwt = Jwt::from_key(SECRET).unwrap().audience("chat").issuer("us");
    let endpoints = of(jwt).await;
    let right = json!({ "sub": "ann", "exp": LATER, "nbf": BEFORE, "aud": "chat", "iss": "us" });
    assert_eq!(told(&endpoints, &hs256(&right)).await.as_deref(), Ok("ann"));
    let with = |name: &str, value: Value| {
        let mut claims = right.clone();
        claims[name] = value;
        hs256(&claims)
    };
    assert!(told(&endpoints, &with("aud", json!(["x", "chat"]))).await.is_ok());
    for (name, value) in [
        ("nbf", json!(LATER)),
        ("aud", json!("mail")),
        ("aud", json!(["mail"])),
        ("iss", json!("them")),
        ("sub", json!("")),
        ("sub", json!(7)),
        ("exp", json!("soon")),
        ("outlive_role", json!("root")),
    ] {
        let refused = told(&endpoints, &with(name, value.clone())).await.unwrap_err();
        assert!(refused.starts_with("unauthenticated"), "{name} {value}: {refused}");
    }
    let refused = told(&endpoints, &with("exp", json!(BEFORE))).await.unwrap_err();
    assert!(refused.starts_with("expired"), "{refused}");
    for name in ["sub", "exp", "aud", "iss"] {
        let mut claims = right.clone();
        claims.as_object_mut().unwrap().remove(name);
        assert!(told(&endpoints, &hs256(&claims)).await.is_err(), "without {name}");
    }
    // One for somebody else is none, also for who did not say who it is.
    let endpoints = of(Jwt::from_key(SECRET).unwrap()).await;
    assert!(told(&endpoints, &with("aud", json!("mail"))).await.is_err());
}

#[tokio::test]
async fn a_token_may_say_that_its_principal_only_watches() {
    let hub = Hub::builder().build(Words).await.unwrap();
    let endpoints = endpoints(hub.clone()).authorize(Jwt::from_key(SECRET).unwrap());
    let server = Server::of(hub, endpoints).await;
    let header = |role: &str| {
        format!("Bearer {}", hs256(&json!({ "sub": "a", "exp": LATER, "outlive_role": role })))
    };
    for (role, status) in [("view", 403), ("prompt", 201), ("admin", 201)] {
        let headers = [("authorization", &*header(role))];
        assert_eq!(server.request("POST", "/sessions", &headers, "").await.status, status);
    }
}

fn named(kid: &str) -> Header {
    Header { kid: Some(kid.into()), ..Header::new(Algorithm::HS256) }
}

fn octets(kid: &str, k: &str) -> Value {
    json!({ "kty": "oct", "kid": kid, "alg": "HS256", "k": k })
}

#[tokio::test]
async fn a_token_names_its_key_in_a_set() {
    // base64url of 32 × "a", and of 32 × "b".
    let a = octets("a", "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE");
    let b = octets("b", "YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI");
    let mut encrypts = octets("c", "YmJi");
    encrypts["use"] = json!("enc");
    let claims = json!({ "sub": "ann", "exp": LATER });
    let sign =
        |header: &Header, byte: u8| signed(header, &claims, &EncodingKey::from_secret(&[byte; 32]));
    let set = json!({ "keys": [a, b, encrypts] }).to_string();
    let endpoints = of(Jwt::from_jwks(set.as_bytes()).unwrap()).await;
    for (kid, byte, right) in
        [("a", b'a', true), ("b", b'b', true), ("a", b'b', false), ("c", b'b', false)]
    {
        assert_eq!(told(&endpoints, &sign(&named(kid), byte)).await.is_ok(), right, "{kid}");
    }
    let unnamed = Header::new(Algorithm::HS256);
    assert!(told(&endpoints, &sign(&unnamed, b'a')).await.is_err());
    // The only one need not be named, and has its name all the same.
    let endpoints =
        of(Jwt::from_jwks(json!({ "keys": [a] }).to_string().as_bytes()).unwrap()).await;
    assert!(told(&endpoints, &sign(&unnamed, b'a')).await.is_ok());
    assert!(told(&endpoints, &sign(&named("b"), b'a')).await.is_err());
}

#[test]
fn a_key_that_is_none_is_told_with_its_place_and_what_would_be_right() {
    let no_key = |key: &[u8]| Jwt::from_key(key).unwrap_err().to_string();
    for (key, what) in [
        (&include_bytes!("keys/rsa.pem")[..], "it is a private key"),
        (include_bytes!("keys/ec384.pub.pem"), "another curve than P-256"),
        (b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", "it is a certificate"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "no such key"),
        (b"secret\n", "too short: 6 bytes"),
        (b"", "too short: 0 bytes"),
    ] {
        let told = no_key(key);
        assert!(told.contains(what) && told.contains("right would be a public key"), "{told}");
    }
    let k = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE";
    let ed = |x: &str| json!({ "kty": "OKP", "crv": "Ed25519", "kid": "e", "x": x });
    for (set, at) in [
        (json!([]), "the key set: invalid length 0"),
        (json!({ "keys": [] }), "the key set: it has no key"),
        (json!({ "keys": [{ "kty": "oct" }] }), "key 1 of the set: "),
        (
            json!({ "keys": [octets("a", k), octets("a", k)] }),
            "key 2 of the set (kid \"a\"): another",
        ),
        (
            json!({ "keys": [octets("a", k), { "kty": "oct", "k": k }] }),
            "key 2 of the set: it has no kid",
        ),
        (json!({ "keys": [octets("a", "YWFh")] }), "key 1 of the set (kid \"a\"): it is too short"),
        (json!({ "keys": [ed("AAAA")] }), "key 1 of the set (kid \"e\"): its curve"),
        (
            json!({ "keys": [{ "kty": "RSA", "n": k, "e": "AQAB" }] }),
            "key 1 of the set: it is too short",
        ),
        (
            json!({ "keys": [{ "kty": "oct", "alg": "HS512", "k": k }] }),
            "key 1 of the set: its alg is another one",
        ),
        (
            json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": k, "y": k }] }),
            "key 1 of the set: its numbers are no such key",
        ),
    ] {
        let told = Jwt::from_jwks(set.to_string().as_bytes()).unwrap_err().to_string();
        assert!(told.starts_with(at) && told.contains("right would be"), "{told}");
    }
}
