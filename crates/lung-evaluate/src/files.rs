//! Files that are whole or not there, and folders that only one process writes to.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use tracing::warn;

use crate::data::Shown as _;

/// The file in a folder by which it is locked. It stays there: to remove it would let two in.
const LOCK: &str = "lock";

/// Writes a file so that a reader finds the old content or the new, never a part.
///
/// # Errors
/// When the file cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let part = path.with_added_extension("part");
    let written = File::create(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&part, path));
    written.with_context(|| format!("cannot write {}", path.shown()))
}

/// A folder that no other process may lock until this is dropped. The system lets go of it if the process is killed.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Locks a folder, which is made where it is not there.
    ///
    /// # Errors
    /// A folder that another process has locked, or that cannot be written to.
    pub fn of(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.shown()))?;
        let path = folder.join(LOCK);
        let file = open_unchanged(&path)?;
        lock(&file, &path, || {
            format!(
                "another process is writing to {}; wait until it has ended, or choose another --out",
                folder.shown()
            )
        })?;
        Ok(Self { _file: file })
    }
}

/// A file that appears under its name when it is whole.
#[derive(Debug)]
pub struct Unfinished {
    /// Locked, so that no other process writes the same.
    file: File,
    part: PathBuf,
    out: PathBuf,
}

impl Unfinished {
    /// Begins the file that is to be `out`.
    ///
    /// # Errors
    /// An `out` that is there already, that another process is writing, or that cannot be written.
    pub fn begin(out: &Path) -> anyhow::Result<Self> {
        let is_new = || {
            ensure!(
                !out.exists(),
                "{} is there already, so this has been done; remove it to do it again",
                out.shown()
            );
            Ok(())
        };
        is_new()?;
        let part = out.with_added_extension("unfinished");
        let file = open_unchanged(&part)?;
        lock(&file, &part, || {
            format!("another process is writing {}", out.shown())
        })?;
        // Whoever had locked it may have finished it just now, and then this is it.
        is_new()?;
        (file.set_len(0)).with_context(|| format!("cannot write {}", part.shown()))?;
        Ok(Self {
            file,
            part,
            out: out.to_owned(),
        })
    }

    /// The file, to write to.
    ///
    /// # Errors
    /// When the system has no handle left.
    pub fn file(&self) -> anyhow::Result<File> {
        (self.file.try_clone()).with_context(|| format!("cannot write {}", self.part.shown()))
    }

    /// Gives the file its name, now that all is written to it.
    ///
    /// # Errors
    /// When that cannot be done.
    pub fn finish(self) -> anyhow::Result<()> {
        (self.file.sync_all())
            .and_then(|()| fs::rename(&self.part, &self.out))
            .with_context(|| format!("cannot write {}", self.out.shown()))
    }
}

/// Opens a file to write to, and leaves what it has.
pub(crate) fn open_unchanged(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    (options.create(true).truncate(false).write(true).open(path))
        .with_context(|| format!("cannot write {}", path.shown()))
}

/// Locks a file until it is closed.
///
/// # Errors
/// What `held` says, where another process has locked it. A file system without locks is told of, and no error.
pub(crate) fn lock(file: &File, path: &Path, held: impl Fn() -> String) -> anyhow::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => bail!("{}", held()),
        Err(TryLockError::Error(error)) => {
            warn!(
                "{} cannot be locked ({error}): take care that nothing else writes there",
                path.shown()
            );
            Ok(())
        }
    }
}
