//! A built page, served for looking at it on this machine.

use anyhow::{Context, Result};
use std::path::Path;

pub use lung_serve::{Served, address, answer_all, listen};

/// Serves a folder until the process is stopped, after printing the address. Fails if the port is taken.
pub fn serve(folder: &Path, port: Option<u16>) -> Result<()> {
    let served = Served::new(folder).context("build the page first")?;
    let listener = listen(port)?;
    println!(
        "==> serving {}; stop with Ctrl-C",
        served.folder().display()
    );
    println!("{}", address(&listener)?);
    answer_all(&listener, &served);
    Ok(())
}
