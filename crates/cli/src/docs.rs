//! `outlive docs`: writes the generated pages, or says which are stale.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use outlive::docs::{Page, REFRESH, clients, pages};

use crate::Exit;
use crate::output::{fail, say};

const DIR: &str = "docs/generated";
/// Beside the pages; what else is in it is written by hand.
const CLIENTS: &str = "clients/js";

/// Write the generated pages, or check that they are up to date.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Docs {
    /// Write nothing; fail if a page is stale, missing or surplus.
    #[arg(long)]
    check: bool,
    /// The folder.
    #[arg(long, default_value = DIR)]
    dir: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  outlive docs
  outlive docs --check
  outlive docs --dir target/pages";

impl Docs {
    pub(crate) fn run(&self) -> Exit {
        let pages = pages();
        let done = if self.check {
            self.faults(&pages).map(|faults| self.report(&faults))
        } else {
            self.write(&pages)
        };
        done.unwrap_or_else(|(path, error)| fail(&format!("{}: {error}", path.display())))
    }

    fn write(&self, pages: &[Page]) -> Result<Exit, (PathBuf, io::Error)> {
        fs::create_dir_all(&self.dir).map_err(|error| (self.dir.clone(), error))?;
        for page in pages {
            let path = self.dir.join(page.path);
            fs::write(&path, &page.text).map_err(|error| (path, error))?;
        }
        for (path, text) in self.clients() {
            fs::write(&path, text).map_err(|error| (path, error))?;
        }
        let mut text = format!("{} pages in {}\n", pages.len(), self.dir.display());
        for name in surplus(&self.dir, pages)? {
            let _ = writeln!(text, "surplus, remove it: {}", self.dir.join(name).display());
        }
        Ok(say(&text, Exit::Holds))
    }

    /// The generated files of the clients: only beside the pages at their own place.
    fn clients(&self) -> Vec<(PathBuf, String)> {
        if self.dir != Path::new(DIR) || !Path::new(CLIENTS).is_dir() {
            return Vec::new();
        }
        clients().into_iter().map(|page| (Path::new(CLIENTS).join(page.path), page.text)).collect()
    }

    /// What is wrong with the folder, a line each.
    fn faults(&self, pages: &[Page]) -> Result<Vec<String>, (PathBuf, io::Error)> {
        let mut faults = Vec::new();
        let pages_here = pages.iter().map(|page| (self.dir.join(page.path), page.text.clone()));
        for (path, fresh) in pages_here.chain(self.clients()) {
            match fs::read(&path) {
                Ok(text) if text == fresh.as_bytes() => {}
                Ok(_) => faults.push(format!("stale: {}", path.display())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    faults.push(format!("missing: {}", path.display()));
                }
                Err(error) => return Err((path, error)),
            }
        }
        for name in surplus(&self.dir, pages)? {
            let path = self.dir.join(name);
            faults.push(format!("surplus, remove it: {}", path.display()));
        }
        Ok(faults)
    }

    fn report(&self, faults: &[String]) -> Exit {
        if faults.is_empty() {
            return say("every page is up to date\n", Exit::Holds);
        }
        let mut text = faults.join("\n");
        let _ = write!(text, "\nrefresh with: {REFRESH}");
        if self.dir != Path::new(DIR) {
            let _ = write!(text, " --dir {}", self.dir.display());
        }
        text.push('\n');
        say(&text, Exit::Violated)
    }
}

/// The files in the folder that are no pages. Hidden files are none of ours.
fn surplus(dir: &Path, pages: &[Page]) -> Result<Vec<String>, (PathBuf, io::Error)> {
    let failed = |error| (dir.to_path_buf(), error);
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && pages.iter().all(|page| page.path != name) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
