//! This node, among those that share the database: its epoch and its lease.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use outlive_server::store::{Cause, StoreError};
use tokio_postgres::types::Type;

use super::connect::{Connection, Parameter};
use super::sql::Sql;

pub(super) struct Node {
    connection: Connection,
    name: String,
    address: String,
    pub(super) lease: Duration,
    /// 63 random bits; 0 until the node is opened.
    epoch: AtomicI64,
    /// When the database last answered a renewal.
    heard: Mutex<Instant>,
}

impl Node {
    pub(super) fn new(
        connection: Connection,
        name: String,
        address: String,
        lease: Duration,
    ) -> Node {
        let (epoch, heard) = (AtomicI64::new(0), Mutex::new(Instant::now()));
        Node { connection, name, address, lease, epoch, heard }
    }

    pub(super) fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Becomes a node, in the place of the one that has its name.
    pub(super) async fn open(&self, sql: &Sql) -> Result<(), StoreError> {
        let random = getrandom::u64().map_err(|error| {
            StoreError::Io(Cause::from(error.to_string()).context("no random numbers"))
        })?;
        let epoch = i64::try_from(random >> 1).unwrap_or(i64::MAX).max(1);
        let lease = self.lease.as_secs_f64();
        let parameters: [Parameter<'_>; 4] = [
            (&epoch, Type::INT8),
            (&self.name, Type::TEXT),
            (&self.address, Type::TEXT),
            (&lease, Type::FLOAT8),
        ];
        let rows = self.connection.query(&sql.open, &parameters).await?;
        let lived = rows.first().is_some_and(|row| row.try_get(0).unwrap_or(false));
        if lived && self.epoch() == 0 {
            tracing::warn!(
                name = %self.name,
                "takes the place of a node of this name that has not left: if that one still runs, it is fenced and \
                 ends; nodes that are to run side by side need names of their own"
            );
        }
        self.epoch.store(epoch, Ordering::Release);
        Ok(())
    }

    /// A renewal that arrives counts also if its answer does not. So a node that hears nothing asks whether anything comes
    /// back before it says that it is there: otherwise it would keep its sessions, of which it can answer nothing, from the
    /// others.
    pub(super) async fn renew(&self, sql: &Sql) -> Result<bool, StoreError> {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.elapsed() > self.lease / 2 {
            self.connection.query("SELECT", &[]).await?;
        }
        let rows = self.connection.query(&sql.renew, &[(&self.epoch(), Type::INT8)]).await?;
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(!rows.is_empty())
    }

    pub(super) async fn judge(&self, sql: &Sql) -> Result<bool, StoreError> {
        let dead = self.connection.query(&sql.judge, &[(&self.epoch(), Type::INT8)]).await?;
        for row in dead {
            let name: String = row.try_get(0).unwrap_or_default();
            tracing::warn!(%name, "a node was silent for longer than its lease, and is dead");
        }
        let rows = self.connection.query(&sql.orphans, &[]).await?;
        Ok(rows.first().is_some_and(|row| row.try_get(0).unwrap_or(false)))
    }

    pub(super) async fn leave(&self, sql: &Sql) -> Result<(), StoreError> {
        self.connection.query(&sql.leave, &[(&self.epoch(), Type::INT8)]).await.map(|_| ())
    }

    /// Says that the database is an older copy.
    pub(super) async fn restored(&self, sql: &Sql) -> Result<(), StoreError> {
        tracing::warn!("the database is an older copy: the logs of its sessions begin anew");
        self.connection.query(&sql.restored, &[]).await.map(|_| ())
    }
}
