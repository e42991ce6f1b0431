//! How a database is used: what its URL says, and what only this program can say.

use std::time::Duration;

use outlive_server::store::StoreError;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::Postgres;
use super::faults::cause;

/// How a database is used; [`connect`](PostgresOptions::connect) connects to it.
#[derive(Clone, Debug)]
#[must_use]
pub struct PostgresOptions {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) address: String,
    pub(super) lease: Duration,
    pub(super) synchronous_replication: bool,
    pub(super) restored: bool,
}

impl Default for PostgresOptions {
    fn default() -> PostgresOptions {
        PostgresOptions {
            schema: "outlive".into(),
            name: "outlive".into(),
            address: String::new(),
            lease: Duration::from_secs(5),
            synchronous_replication: false,
            restored: false,
        }
    }
}

impl PostgresOptions {
    /// The schema in which the tables are; it is made if it is not there. `schema=…` in the URL says the same, and counts
    /// before this. Default: `outlive`.
    pub fn schema(mut self, schema: impl Into<String>) -> PostgresOptions {
        self.schema = schema.into();
        self
    }

    /// The name of this node. A node that opens the store takes the place of the one that has its name: that one is dead
    /// from then on, and nobody waits for its lease. So a process that is started again, or a pod of a `StatefulSet`, goes
    /// on at once. Nodes that are to run side by side need names of their own. Default: `outlive`, the same for all.
    pub fn name(mut self, name: impl Into<String>) -> PostgresOptions {
        self.name = name.into();
        self
    }

    /// Where other nodes reach this one: what they learn of a session that this node
    /// [owns](outlive_server::store::Owner::Another). Default: empty.
    pub fn address(mut self, address: impl Into<String>) -> PostgresOptions {
        self.address = address.into();
        self
    }

    /// How long a node may be silent before others declare it dead. Default: 5 s.
    pub fn lease(mut self, lease: Duration) -> PostgresOptions {
        self.lease = lease;
        self
    }

    /// A standby that is promoted has every commit, for each commit waits for it (`synchronous_standby_names`). Without it
    /// the sessions that were committed before a fail-over are [lossy](outlive_server::store::StoredSession::lossy)
    /// afterwards, unless they are in a node's memory. `replication=synchronous` in the URL says the same. Default: no.
    pub fn synchronous_replication(mut self, synchronous: bool) -> PostgresOptions {
        self.synchronous_replication = synchronous;
        self
    }

    /// The database is an older copy of itself: the sessions in it are
    /// [lossy](outlive_server::store::StoredSession::lossy). The store notices a copy that has another system identifier or
    /// another timeline, which `pg_restore` into another cluster and a recovery to a point in time give it; a disk that was
    /// set back has neither. Set it for the first start after that, and not for later ones. Default: no.
    pub fn restored(mut self, restored: bool) -> PostgresOptions {
        self.restored = restored;
        self
    }

    /// Connects to a database, as in `postgres://user:password@host:5432/database`; makes the tables if there are none,
    /// and brings older ones up to date. The parameters are those of `tokio_postgres::Config` (`sslmode`, `options`,
    /// `connect_timeout`, several hosts), with `schema` and `replication` besides.
    ///
    /// Needs a tokio runtime, on which it lets its connections run.
    ///
    /// # Errors
    /// The database cannot be used: the message has the setting that is wrong, and what would be right. Only the tables of
    /// this crate were changed, if any.
    pub async fn connect(self, url: &str) -> Result<Postgres, StoreError> {
        let (config, options) = self.parse(url)?;
        Postgres::start(config, options).await
    }

    /// What the URL says.
    fn parse(mut self, url: &str) -> Result<(Config, PostgresOptions), StoreError> {
        let none = |why: &str| {
            let form = "as in `postgres://user@host:5432/database`";
            StoreError::Io(format!("this is no URL of a PostgreSQL database, {form}: {why}").into())
        };
        let known = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
        if !known {
            return Err(none("it begins with `postgres://`"));
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut others = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("schema", name)) => self.schema = name.into(),
                Some(("replication", "synchronous")) => self.synchronous_replication = true,
                Some(("replication", "asynchronous")) => self.synchronous_replication = false,
                Some(("replication", _)) => {
                    return Err(none("`replication` is `synchronous` or `asynchronous`"));
                }
                // A certificate is always verified.
                Some(("sslmode", "verify-full" | "verify-ca")) => others.push("sslmode=require"),
                Some(_) | None => others.push(parameter),
            }
        }
        if self.schema.is_empty() || self.schema.contains('\0') || self.schema.len() > 63 {
            return Err(none("the name of a schema has 1 to 63 bytes"));
        }
        if self.name.is_empty() || self.lease.is_zero() {
            return Err(StoreError::Io("a node has a name, and a lease that is not 0".into()));
        }
        let url = [base, &others.join("&")].join(if others.is_empty() { "" } else { "?" });
        // The message may not have the password in it, and has only names of parameters.
        let mut config: Config = url.parse().map_err(|error| none(cause(&error).message()))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(none("it names no host"));
        }
        complete(&mut config)?;
        Ok((config, self))
    }
}

/// What a URL does not say.
fn complete(config: &mut Config) -> Result<(), StoreError> {
    if config.get_ssl_mode() == SslMode::Prefer {
        // To encrypt without knowing for whom protects from nobody who could be in between.
        config.ssl_mode(SslMode::Disable);
    }
    if config.get_ssl_mode() == SslMode::Require && cfg!(not(feature = "tls")) {
        let why = "`sslmode=require` needs the feature `tls` of outlive-postgres";
        return Err(StoreError::Io(why.into()));
    }
    if config.get_application_name().is_none() {
        config.application_name("outlive");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(5));
    }
    // A database that is gone without a word is noticed.
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(Duration::from_secs(10));
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(5)).keepalives_retries(2);
    }
    if config.get_hosts().len() > 1 {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    Ok(())
}

/// Where the database is, without user and password.
pub(super) fn location(config: &Config, schema: &str) -> String {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(place, host)| {
        let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(host) => format!("{host}:{port}"),
            #[cfg(unix)]
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    });
    let hosts: Vec<String> = hosts.collect();
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("{}/{database}, schema {schema}", hosts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<(Config, PostgresOptions), String> {
        Postgres::options().parse(url).map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_says_where_and_how() {
        let url =
            "postgres://u:secret@db:5433/chat?schema=other&replication=synchronous&sslmode=disable";
        let (config, options) = parsed(url).unwrap();
        assert_eq!((&*options.schema, options.synchronous_replication), ("other", true));
        assert_eq!(config.get_dbname(), Some("chat"));
        assert_eq!(location(&config, "other"), "db:5433/chat, schema other");
    }

    #[test]
    fn what_is_no_url_is_told_without_the_password() {
        for (url, why) in [
            ("db.example.org", "it begins with `postgres://`"),
            ("mysql://u:secret@db/chat", "it begins with `postgres://`"),
            ("postgres:///chat", "it names no host"),
            ("postgres://u:secret@db/chat?sslmod=disable", "sslmod"),
            ("postgres://u:secret@db:port/chat", "port"),
            ("postgres://u:secret@db/chat?replication=fast", "`replication` is"),
            ("postgres://u:secret@db/chat?schema=", "1 to 63 bytes"),
        ] {
            let told = parsed(url).unwrap_err();
            assert!(told.contains(why) && !told.contains("secret"), "{url}: {told}");
        }
    }
}
