//! A database of a test, in the `PostgreSQL` of this program.

use std::sync::atomic::{AtomicU32, Ordering};

use outlive_testkit::postgres::{Server, server};
use tokio_postgres::{Client, NoTls};

/// A connection to a database, beside the store's.
pub(crate) async fn client(server: &Server, database: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(database), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A database of a test.
pub(crate) struct Place {
    pub(crate) server: &'static Server,
    pub(crate) database: String,
}

impl Place {
    /// A new one; `None` if there is no server to start, which is said.
    pub(crate) async fn new() -> Option<Place> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = server()?;
        let database = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let create = format!("CREATE DATABASE {database}");
        client(server, "postgres").await.batch_execute(&create).await.unwrap();
        Some(Place { server, database })
    }

    pub(crate) fn url(&self) -> String {
        self.server.url(&self.database)
    }

    /// A connection beside the store's.
    pub(crate) async fn client(&self) -> Client {
        client(self.server, &self.database).await
    }
}
