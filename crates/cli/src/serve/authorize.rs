//! `outlive serve --authorize`, `--jwt-key`, `--jwks`: who may, if it is not whoever knows the token.

use std::path::{Path, PathBuf};
use std::time::Duration;

use outlive_gateway::{BackendAuthorize, BackendUrl};
use outlive_server::http::{
    Anyone, Bearer, EndpointLimits, Endpoints, EndpointsBuilder, Jwt, OwnSessions,
};
use outlive_server::hub::Hub;

/// The flags of who may.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of who may (docs/gateway.md)")]
pub(super) struct Authorize {
    /// Ask here who may do what: one POST for each connection and each request, with the headers Authorization and Cookie
    /// and the session's name.
    #[arg(
        id = "authorize",
        long = "authorize",
        value_name = "URL",
        conflicts_with_all = ["token", "jwt"]
    )]
    url: Option<BackendUrl>,
    /// Show this header there too.
    #[arg(long = "authorize-header", value_name = "NAME", requires = "authorize")]
    headers: Vec<axum::http::HeaderName>,
    /// Wait so many seconds for an answer; without one the client comes back later.
    #[arg(
        long = "authorize-timeout",
        value_name = "SECONDS",
        default_value_t = 5,
        requires = "authorize",
        value_parser = clap::value_parser!(u32).range(1..=60)
    )]
    timeout: u32,
    /// Clients show a signed token (JWT), and this file has the key: a public key in PEM (RS256, ES256, `EdDSA`), or a
    /// secret (HS256). Each principal (`sub`) sees the sessions that it has created.
    #[arg(long, value_name = "FILE", group = "jwt", conflicts_with = "token")]
    jwt_key: Option<PathBuf>,
    /// As --jwt-key, with a set of keys (JWKS, JSON): a token names its key (`kid`).
    #[arg(long, value_name = "FILE", group = "jwt", conflicts_with = "token")]
    jwks: Option<PathBuf>,
    /// Whom a token must be for (`aud`).
    #[arg(long, value_name = "AUDIENCE", requires = "jwt")]
    jwt_aud: Option<String>,
    /// Who must have issued a token (`iss`).
    #[arg(long, value_name = "ISSUER", requires = "jwt")]
    jwt_iss: Option<String>,
}

/// Who may, ready to be used.
pub(super) enum Policy {
    Anyone,
    Token(String),
    Jwt(Jwt),
    Backend(Box<BackendAuthorize>),
}

impl Authorize {
    /// Whether clients must show something.
    pub(super) fn is_set(&self) -> bool {
        self.url.is_some() || self.jwt_key.is_some() || self.jwks.is_some()
    }

    /// Reads the files.
    pub(super) fn policy(&self, token: Option<&str>) -> Result<Policy, String> {
        if let Some(url) = &self.url {
            let backend = BackendAuthorize::new(url.clone());
            let backend = backend.map_err(|why| format!("--authorize: {why}"))?;
            let backend = backend.timeout(Duration::from_secs(self.timeout.into()));
            let headers = self.headers.iter().cloned();
            let backend = headers.fold(backend, BackendAuthorize::header);
            return Ok(Policy::Backend(Box::new(backend)));
        }
        let jwt = match (&self.jwt_key, &self.jwks) {
            (Some(file), _) => Some(
                Jwt::from_key(&read("--jwt-key", file)?).map_err(|why| (why, "--jwt-key", file)),
            ),
            (None, Some(file)) => {
                Some(Jwt::from_jwks(&read("--jwks", file)?).map_err(|why| (why, "--jwks", file)))
            }
            (None, None) => None,
        };
        let Some(jwt) = jwt else {
            return Ok(token.map_or(Policy::Anyone, |token| Policy::Token(token.to_owned())));
        };
        let jwt = jwt.map_err(|(why, flag, file)| format!("{flag}: {}: {why}", file.display()))?;
        let jwt = self.jwt_aud.iter().fold(jwt, Jwt::audience);
        Ok(Policy::Jwt(self.jwt_iss.iter().fold(jwt, Jwt::issuer)))
    }
}

fn read(flag: &str, file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|why| format!("{flag}: {} cannot be read: {why}", file.display()))
}

impl Policy {
    pub(super) fn authorize(self, endpoints: EndpointsBuilder, hub: &Hub) -> Endpoints {
        match self {
            Policy::Anyone => one_principal(endpoints.authorize(Anyone)),
            Policy::Token(token) => one_principal(endpoints.authorize(Bearer::new(&token))),
            Policy::Jwt(jwt) => endpoints.authorize(OwnSessions::new(hub.clone(), jwt)),
            Policy::Backend(backend) => endpoints.authorize(backend.hub(hub.clone())),
        }
    }
}

/// All clients are one principal.
fn one_principal(endpoints: Endpoints) -> Endpoints {
    let limits = EndpointLimits::default().connections(10_000).attach_burst(10_000).bodies(1_024);
    endpoints.limits(limits.attach_interval(Duration::from_millis(1)))
}
