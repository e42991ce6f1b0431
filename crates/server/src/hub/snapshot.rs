//! Looking at a session without a connection.

use super::driver::SpawnMode;
use super::handle::Hub;
use super::mailbox::{Command, CommandError};
use super::observe::ClaimKind;
use crate::store::SessionId;
use outlive::session::Snapshot;

impl Hub {
    /// A session's record, as the store has it. A session of a process before is recovered first.
    ///
    /// # Errors
    /// There is no such session, or it cannot be read.
    pub async fn snapshot(&self, session: &SessionId) -> Result<Snapshot, CommandError> {
        self.command(session, SpawnMode::Load(ClaimKind::Asked), |reply| Command::Visit { reply })
            .await?;
        let stored = self.shared.store.load(session).await;
        let stored = stored.map_err(|why| CommandError::Unavailable(why.to_string()))?;
        stored.map(|stored| stored.snapshot).ok_or(CommandError::NotFound)
    }
}
