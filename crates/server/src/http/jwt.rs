//! Signed tokens.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, crypto, decode, decode_header};
use serde::Deserialize;
use tokio::time::Instant;

use super::authorize::{AuthError, AuthRequest, Authorize, Grant};
use crate::hub::Role;

/// Grants what a signed token (JWT) says.
///
/// | claim | |
/// |---|---|
/// | `sub` | required: the principal |
/// | `exp` | required: the [end of the grant](Grant::until); the token counts for the [leeway](Jwt::leeway) longer |
/// | `nbf` | if it is there, the token does not count before |
/// | `aud` | must name the [audience](Jwt::audience); a token that names one is refused if none was set |
/// | `iss` | must be the [issuer](Jwt::issuer), if one was set |
/// | `outlive_role` | `view`, `prompt` or `admin`; `admin` without it |
///
/// The key says the algorithm (HS256, RS256, ES256 or `EdDSA`), and a token of any other one is refused, whatever its header
/// says. The token is the [bearer token](AuthRequest::token) of the request or of the attach frame. It says who somebody is,
/// not whose a session is: see [`OwnSessions`](super::OwnSessions).
///
/// ```
/// use outlive_server::http::{Jwt, OwnSessions, endpoints};
/// # fn routes(hub: outlive_server::hub::Hub) -> Result<axum::Router, Box<dyn std::error::Error>> {
/// let jwt = Jwt::from_key(&std::fs::read("public.pem")?)?.audience("chat");
/// Ok(endpoints(hub.clone()).authorize(OwnSessions::new(hub, jwt)).router())
/// # }
/// ```
pub struct Jwt {
    keys: Vec<Key>,
    leeway: Duration,
    audience: Option<String>,
    issuer: Option<String>,
}

struct Key {
    /// Its name in a set.
    kid: Option<String>,
    algorithm: Algorithm,
    verifies: DecodingKey,
}

/// A key that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {what}; right would be {right}")]
pub struct JwtKeyError {
    /// Which key it is.
    at: String,
    /// What is wrong with it.
    what: String,
    /// What would be right.
    right: &'static str,
}

fn wrong(at: impl Into<String>, what: impl Into<String>, right: &'static str) -> JwtKeyError {
    JwtKeyError { at: at.into(), what: what.into(), right }
}

/// What a file with one key may have.
const ONE: &str = "a public key in PEM (RSA, P-256 or Ed25519: `-----BEGIN PUBLIC KEY-----`), \
                   or a secret of 32 bytes or more for HS256";

/// What a key of a set may be.
const OF_SET: &str = "an RSA key of 2048 bits or more, a P-256, an Ed25519 or an octet key of 32 bytes or more, \
                      for RS256, ES256, EdDSA or HS256";

impl Jwt {
    /// The key of all tokens: a public key in PEM, or else the secret of HS256, without white space at its end.
    ///
    /// # Errors
    /// It is no such key.
    pub fn from_key(key: &[u8]) -> Result<Jwt, JwtKeyError> {
        let no = |what: &str| Err(wrong("the key", what, ONE));
        let text = key.trim_ascii();
        let is_pem = text.starts_with(b"-----BEGIN ");
        let has = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
        if is_pem && has(b"PRIVATE KEY-----") {
            return no("it is a private key, which only the signer of tokens should have");
        }
        if is_pem && has(b"BEGIN CERTIFICATE") {
            return no("it is a certificate");
        }
        let (algorithm, key) = if !is_pem {
            if text.len() < SECRET {
                let what =
                    format!("it is no PEM, and as a secret it is too short: {} bytes", text.len());
                return no(&what);
            }
            (Algorithm::HS256, DecodingKey::from_secret(text))
        } else if let Ok(key) = DecodingKey::from_rsa_pem(text) {
            (Algorithm::RS256, key)
        } else if let Ok(key) = DecodingKey::from_ec_pem(text) {
            (Algorithm::ES256, key)
        } else if let Ok(key) = DecodingKey::from_ed_pem(text) {
            (Algorithm::EdDSA, key)
        } else {
            return no("its PEM has no such key");
        };
        if !verifies(&key, algorithm) {
            return no("it is on another curve than P-256");
        }
        Ok(Jwt::of(vec![Key { kid: None, algorithm, verifies: key }]))
    }

