//! The witness beside the file: what the file must have, unless it lost its end or is an older copy.
//!
//! It has four slots. An owner writes two of them in turn, after each transaction and without waiting for the disk:
//! the system keeps what a killed process has written, and after a power cut an older slot still bears witness to
//! less. Nothing is ever in a slot that is not in the file already, except an owner that is only announced.

use std::cmp::Reverse;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::owner::OwnerRow;
use super::sums::Sum;
use crate::store::error::{Cause, StoreError};

const SLOTS: usize = 4;
/// The bytes of a slot.
const SLOT: usize = 128;

/// What an owner has committed, as a slot says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Testimony {
    pub(super) epoch: i64,
    /// Whether this owner has the store. It is announced before its transaction, and perhaps never had it.
    pub(super) took: bool,
    pub(super) commits: i64,
    pub(super) run: i64,
}

/// The witness file as such: a copy of it bears witness to nothing, since it may be as old as the copy of the store
/// beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Birth {
    /// When it was made, in nanoseconds; 0 where the file system does not say.
    at: u128,
    inode: u64,
}

impl Birth {
    fn of(file: &Metadata) -> Birth {
        let at = file.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(file);
        #[cfg(not(unix))]
        let inode = 0;
        Birth { at: at.map_or(0, |at| at.as_nanos()), inode }
    }

    fn is_of_same_file(self, other: Birth) -> bool {
        if self.at != 0 && other.at != 0 { self.at == other.at } else { self.inode == other.inode }
    }
}

fn encode(testimony: Testimony, birth: Birth) -> String {
    let Testimony { epoch, took, commits, run } = testimony;
    let Birth { at, inode } = birth;
    let word = if took { "took" } else { "announced" };
    let text = format!("{epoch} {word} {commits} {run} {at} {inode}");
    let sum = Sum::of("witness", 1, &text).with("");
    format!("{:<127}\n", format!("{text} {sum}"))
}

fn decode(slot: &[u8]) -> Option<(Testimony, Birth)> {
    let (text, sum) = std::str::from_utf8(slot).ok()?.trim_end().rsplit_once(' ')?;
    if sum.parse() != Ok(Sum::of("witness", 1, text).with("")) {
        return None;
    }
    let words: Vec<&str> = text.split(' ').collect();
    let [epoch, word, commits, run, at, inode] = words[..] else { return None };
    let testimony = Testimony {
        epoch: epoch.parse().ok()?,
        took: word == "took",
        commits: commits.parse().ok()?,
        run: run.parse().ok()?,
    };
    Some((testimony, Birth { at: at.parse().ok()?, inode: inode.parse().ok()? }))
}

/// What is in the slots of a witness.
#[derive(Debug, Default)]
pub(super) struct Testimonies {
    slots: [Option<Testimony>; SLOTS],
    is_copy: bool,
}

impl Testimonies {
    /// Of the file at this path; none if there is no file, or none that can be read.
    pub(super) fn of(path: &Path) -> Testimonies {
        let opened = File::open(path).and_then(|file| {
            let birth = Birth::of(&file.metadata()?);
            let mut bytes = Vec::new();
            file.take((SLOTS * SLOT) as u64).read_to_end(&mut bytes)?;
            Ok((bytes, birth))
        });
        let Ok((bytes, birth)) = opened else { return Testimonies::default() };
        let mut found = Testimonies::default();
        for (slot, bytes) in found.slots.iter_mut().zip(bytes.chunks(SLOT)) {
            match decode(bytes) {
                Some((testimony, of)) if of.is_of_same_file(birth) => *slot = Some(testimony),
                Some(_) => found.is_copy = true,
                None => {}
            }
        }
        found
    }

    /// The newest owner that it knows; 0 if none.
    pub(super) fn newest(&self) -> i64 {
        self.slots.iter().flatten().map(|slot| slot.epoch).max().unwrap_or(0)
    }

