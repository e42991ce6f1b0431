//! Connections, each made anew when it was lost, and what a server must be.

use std::future::Future;
use std::sync::Arc;

use outlive_server::store::StoreError;
use tokio::sync::Mutex;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Row};

use super::faults::store_error;
#[cfg(feature = "tls")]
use super::tls::Tls;

/// The oldest server that this crate was made for.
const OLDEST: i32 = 130_000;

/// What makes connections.
pub(super) struct Connector {
    config: Config,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

impl Connector {
    #[cfg_attr(
        not(feature = "tls"),
        allow(clippy::unnecessary_wraps, reason = "with TLS it may fail")
    )]
    pub(super) fn new(config: Config) -> Result<Connector, StoreError> {
        #[cfg(feature = "tls")]
        let plain = config.get_ssl_mode() == tokio_postgres::config::SslMode::Disable;
        #[cfg(feature = "tls")]
        let tls = if plain { None } else { Some(Tls::new()?) };
        Ok(Connector {
            config,
            #[cfg(feature = "tls")]
            tls,
        })
    }

    /// A new connection to a server that keeps what is committed.
    pub(super) async fn connect(&self) -> Result<Client, StoreError> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            let (client, connection) =
                self.config.connect(tls.clone()).await.map_err(|error| store_error(&error))?;
            return checked(client, connection).await;
        }
        let (client, connection) =
            self.config.connect(NoTls).await.map_err(|error| store_error(&error))?;
        checked(client, connection).await
    }
}

async fn checked<C>(client: Client, connection: C) -> Result<Client, StoreError>
where
    C: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
{
    // It ends with its client; what it ends with is told to whoever waits for an answer.
    tokio::spawn(async move { _ = connection.await });
    require(&client).await?;
    Ok(client)
}

/// A setting with which a commit that is told could be lost, or that this crate cannot work with.
struct Unfit {
    setting: &'static str,
    why: &'static str,
    mend: &'static str,
}

async fn require(client: &Client) -> Result<(), StoreError> {
    let ask = "
        SELECT current_setting('server_version_num')::int, current_setting('server_version'), pg_is_in_recovery(),
            current_setting('fsync'), current_setting('synchronous_commit'),
            current_setting('default_transaction_read_only'), current_setting('default_transaction_isolation'),
            current_setting('server_encoding')";
    let row = client.query_typed_one(ask, &[]).await.map_err(|error| store_error(&error))?;
    let text = |place: usize| row.try_get::<_, String>(place).map_err(|error| store_error(&error));
    let (number, version): (i32, String) =
        (row.try_get(0).map_err(|error| store_error(&error))?, text(1)?);
    if number < OLDEST {
        let why = format!("the server is PostgreSQL {version}, and this needs 13 or newer");
        return Err(StoreError::Io(why.into()));
    }
    let standby: bool = row.try_get(2).map_err(|error| store_error(&error))?;
    if standby {
        let why = "the server is a standby, which takes no commits: connect to the primary, or name all servers, as in \
                   `postgres://user@one,two/database`";
        return Err(StoreError::ReadOnly(why.into()));
    }
    let [fsync, synchronous, read_only, isolation, encoding] =
        [text(3)?, text(4)?, text(5)?, text(6)?, text(7)?];
    if read_only == "on" {
        return Err(StoreError::ReadOnly(
            "default_transaction_read_only is on: set it to off for this role and database".into(),
        ));
    }
    let unfit = if fsync != "on" {
        Unfit {
            setting: "fsync is off",
            why: "a crash could lose what was committed, and damage the rest",
            mend: "set `fsync = on` in postgresql.conf and reload it",
        }
    } else if synchronous == "off" {
        Unfit {
            setting: "synchronous_commit is off",
            why: "a crash could lose what was committed",
            mend: "set it to on for this role, or say `options=-c%20synchronous_commit%3Don` in the URL",
        }
    } else if isolation != "read committed" {
        Unfit {
            setting: "default_transaction_isolation is not `read committed`",
            why: "a commit that waited for another one would fail",
            mend: "set it to `read committed` for this role, or in the URL's options",
        }
    } else if encoding != "UTF8" {
        Unfit {
            setting: "server_encoding is not UTF8",
            why: "names of users may not be kept as they are",
            mend: "create the database with `ENCODING 'UTF8'`",
        }
    } else {
        return Ok(());
    };
    let Unfit { setting, why, mend } = unfit;
    Err(StoreError::Io(format!("{setting}, so {why}: {mend}").into()))
}

/// A parameter of a statement, with its type.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A connection that is made when it is needed.
pub(super) struct Connection {
    connector: Arc<Connector>,
    client: Mutex<Option<Arc<Client>>>,
}

impl Connection {
    pub(super) fn new(connector: Arc<Connector>) -> Connection {
        Connection { connector, client: Mutex::default() }
    }

    /// The connection, or a new one if it was lost.
    pub(super) async fn client(&self) -> Result<Arc<Client>, StoreError> {
        let mut client = self.client.lock().await;
        if let Some(client) = client.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let made = Arc::new(self.connector.connect().await?);
        Ok(Arc::clone(client.insert(made)))
    }

    /// Runs a statement. Many may be on their way at once: they are carried out in order.
    pub(super) async fn query(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let client = self.client().await?;
        let answer = client.query_typed(sql, parameters).await.map_err(|error| store_error(&error));
        if matches!(answer, Err(StoreError::ReadOnly(_))) {
            self.leave(&client).await;
        }
        answer
    }

    /// The next one connects anew: this server may be a standby by now.
    pub(super) async fn leave(&self, client: &Arc<Client>) {
        let mut held = self.client.lock().await;
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(held, client)) {
            *held = None;
        }
    }
}
