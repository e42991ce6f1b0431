//! Which pages may connect.

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

/// Which pages may connect. A browser says with `Origin` which page makes a request; a request without it
/// comes from no page of another origin, or from no browser at all, and passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins(Which);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Which {
    SameHost,
    Only(Vec<String>),
    Any,
}

impl Origins {
    /// Pages that came from the host that is asked. Behind a proxy that changes `Host`, say
    /// [`only`](Origins::only).
    pub fn same_host() -> Origins {
        Origins(Which::SameHost)
    }

    /// Pages of these origins, such as `https://example.org`.
    pub fn only<O: Into<String>>(origins: impl IntoIterator<Item = O>) -> Origins {
        Origins(Which::Only(origins.into_iter().map(Into::into).collect()))
    }

    /// All pages. Safe only where cookies and addresses count for nothing.
    pub fn any() -> Origins {
        Origins(Which::Any)
    }

    /// Whether the request may be served, or which page it came from.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), String> {
        let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
        let origin = String::from_utf8_lossy(origin.as_bytes());
        let admitted = match &self.0 {
            Which::Any => true,
            Which::Only(origins) => origins.iter().any(|one| one.eq_ignore_ascii_case(&origin)),
            Which::SameHost => {
                let host = headers.get(HOST).and_then(|host| host.to_str().ok());
                let from = origin.split_once("://").map(|(_, authority)| authority);
                matches!((host, from), (Some(host), Some(from)) if host.eq_ignore_ascii_case(from))
            }
        };
        if admitted { Ok(()) } else { Err(origin.into_owned()) }
    }
}