    /// Why a file with this row may have lost commits; `None` if it has lost none.
    pub(super) fn accuse(&self, owners: &OwnerRow) -> Option<String> {
        if owners.epoch == 0 {
            // It never had an owner, and so nothing to lose.
            return None;
        }
        let slots = || self.slots.iter().flatten();
        if slots().next().is_none() {
            let what = if self.is_copy { "a copy" } else { "missing" };
            return Some(format!("the witness beside it is {what}"));
        }
        let later = slots().filter(|slot| slot.took && slot.epoch > owners.epoch).count();
        let same = slots().filter(|slot| slot.epoch == owners.epoch && slot.run == owners.run);
        match same.map(|slot| slot.commits).max() {
            Some(commits) if later == 0 && commits <= owners.commits => None,
            Some(commits) if later == 0 => {
                let (is, was) = (owners.commits, commits);
                Some(format!("it ends at commit {is}, and had {was} commits"))
            }
            Some(_) | None => Some("it is older than its last owner".into()),
        }
    }
}

/// The slots of this process.
#[derive(Debug)]
pub(super) struct Witness {
    path: PathBuf,
    /// The file, since this process took the store.
    file: Option<(File, Birth)>,
    /// Where this owner writes, in turn.
    places: [usize; 2],
    turn: usize,
    epoch: i64,
    run: i64,
    commits: i64,
    is_failing: bool,
}

impl Witness {
    pub(super) fn new(path: &Path) -> Witness {
        Witness {
            path: path.into(),
            file: None,
            places: [0, 1],
            turn: 0,
            epoch: 0,
            run: 0,
            commits: 0,
            is_failing: false,
        }
    }

    pub(super) fn testimonies(&self) -> Testimonies {
        Testimonies::of(&self.path)
    }

    /// Announces an owner, before the transaction that makes it one. This is on the disk afterwards.
    pub(super) fn announce(
        &mut self,
        found: &Testimonies,
        (epoch, run, commits): (i64, i64, i64),
        database: &Path,
    ) -> Result<(), StoreError> {
        let failed = |error: std::io::Error| {
            let kind = error.kind();
            let kind = if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
                StoreError::Full
            } else if matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) {
                StoreError::ReadOnly
            } else {
                StoreError::Io
            };
            kind(Cause::from_error(error).context(self.path.display()))
        };
        let file = open(&self.path, database).map_err(failed)?;
        let birth = file.metadata().map(|found| Birth::of(&found)).map_err(failed)?;
        // The slots that say least: those of the owner before stay.
        let mut places = [0, 1, 2, 3];
        places.sort_by_key(|place| Reverse(found.slots[*place]));
        let testimony = Testimony { epoch, took: false, commits, run };
        let written = write(&file, places[3], testimony, birth);
        written.and_then(|()| file.sync_all()).map_err(failed)?;
        (self.places, self.turn) = ([places[2], places[3]], 0);
        (self.epoch, self.run, self.commits) = (epoch, run, commits);
        self.file = Some((file, birth));
        Ok(())
    }

    /// The announced owner has the store.
    pub(super) fn took(&mut self) {
        self.committed(self.commits);
    }

    /// So many commits are in the file.
    pub(super) fn committed(&mut self, commits: i64) {
        let Some((file, birth)) = &self.file else { return };
        let testimony = Testimony { epoch: self.epoch, took: true, commits, run: self.run };
        let written = write(file, self.places[self.turn], testimony, *birth);
        self.turn = 1 - self.turn;
        if let (Err(error), false) = (&written, self.is_failing) {
            let witness = self.path.display();
            tracing::warn!(%witness, %error, "the witness of the store cannot be written");
        }
        self.is_failing = written.is_err();
    }

    /// Brings it to the disk.
    pub(super) fn sync(&self) {
        if let Some(Err(error)) = self.file.as_ref().map(|(file, _)| file.sync_all()) {
            tracing::warn!(%error, "the witness of the store is not on the disk");
        }
    }
}

fn write(mut file: &File, place: usize, testimony: Testimony, birth: Birth) -> std::io::Result<()> {
    let text = encode(testimony, birth);
    file.seek(SeekFrom::Start((place * SLOT) as u64))?;
    file.write_all(text.as_bytes())
}

/// Opens the witness; makes it if there is none, with the rights of the database.
fn open(path: &Path, database: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        opened => return opened,
    }
    let file = options.create(true).truncate(false).open(path)?;
    file.set_permissions(database.metadata()?.permissions())?;
    // Its name is on the disk too.
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}
