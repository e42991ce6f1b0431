//! Where a server is.

use tokio_tungstenite::tungstenite::http::Uri;

/// Why a client cannot be started: nothing that time would heal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It is no address of a server.
    #[error("{address:?} is no address of a server, such as ws://localhost:8080: {why}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// It is an address with TLS, and neither the feature `tls` nor a dialer is there.
    #[error(
        "{address:?} needs TLS: build outlive-client with its feature `tls`, or give the client a dialer"
    )]
    NoTls {
        /// What was given.
        address: String,
    },
    /// The machine has no certificates that it trusts, so no server could be told from an impostor.
    #[error("this machine trusts no certificates: {why}")]
    NoRoots {
        /// What was found instead.
        why: String,
    },
    /// No session was named, or made.
    #[error("no session: name one, or have one created")]
    NoSession,
}

/// Where a dialer is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Target {
    /// The name or the address of the host, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether the address asks for TLS (`wss`, `https`): then it is the dialer that does it.
    pub secure: bool,
}

/// The address of a server: `ws://host:port/prefix`, or the same with `wss`, `http` or `https`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) target: Target,
    /// Host and port as they were written.
    pub(super) authority: String,
    /// What comes before `/sessions`.
    prefix: String,
}

impl Address {
    pub(super) fn read(text: &str) -> Result<Address, StartError> {
        let wrong = |why: &str| StartError::Address { address: text.into(), why: why.into() };
        let uri: Uri = text.parse().map_err(|why| wrong(&format!("{why}")))?;
        let secure = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            Some(_) => return Err(wrong("it begins with neither ws, wss, http nor https")),
            None => return Err(wrong("it does not begin with ws:// or wss://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it names a user: say who you are with a token"));
        }
        if uri.query().is_some() {
            return Err(wrong("it has a query"));
        }
        // A dialer looks the name up; the brackets of an IPv6 address are none of it.
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_string();
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let prefix = uri.path().trim_end_matches('/').to_string();
        let target = Target { host, port, secure };
        Ok(Address { target, authority: authority.to_string(), prefix })
    }

    /// The path to a new session.
    pub(super) fn sessions(&self) -> String {
        format!("{}/sessions", self.prefix)
    }

    /// The address of a session's WebSocket, for a request over a stream that is open already.
    pub(super) fn socket(&self, session: &str) -> String {
        let Address { authority, prefix, .. } = self;
        let scheme = if self.target.secure { "wss" } else { "ws" };
        format!("{scheme}://{authority}{prefix}/sessions/{}/ws", escaped(session))
    }
}

/// A name as one part of a path.
fn escaped(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let escaped = |byte| {
        if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    name.bytes().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Address {
        Address::read(text).unwrap()
    }

    #[test]
    fn an_address_has_a_host_a_port_and_perhaps_a_prefix() {
        let plain = at("ws://localhost:8080");
        assert_eq!(plain.target, Target { host: "localhost".into(), port: 8080, secure: false });
        assert_eq!(plain.socket("s_1"), "ws://localhost:8080/sessions/s_1/ws");
        let deep = at("https://chat.example/api/");
        assert_eq!((deep.target.port, deep.target.secure), (443, true));
        assert_eq!(deep.socket("a b/ü"), "wss://chat.example/api/sessions/a%20b%2F%C3%BC/ws");
        assert_eq!(deep.sessions(), "/api/sessions");
        let six = at("ws://[::1]:7878");
        assert_eq!((six.target.host.as_str(), six.target.port), ("::1", 7878));
        assert_eq!(six.authority, "[::1]:7878");
        assert_eq!(at("ws://chat.example").target.port, 80);
    }

    #[test]
    fn what_is_no_address_says_why() {
        let why = |text| Address::read(text).unwrap_err().to_string();
        for (text, part) in [
            ("localhost:8080", "does not begin with"),
            ("ftp://localhost", "neither ws"),
            ("ws://a@localhost", "token"),
            ("ws://localhost/?a=1", "query"),
            ("", "no address"),
        ] {
            let why = why(text);
            assert!(why.contains(part), "{why}");
        }
    }
}
