//! What the machine does to a file: rights, full disks, limits. Where a test may not change them it
//! is skipped.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use outlive_server::store::{Sqlite, Store};

use super::child::{command, said, wrapped};
use super::{has_six, make_six, owned};
use outlive_testkit::place::{Place, commit, name};
use outlive_testkit::skip::skip;

/// What a child said, all of it.
fn heard(mut command: Command) -> Option<Vec<String>> {
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    let said: Vec<String> = text.lines().filter_map(said).map(str::to_string).collect();
    (!said.is_empty()).then_some(said)
}

fn may(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// What a process without privileges is told that opens the file.
fn told(file: &Path, privileged: bool) -> Option<String> {
    let mut opening = command("open", file);
    if privileged {
        opening.uid(65_534).gid(65_534);
    }
    Some(heard(opening)?.remove(0))
}

#[tokio::test]
async fn what_may_not_be_written_is_told_and_works_again() {
    let place = Place::new();
    make_six(&owned(&place).await, "a").await;
    let (file, folder) = (place.file(), place.folder());
    may(&file, 0o444);
    let privileged = OpenOptions::new().append(true).open(&file).is_ok();
    let before = fs::read(&file).unwrap();
    for (of_file, of_folder) in [(0o444, 0o777), (0o666, 0o555), (0o444, 0o555)] {
        may(&file, of_file);
        may(folder, of_folder);
        let Some(told) = told(&file, privileged) else {
            may(folder, 0o777);
            skip("another user that can run this program");
            return;
        };
        assert!(told.starts_with("ReadOnly"), "{of_file:o} in {of_folder:o}: {told}");
    }
    let fresh = folder.join("fresh.db");
    assert!(told(&fresh, privileged).unwrap().starts_with("ReadOnly"));
    assert!(!fresh.exists());
    may(folder, 0o777);
    assert_eq!(fs::read(&file).unwrap(), before);
    may(&file, 0o666);
    assert_eq!(told(&file, privileged).unwrap(), "opened");
    has_six(&owned(&place).await, "a").await;
}

#[tokio::test]
async fn a_file_that_may_not_grow_fails_at_the_end_of_a_commit_and_what_is_said_is_true() {
    let place = Place::new();
    // The signal is ignored, so that a write fails in its middle.
    let script = r#"trap "" XFSZ; ulimit -f 1200; exec "$0" "$@""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(std::env::current_exe().unwrap());
    let said = heard(wrapped(shell, "fill", &place.file())).expect("there is a shell");
    let [failed, kept] = &said[..] else { panic!("{said:?}") };
    let kept: u64 = kept.strip_prefix("kept ").unwrap().parse().unwrap();
    let store = owned(&place).await;
    let found = store.load(&name("big")).await.unwrap().unwrap().version.0;
    let unknown = failed.starts_with("failed Unknown");
    assert!(unknown || failed.starts_with("failed Failed("), "{failed}");
    assert!(found == kept || unknown && found == kept + 1, "{failed}: {kept}, {found}");
    assert_eq!(store.commit(commit("big", found, found, 1)).await, Ok(()));
}

#[tokio::test]
async fn a_full_disk_changes_nothing_and_works_again_when_there_is_room() {
    let place = Place::new();
    let script = r#"mount -t tmpfs -o size=2m none "$0" && head -c 400000 /dev/zero >"$0/ballast" && exec "$@""#;
    let mut unshared = Command::new("unshare");
    unshared.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    unshared.arg(place.folder()).arg(std::env::current_exe().unwrap());
    let Some(said) = heard(wrapped(unshared, "fill", &place.file())) else {
        skip("`unshare`, and the right to mount a file system");
        return;
    };
    let [failed, kept, again] = &said[..] else { panic!("{said:?}") };
    assert!(failed.starts_with("failed Failed(Full("), "{failed}");
    assert!(kept != "kept 0" && again == "works again", "{kept}");
    assert!(Sqlite::open(place.file()).is_ok(), "the disk went with its process");
}
