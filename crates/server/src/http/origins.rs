//! Which pages may connect.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};

/// Which pages may connect. A browser names the page's origin in the header `Origin`. A request without it comes
/// from a page of this server, or not from a browser, and passes.
///
/// A page that may not connect is told so: its WebSocket is closed with 4003 and a sentence, any other request gets a
/// 403 with the same sentence; and the server logs each such origin once, at `warn`.
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
    /// The page that may not connect.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), ForeignPage> {
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
        if admitted { Ok(()) } else { Err(ForeignPage::of(headers)) }
    }
}

/// A page that may not connect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ForeignPage {
    origin: String,
    host: String,
}

impl ForeignPage {
    fn of(headers: &HeaderMap) -> ForeignPage {
        let text = |name| {
            let value = headers.get(name).map_or(&[][..], HeaderValue::as_bytes);
            String::from_utf8_lossy(&value[..value.len().min(HEADER_BYTES)]).into_owned()
        };
        ForeignPage { origin: text(ORIGIN), host: text(HOST) }
    }
}

/// So much of a header is told and kept.
const HEADER_BYTES: usize = 256;

/// What allows it comes first, for the reason of a close is cut off.
impl fmt::Display for ForeignPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ForeignPage { origin, host } = self;
        write!(f, "Endpoints::origins (serve: --origin) admits no page of {origin:?} at {host:?}")
    }
}

/// The origins whose pages were refused, and that were logged.
#[derive(Debug, Default)]
pub(super) struct ForeignPages(Mutex<HashSet<String>>);

/// So many of them are logged.
const LOGGED: usize = 64;

impl ForeignPages {
    /// Logs the first page of an origin.
    pub(super) fn refused(&self, page: &ForeignPage) {
        let mut origins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if origins.len() < LOGGED && origins.insert(page.origin.clone()) {
            tracing::warn!(origin = page.origin, host = page.host, "{page}");
        }
    }
}
