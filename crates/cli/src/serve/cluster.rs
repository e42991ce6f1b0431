//! `outlive serve --advertise`: this process is one node of several that share a store.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use outlive_server::http::Relay;
use tokio::net::TcpListener;

/// Fewer bytes can be guessed.
const SHORTEST: usize = 16;

/// Where other nodes reach this one.
#[derive(Clone, Debug)]
struct Address(String);

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Address, &'static str> {
        let wrong = "it is a host and a port, as 10.0.0.1:7879, [fd00::1]:7879 or node-1:7879";
        let (host, port) = text.rsplit_once(':').ok_or(wrong)?;
        let port: u16 = port.parse().map_err(|_| wrong)?;
        let whole = !host.contains(':') || host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || host.contains(['/', '@', ' ']) || !whole {
            return Err(wrong);
        }
        if port == 0 {
            return Err("other nodes could not know which port it is");
        }
        Ok(Address(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The flags of a node.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of a cluster (docs/cluster.md)")]
#[allow(clippy::struct_field_names, reason = "as the flags are named")]
pub(super) struct Cluster {
    /// Where the other processes that share the store reach this one, as in `10.0.0.1:7879`. It listens there too, for them
    /// alone.
    #[arg(long, value_name = "HOST:PORT", requires = "cluster_secret_file")]
    advertise: Option<Address>,
    /// The first line of this file is the secret by which they know each other: the same for all, 16 bytes or more.
    #[arg(long, value_name = "FILE", requires = "advertise")]
    cluster_secret_file: Option<PathBuf>,
    /// How many seconds this process may be silent before the others take its sessions over: 5 if nothing is said. A shorter
    /// lease has a session go on sooner after a crash; a longer one forgives longer pauses.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3_600))]
    lease: Option<u32>,
}

/// What a node needs to be one.
#[derive(Debug)]
pub(super) struct Internal {
    pub(super) listener: TcpListener,
    pub(super) relay: Relay,
}

impl Cluster {
    /// Whether the flags fit the store: `shared` says whether several processes may use it at a time.
    pub(super) fn check(&self, shared: bool) -> Result<(), String> {
        if self.lease.is_some() && !shared {
            return Err("--lease is for a store that several processes share, as \
                        `--store postgres://…`; one in memory or in a file belongs to one process"
                .into());
        }
        match (&self.advertise, shared) {
            (Some(_), false) => Err(
                "--advertise is for a store that several processes share; one in memory or in a \
                                     file belongs to one process"
                    .into(),
            ),
            // One process alone has nobody to pass anything on to.
            (None, true) => Ok(()),
            (Some(_), true) | (None, false) => self.relay().map(drop),
        }
    }

    /// Where the other processes reach this one.
    pub(super) fn address(&self) -> Option<&str> {
        self.advertise.as_ref().map(|address| address.0.as_str())
    }

    /// How long this process may be silent, if it is said.
    pub(super) fn lease(&self) -> Option<Duration> {
        self.lease.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// Reads the file with the secret.
    fn relay(&self) -> Result<Option<Relay>, String> {
        let Some(file) = &self.cluster_secret_file else { return Ok(None) };
        let whose = format!("--cluster-secret-file: {}", file.display());
        let text = std::fs::read_to_string(file);
        let text = text.map_err(|why| format!("{whose} cannot be read: {why}"))?;
        let secret = text.lines().next().unwrap_or_default().trim();
        if secret.len() < SHORTEST {
            return Err(format!(
                "{whose}: its first line has {} bytes, and a secret has {SHORTEST} or more",
                secret.len()
            ));
        }
        Ok(Some(Relay::new(secret.as_bytes())))
    }

    /// Listens for the other nodes.
    pub(super) async fn listen(&self) -> Result<Option<Internal>, String> {
        let (Some(address), Some(relay)) = (&self.advertise, self.relay()?) else {
            return Ok(None);
        };
        let listener = TcpListener::bind(&address.0).await;
        let listener = listener.map_err(|why| {
            format!("--advertise {address}: cannot listen there for the other nodes: {why}")
        })?;
        Ok(Some(Internal { listener, relay }))
    }
}
