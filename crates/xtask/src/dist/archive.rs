//! Compressed archives, the same bytes of the same files on every system.

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file of an archive.
pub struct Member {
    /// What it is called there, with slashes.
    pub path: String,
    /// Where it is.
    pub file: PathBuf,
    /// Whether it can be run.
    pub runs: bool,
}

/// Packs files in this order, of nobody's, readable for all, as of this second since 1970.
pub fn archive(to: &Path, members: &[Member], time: u64) -> Result<()> {
    let made = File::create(to).with_context(|| format!("{} cannot be made", to.display()))?;
    let gz = GzEncoder::new(BufWriter::new(made), Compression::best());
    let mut tar = tar::Builder::new(gz);
    for Member { path, file, runs } in members {
        let opened =
            File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(opened.metadata()?.len());
        header.set_mode(if *runs { 0o755 } else { 0o644 });
        header.set_mtime(time);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, path, opened)
            .with_context(|| format!("{path} cannot be packed"))?;
    }
    let ended = tar.into_inner()?.finish()?.flush();
    ended.with_context(|| format!("{} cannot be written. Is there room?", to.display()))
}