    /// The keys of a set (JWKS, in JSON). A token names its key (`kid`); where the set has one key only, it need not. Keys
    /// for encryption are passed over.
    ///
    /// # Errors
    /// It is no set, or one of its keys cannot be used.
    pub fn from_jwks(json: &[u8]) -> Result<Jwt, JwtKeyError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let set: Set = serde_json::from_slice(json)
            .map_err(|why| wrong("the key set", why.to_string(), r#"{"keys":[…]}"#))?;
        let mut keys: Vec<Key> = Vec::new();
        for (place, key) in set.keys.into_iter().enumerate() {
            let kid = key.get("kid").and_then(|kid| kid.as_str()).map(str::to_owned);
            let at = match &kid {
                Some(kid) => format!("key {} of the set (kid {kid:?})", place + 1),
                None => format!("key {} of the set", place + 1),
            };
            let jwk: Jwk =
                serde_json::from_value(key).map_err(|why| wrong(&at, why.to_string(), OF_SET))?;
            if jwk.common.public_key_use == Some(PublicKeyUse::Encryption) {
                continue;
            }
            if kid.is_some() && keys.iter().any(|other| other.kid == kid) {
                return Err(wrong(at, "another key has its kid", "a kid of its own"));
            }
            let algorithm = algorithm(&jwk).map_err(|what| wrong(&at, what, OF_SET))?;
            let key = DecodingKey::from_jwk(&jwk)
                .ok()
                .filter(|key| verifies(key, algorithm))
                .ok_or_else(|| wrong(&at, "its numbers are no such key", OF_SET))?;
            keys.push(Key { kid, algorithm, verifies: key });
        }
        if keys.is_empty() {
            return Err(wrong("the key set", "it has no key for signatures", OF_SET));
        }
        if let (2.., Some(place)) = (keys.len(), keys.iter().position(|key| key.kid.is_none())) {
            let at = format!("key {} of the set", place + 1);
            return Err(wrong(at, "it has no kid, and there are others", "a kid of its own"));
        }
        Ok(Jwt::of(keys))
    }

    fn of(keys: Vec<Key>) -> Jwt {
        Jwt { keys, leeway: Duration::from_secs(60), audience: None, issuer: None }
    }

    /// How far the clocks of signer and server may be apart. Default: 60 seconds.
    #[must_use]
    pub fn leeway(self, leeway: Duration) -> Jwt {
        Jwt { leeway, ..self }
    }

    /// Whom a token must be for (`aud`).
    #[must_use]
    pub fn audience(self, audience: impl Into<String>) -> Jwt {
        Jwt { audience: Some(audience.into()), ..self }
    }

    /// Who must have issued a token (`iss`).
    #[must_use]
    pub fn issuer(self, issuer: impl Into<String>) -> Jwt {
        Jwt { issuer: Some(issuer.into()), ..self }
    }

    /// What a token grants.
    fn grant(&self, token: &str) -> Result<Grant, ErrorKind> {
        #[derive(Deserialize)]
        struct Claims {
            sub: String,
            exp: f64,
            outlive_role: Option<Role>,
        }
        let kid = decode_header(token).map_err(jsonwebtoken::errors::Error::into_kind)?.kid;
        let key = match (&*self.keys, &kid) {
            // A key of a file has no name, and the only one of a set may have another.
            ([key], None) => key,
            ([key], Some(_)) if key.kid.is_none() => key,
            (keys, kid) => {
                let named = keys.iter().find(|key| key.kid.is_some() && key.kid == *kid);
                named.ok_or(ErrorKind::InvalidToken)?
            }
        };
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = self.leeway.as_secs();
        validation.validate_nbf = true;
        let mut required = vec!["exp", "sub"];
        if let Some(audience) = &self.audience {
            validation.set_audience(&[audience]);
            required.push("aud");
        }
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        let claims = decode::<Claims>(token, &key.verifies, &validation);
        let Claims { sub, exp, outlive_role } =
            claims.map_err(jsonwebtoken::errors::Error::into_kind)?.claims;
        if sub.is_empty() {
            return Err(ErrorKind::InvalidSubject);
        }
        let grant = Grant::new(sub, outlive_role.unwrap_or(Role::Admin));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = Duration::try_from_secs_f64(exp).unwrap_or(Duration::MAX);
        let left = left.saturating_add(self.leeway).saturating_sub(now);
        // An end that no clock will see is none.
        Ok(match Instant::now().checked_add(left) {
            Some(until) => grant.until(until),
            None => grant,
        })
    }
}

/// The least length of a secret, in bytes.
const SECRET: usize = 32;

/// The least length of an RSA modulus, in characters of base64: 2048 bits.
const MODULUS: usize = 342;

/// The length of an Ed25519 key, in characters of base64.
const ED25519: usize = 43;

/// The algorithm of a key of a set.
fn algorithm(jwk: &Jwk) -> Result<Algorithm, &'static str> {
    use KeyAlgorithm as Named;
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(key) if key.n.len() < MODULUS => return Err("it is too short"),
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, Named::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, Named::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key)
            if key.curve == EllipticCurve::Ed25519 && key.x.len() == ED25519 =>
        {
            (Algorithm::EdDSA, Named::EdDSA)
        }
        // Three bytes are four characters.
        AlgorithmParameters::OctetKey(key) if key.value.len() * 3 / 4 < SECRET => {
            return Err("it is too short");
        }
        AlgorithmParameters::OctetKey(_) => (Algorithm::HS256, Named::HS256),
        AlgorithmParameters::EllipticCurve(_) | AlgorithmParameters::OctetKeyPair(_) => {
            return Err("its curve is another one");
        }
    };
    match jwk.common.key_algorithm {
        Some(other) if other != named => Err("its alg is another one"),
        Some(_) | None => Ok(algorithm),
    }
}

/// Whether anything can be verified with the key.
fn verifies(key: &DecodingKey, algorithm: Algorithm) -> bool {
    crypto::verify("AA", b"", key, algorithm).is_ok()
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Jwt");
        debug.field("audience", &self.audience).field("issuer", &self.issuer);
        debug.finish_non_exhaustive()
    }
}

impl Authorize for Jwt {
    async fn authorize(&self, request: &AuthRequest<'_>) -> Result<Grant, AuthError> {
        let token = request.token().ok_or(AuthError::MissingCredentials)?;
        self.grant(token).map_err(|why| {
            tracing::debug!(?why, "a token is refused");
            if why == ErrorKind::ExpiredSignature {
                AuthError::Expired
            } else {
                AuthError::InvalidCredentials
            }
        })
    }
}
