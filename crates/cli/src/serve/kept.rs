//! `outlive serve --store`: where sessions are kept.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use outlive_postgres::Postgres;
use outlive_server::hub::Builder;
use outlive_server::store::{self, Sqlite, StoreError};

use super::cluster::Cluster;

/// The flags of the store.
#[derive(Debug, clap::Args)]
pub(super) struct Keep {
    /// A file that keeps sessions over restarts; `memory`; or a database, as in `postgres://user@host/database`, which
    /// several processes may share (docs/postgres.md).
    #[arg(long, value_name = "FILE|URL", default_value = "outlive.db")]
    store: PathBuf,
    /// What a commit survives in a file: a power cut, or the end of this process. After a power cut in `fast` viewers
    /// start over; where the system does not say whether it was booted since, after each crash. A database has settings
    /// of its own.
    #[arg(long, value_enum, default_value_t)]
    durability: Durability,
    /// The store may be an older copy of itself: viewers start over. Most copies that are put back are noticed without
    /// it; docs/sqlite.md and docs/postgres.md say which are not. Only for the first start after that.
    #[arg(long)]
    restored: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Durability {
    #[default]
    Full,
    Fast,
}

/// A store that is open.
#[derive(Debug)]
pub(super) enum Kept {
    Memory,
    File(Sqlite, PathBuf),
    Database(Postgres),
}

impl Keep {
    /// Whether several processes may use the store at a time.
    pub(super) fn is_shared(&self) -> bool {
        let store = self.store.to_string_lossy();
        ["postgres://", "postgresql://"].iter().any(|scheme| store.starts_with(scheme))
    }

    /// Opens the store. In a database, this process has the name and the address at which the others reach it, and its
    /// lease.
    pub(super) async fn open(&self, node: &Cluster) -> Result<Kept, String> {
        if self.is_shared() {
            if self.durability == Durability::Fast {
                return Err(
                    "--durability fast is for a file; a database says it by synchronous_commit"
                        .into(),
                );
            }
            let mut options = Postgres::options().restored(self.restored);
            if let Some(address) = node.address() {
                options = options.name(address).address(address);
            }
            if let Some(lease) = node.lease() {
                options = options.lease(lease);
            }
            let opened = options.connect(&self.store.to_string_lossy()).await;
            return opened.map(Kept::Database).map_err(|why| format!("--store: {why}"));
        }
        if self.store == Path::new("memory") {
            return Ok(Kept::Memory);
        }
        let durability = match self.durability {
            Durability::Full => store::Durability::Full,
            Durability::Fast => store::Durability::Fast,
        };
        let options = Sqlite::options().durability(durability).restored(self.restored);
        match options.open(&self.store) {
            Ok(file) => Ok(Kept::File(file, self.store.clone())),
            Err(why) => Err(format!("{} cannot be used: {why}", self.store.display())),
        }
    }
}

impl Kept {
    /// The hub's sessions are kept here.
    pub(super) fn keeps(&self, builder: Builder) -> Builder {
        match self {
            Kept::Memory => builder,
            Kept::File(file, _) => builder.store(file.clone()),
            Kept::Database(database) => builder.store(database.clone()),
        }
    }

    /// Its name, for people.
    pub(super) fn name(&self) -> String {
        match self {
            Kept::Memory => "memory".into(),
            Kept::File(_, path) => path.display().to_string(),
            Kept::Database(database) => database.location().to_owned(),
        }
    }

    /// Where sessions are, in a sentence.
    pub(super) fn sentence(&self) -> String {
        match self {
            Kept::Memory => {
                "sessions are in memory, and gone with this process; --store FILE keeps them".into()
            }
            Kept::File(..) | Kept::Database(_) => format!("sessions are in {}", self.name()),
        }
    }

    pub(super) async fn close(self) -> Result<(), StoreError> {
        match self {
            Kept::Memory => Ok(()),
            Kept::File(file, _) => file.close().await,
            Kept::Database(database) => {
                database.close().await;
                Ok(())
            }
        }
    }
}
