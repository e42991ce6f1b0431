//! Which pages may connect, and by which names of the server.

use std::collections::HashSet;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
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
        if admitted { Ok(()) } else { Err(ForeignPage::of(headers, Check::Origins)) }
    }
}

/// By which names of the server a request may come: its header `Host`. A page of another site reaches a server on a
/// loopback address too, if a name of that site is made to lead there (DNS rebinding); but then that name is what the
/// browser asks for, and what it calls the page's origin. A request without the header is not a browser's, and passes.
///
/// What comes by another name gets a 421; the WebSocket of a page is closed with 4003 and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts(AllowedHosts);

#[derive(Clone, Debug, PartialEq, Eq)]
enum AllowedHosts {
    Local,
    Only(Vec<String>),
    Any,
}

impl Hosts {
    /// `localhost`, and every IP address, which no name server gives away; with any port.
    pub fn local() -> Hosts {
        Hosts(AllowedHosts::Local)
    }

    /// These names, such as `chat.example`, with any port.
    pub fn only<H: Into<String>>(hosts: impl IntoIterator<Item = H>) -> Hosts {
        Hosts(AllowedHosts::Only(hosts.into_iter().map(Into::into).collect()))
    }

    /// Every name: where each request is authorised by something that a foreign page does not have.
    pub fn any() -> Hosts {
        Hosts(AllowedHosts::Any)
    }

    /// Admits a request.
    ///
    /// # Errors
    /// The page that may not connect.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), ForeignPage> {
        let Some(host) = headers.get(HOST) else { return Ok(()) };
        let host = String::from_utf8_lossy(host.as_bytes());
        let name = without_port(&host);
        let admitted = match &self.0 {
            AllowedHosts::Any => true,
            AllowedHosts::Only(hosts) => hosts.iter().any(|one| one.eq_ignore_ascii_case(name)),
            AllowedHosts::Local => name.eq_ignore_ascii_case("localhost") || is_address(name),
        };
        if admitted { Ok(()) } else { Err(ForeignPage::of(headers, Check::Hosts)) }
    }
}

/// A host without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

fn is_address(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    bare.map_or_else(|| name.parse::<Ipv4Addr>().is_ok(), |bare| bare.parse::<Ipv6Addr>().is_ok())
}

/// What refused a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Origins,
    Hosts,
}

/// A page that may not connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ForeignPage {
    by: Check,
    origin: String,
    host: String,
}

impl ForeignPage {
    fn of(headers: &HeaderMap, by: Check) -> ForeignPage {
        let text = |name| {
            let value = headers.get(name).map_or(&[][..], HeaderValue::as_bytes);
            String::from_utf8_lossy(&value[..value.len().min(HEADER_BYTES)]).into_owned()
        };
        ForeignPage { by, origin: text(ORIGIN), host: text(HOST) }
    }

    /// Whether it came by a name that is not the server's.
    pub(super) fn is_misdirected(&self) -> bool {
        self.by == Check::Hosts
    }

    /// What is told once.
    fn what(&self) -> &str {
        match self.by {
            Check::Origins => &self.origin,
            Check::Hosts => &self.host,
        }
    }
}

/// So much of a header is told and kept.
const HEADER_BYTES: usize = 256;

/// What allows it comes first, for the reason of a close is cut off.
impl fmt::Display for ForeignPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ForeignPage { by, origin, host } = self;
        match by {
            Check::Origins => {
                write!(
                    f,
                    "Endpoints::origins (serve: --origin) admits no page of {origin:?} at {host:?}"
                )
            }
            Check::Hosts => write!(f, "Endpoints::hosts admits nothing for {host:?}"),
        }
    }
}

/// The origins, and the names of the server, that were refused and logged.
#[derive(Debug, Default)]
pub(super) struct ForeignPages(Mutex<HashSet<String>>);

/// So many of them are logged.
const LOGGED: usize = 64;

impl ForeignPages {
    /// Logs the first page of an origin.
    pub(super) fn refused(&self, page: &ForeignPage) {
        let mut origins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if origins.len() < LOGGED && origins.insert(page.what().to_owned()) {
            tracing::warn!(origin = page.origin, host = page.host, "{page}");
        }
    }
}
