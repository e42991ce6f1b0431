//! What a process before has left is read back, and fed `RESTARTED`.

use std::sync::Arc;

use tokio::sync::{Semaphore, oneshot};

use super::backoff::Backoff;
use super::driver::SpawnMode;
use super::mailbox::{Command, CommandError, Reply};
use super::observe::ClaimKind;
use super::shared::Shared;
use crate::store::{PageToken, SessionId};

/// How many names are read at a time.
const PAGE: usize = 1_000;

/// Recovers everything, some sessions at a time; or until the hub leaves.
pub(super) async fn recover(shared: Arc<Shared>) {
    tokio::select! {
        biased;
        () = shared.leaves() => {}
        () = recover_all(&shared) => shared.recovered.cancel(),
    }
}

async fn recover_all(shared: &Arc<Shared>) {
    let most = shared.options.recoveries.clamp(1, 1 << 16);
    let limit = Arc::new(Semaphore::new(most));
    let mut from: Option<PageToken> = None;
    let mut patience = Backoff::default();
    loop {
        let page = match shared.store.unfinished(from.as_ref(), PAGE).await {
            Ok(page) => page,
            Err(why) => {
                tracing::warn!(%why, "the store does not say what is to be recovered; goes on trying");
                patience.wait().await;
                continue;
            }
        };
        // What is here is not read back again; it may sleep.
        let absent = page.sessions.into_iter().filter(|id| !shared.registry.contains(id));
        for id in absent {
            let Ok(permit) = Arc::clone(&limit).acquire_owned().await else { return };
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                tokio::select! {
                    biased;
                    () = shared.leaves() => {}
                    () = get_or_spawn(&shared, &id) => {}
                }
                drop(permit);
            });
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    // Those that are still under way hold permits.
    _ = limit.acquire_many(u32::try_from(most).unwrap_or(u32::MAX)).await;
}

/// To have a session in memory is to have it recovered. A store that does not answer is asked again: no
/// other process answers the session's waiting prompts.
async fn get_or_spawn(shared: &Arc<Shared>, id: &SessionId) {
    let mut patience = Backoff::default();
    loop {
        let Ok(visitor) = shared.enter(id, SpawnMode::Load(ClaimKind::Orphaned)) else { return };
        let (reply, done) = oneshot::channel();
        let visit = Command::Visit { reply: Reply::Caller(reply) };
        // A driver that is gone drops the reply.
        _ = visitor.ask(visit).await;
        let done = done.await.unwrap_or_else(|_| Err(shared.shutdown_error()));
        drop(visitor);
        let Err(CommandError::Unavailable(_)) = done else { return };
        patience.wait().await;
    }
}
