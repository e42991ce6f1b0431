//! Records that are read together: while one statement is on its way, loads wait, and share the next one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use outlive_server::store::{SessionId, StoreError};
use tokio::sync::oneshot;
use tokio_postgres::types::Type;

use super::connect::Parameter;
use super::node::Node;
use super::reader::{Loaded, Reader, column, loaded};
use super::sql::Sql;

/// The most records of one statement.
const MAX_LOADS: usize = 512;

type LoadResult = Result<Option<Loaded>, StoreError>;

/// A session whose record is wanted, and where it goes.
struct Wanted {
    session: SessionId,
    reply: oneshot::Sender<LoadResult>,
}

#[derive(Default)]
pub(super) struct LoadQueue {
    waiting: Vec<Wanted>,
    /// Whether a task reads what waits.
    is_read: bool,
}

/// Loads that wait for a statement.
pub(super) struct Loads {
    pub(super) reader: Arc<Reader>,
    pub(super) sql: Arc<Sql>,
    pub(super) node: Arc<Node>,
    /// Whether a standby that is promoted has everything.
    pub(super) lossless: bool,
    pub(super) queue: Mutex<LoadQueue>,
}

impl Loads {
    fn lock(&self) -> MutexGuard<'_, LoadQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record of a session, no older than this call.
    pub(super) async fn load(self: &Arc<Self>, session: &SessionId) -> LoadResult {
        let (reply, answer) = oneshot::channel();
        let begins = {
            let mut queue = self.lock();
            queue.waiting.push(Wanted { session: session.clone(), reply });
            !std::mem::replace(&mut queue.is_read, true)
        };
        if begins {
            // Not the caller's future, which may be dropped while others wait.
            tokio::spawn(Arc::clone(self).run());
        }
        answer.await.unwrap_or_else(|_| Err(StoreError::Io("the task that reads is gone".into())))
    }

    /// Reads until nothing waits.
    async fn run(self: Arc<Self>) {
        loop {
            let wanted: Vec<Wanted> = {
                let mut queue = self.lock();
                let most = queue.waiting.len().min(MAX_LOADS);
                queue.is_read = most > 0;
                queue.waiting.drain(..most).collect()
            };
            if wanted.is_empty() {
                return;
            }
            match self.read(&wanted).await {
                Ok(found) => answer(wanted, &found),
                // A row that cannot be read must not hide the others.
                Err(StoreError::Corrupt(_)) if wanted.len() > 1 => {
                    for one in wanted {
                        let one = vec![one];
                        match self.read(&one).await {
                            Ok(found) => answer(one, &found),
                            Err(error) => fail(one, &error),
                        }
                    }
                }
                Err(error) => fail(wanted, &error),
            }
        }
    }

    /// The records that there are.
    async fn read(&self, wanted: &[Wanted]) -> Result<HashMap<String, LoadResult>, StoreError> {
        let ids: Vec<&str> = wanted.iter().map(|wanted| wanted.session.as_str()).collect();
        let parameters: [Parameter<'_>; 2] =
            [(&ids, Type::TEXT_ARRAY), (&self.lossless, Type::BOOL)];
        let rows = self.reader.query(&self.sql.load, &parameters).await?;
        let epoch = self.node.epoch();
        rows.iter().map(|row| Ok((column(row, 0)?, loaded(row, epoch)))).collect()
    }
}

fn answer(wanted: Vec<Wanted>, found: &HashMap<String, LoadResult>) {
    for Wanted { session, reply } in wanted {
        let result = found.get(session.as_str()).cloned().unwrap_or(Ok(None));
        // The caller may have dropped its future.
        let _ = reply.send(result);
    }
}

fn fail(wanted: Vec<Wanted>, error: &StoreError) {
    for Wanted { reply, .. } in wanted {
        let _ = reply.send(Err(error.clone()));
    }
}
