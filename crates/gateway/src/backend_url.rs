//! Where a backend is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hyper::Uri;

use super::gateway::GatewayError;

/// The URL that requests are posted to: `http://host:port/path`, the same with `https`, or
/// `unix:/path/of/the.sock:/path` for a Unix socket.
///
/// ```
/// use outlive_gateway::BackendUrl;
///
/// for right in ["http://127.0.0.1:8000/answer", "https://example.org/answer?v=2", "unix:/run/app.sock:/answer"] {
///     assert_eq!(right.parse::<BackendUrl>().unwrap().to_string(), right);
/// }
/// let wrong = "127.0.0.1:8000/answer".parse::<BackendUrl>().unwrap_err();
/// assert!(wrong.to_string().contains("http://127.0.0.1:8000/answer"), "{wrong}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendUrl {
    text: String,
    /// As it stands in a request: for a Unix socket its host is `localhost`.
    pub(crate) uri: Uri,
    pub(crate) place: Place,
}

/// How a connection to it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Tcp,
    Tls,
    Unix(PathBuf),
}

/// A text that is no URL of a backend: what is wrong with it, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no URL of a backend: {why}; right would be {right}")]
pub struct ParseBackendUrlError {
    text: String,
    why: String,
    right: String,
}

const RIGHT: &str = "http://127.0.0.1:8000/answer";
const RIGHT_UNIX: &str = "unix:/run/app.sock:/answer";

impl FromStr for BackendUrl {
    type Err = ParseBackendUrlError;

    fn from_str(text: &str) -> Result<BackendUrl, ParseBackendUrlError> {
        let parsed = match text.strip_prefix("unix:") {
            Some(rest) => unix(rest).map_err(|why| (why.to_owned(), RIGHT_UNIX.to_owned())),
            None => web(text),
        };
        let wrong = |(why, right)| ParseBackendUrlError { text: text.into(), why, right };
        let (uri, place) = parsed.map_err(wrong)?;
        Ok(BackendUrl { text: text.into(), uri, place })
    }
}

impl BackendUrl {
    /// Where the chat completions are, below this base of `OpenAI`'s paths.
    pub(crate) fn chat_completions(self) -> Result<BackendUrl, GatewayError> {
        const PATH: &str = "/chat/completions";
        let base = match self.uri.path().trim_end_matches('/') {
            "" => "/v1",
            base => base,
        };
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = format!("{base}{PATH}").parse().ok();
        match Uri::from_parts(parts) {
            Ok(uri) if self.uri.query().is_none() && !base.ends_with(PATH) => {
                Ok(BackendUrl { uri, ..self })
            }
            Ok(_) | Err(_) => Err(GatewayError::NoBase { url: self.text }),
        }
    }
}

type Parsed<Why> = Result<(Uri, Place), Why>;

fn web(text: &str) -> Parsed<(String, String)> {
    let wrong = |why: &str| (why.to_owned(), RIGHT.to_owned());
    let place = match text.split_once("://") {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("http") => Place::Tcp,
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => Place::Tls,
        Some(_) => return Err(wrong("it begins with none of http://, https:// and unix:")),
        None => {
            let (why, _) = wrong("it begins with none of http://, https:// and unix:");
            let meant = format!("http://{text}");
            let right = if web(&meant).is_ok() { meant } else { RIGHT.to_owned() };
            return Err((why, right));
        }
    };
    if text.contains('#') {
        return Err(wrong("it has a fragment (#), which is never sent to a server"));
    }
    let uri: Uri = text.parse().map_err(|why| wrong(&format!("{why}")))?;
    let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
    if authority.as_str().contains('@') {
        return Err(wrong("it names a user, which is not sent"));
    }
    if authority.host().is_empty() {
        return Err(wrong("it names no host"));
    }
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    if !port.is_empty() && authority.port_u16().is_none_or(|port| port == 0) {
        return Err(wrong("its port is no number from 1 to 65535"));
    }
    Ok((uri, place))
}

fn unix(rest: &str) -> Parsed<&'static str> {
    if cfg!(not(unix)) {
        return Err("this system has no Unix sockets");
    }
    let (socket, path) = rest.split_once(':').unwrap_or((rest, "/"));
    if !Path::new(socket).is_absolute() {
        return Err("after unix: comes the absolute path of a socket");
    }
    if !path.starts_with('/') {
        return Err("after the path of the socket comes : and a path that begins with /");
    }
    let uri = format!("http://localhost{path}").parse();
    let uri = uri.map_err(|_| "what comes after the path of the socket is no path of a URL")?;
    Ok((uri, Place::Unix(socket.into())))
}

impl fmt::Display for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        text.parse::<BackendUrl>().unwrap_err().to_string()
    }

    #[test]
    fn a_url_says_how_the_backend_is_reached() {
        let parse = |text: &str| text.parse::<BackendUrl>().unwrap();
        assert_eq!(parse("http://localhost:8000").place, Place::Tcp);
        assert_eq!(parse("HTTPS://[::1]/a?b=c").place, Place::Tls);
        let unix = parse("unix:/run/a b.sock:/answer?v=1");
        assert_eq!(unix.place, Place::Unix("/run/a b.sock".into()));
        assert_eq!(unix.uri, "http://localhost/answer?v=1");
        assert_eq!(parse("unix:/run/app.sock").uri, "http://localhost/");
    }

    #[test]
    fn what_is_no_url_says_why_and_what_would_be_right() {
        for (text, why, right) in [
            ("localhost:8000/answer", "none of http://", "http://localhost:8000/answer"),
            ("", "none of http://", RIGHT),
            ("ftp://localhost", "none of http://", RIGHT),
            ("http://", "", RIGHT),
            ("http://:80/", "no host", RIGHT),
            ("http://localhost:0/", "port", RIGHT),
            ("http://localhost:99999/", "port", RIGHT),
            ("http://localhost:/", "port", RIGHT),
            ("http://me@localhost/", "user", RIGHT),
            ("http://localhost/#a", "fragment", RIGHT),
            ("http://local host/", "", RIGHT),
            ("unix:app.sock:/answer", "absolute", RIGHT_UNIX),
            ("unix:", "absolute", RIGHT_UNIX),
            ("unix:/run/app.sock:answer", "begins with /", RIGHT_UNIX),
            ("unix:/run/app.sock:/a b", "no path", RIGHT_UNIX),
        ] {
            let said = wrong(text);
            assert!(said.contains(why), "{said}");
            assert!(said.ends_with(&format!("right would be {right}")), "{said}");
        }
    }
}
