//! Which pages may connect.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

/// Which pages may connect. A browser names the page's origin in the header `Origin`. A request without it comes
/// from a page of this server, or not from a browser, and passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins(AllowedOrigins);

#[derive(Clone, Debug, PartialEq, Eq)]
enum AllowedOrigins {
    SameHost,
    Only(Vec<String>),
    Any,
}

impl Origins {
    /// Pages of the host that the request is for. Behind a proxy that changes `Host`, use
    /// [`only`](Origins::only).
    pub fn same_host() -> Origins {
        Origins(AllowedOrigins::SameHost)
    }

    /// Pages of these origins, such as `https://example.org`.
    pub fn only<O: Into<String>>(origins: impl IntoIterator<Item = O>) -> Origins {
        Origins(AllowedOrigins::Only(origins.into_iter().map(Into::into).collect()))
    }

    /// All pages. Safe only where neither cookies nor addresses authorise.
    pub fn any() -> Origins {
        Origins(AllowedOrigins::Any)
    }

    /// Admits a request.
    ///
    /// # Errors
    /// The origin that is not admitted.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), String> {
        let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
        let origin = String::from_utf8_lossy(origin.as_bytes());
        let admitted = match &self.0 {
            AllowedOrigins::Any => true,
            AllowedOrigins::Only(origins) => {
                origins.iter().any(|one| one.eq_ignore_ascii_case(&origin))
            }
            AllowedOrigins::SameHost => {
                let host = headers.get(HOST).and_then(|host| host.to_str().ok());
                let from = origin.split_once("://").map(|(_, authority)| authority);
                matches!((host, from), (Some(host), Some(from)) if host.eq_ignore_ascii_case(from))
            }
        };
        if admitted { Ok(()) } else { Err(origin.into_owned()) }
    }
}
