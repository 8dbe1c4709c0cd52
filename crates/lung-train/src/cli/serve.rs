//! `lung serve`: the page from installed files, for a place without a network.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;
use clap::Args;
use lung_serve::{FIRST_PORT, Served, address, answer_all, listen};
use lung_train::data::Shown as _;

use super::terminal::{say, tell};

/// Serve the page on this machine, from installed files.
///
/// Browsers offer the app, WebGPU and use without a network to a page on localhost, and not to one opened as a file. Only
/// this machine can reach the address. It is served until the command is stopped with Ctrl-C.
#[derive(Args)]
pub struct ServeArgs {
    /// Folder with the built page [default: dist beside this program, then its share folder, then dist in the present one]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Port to listen on [default: 8080 or the next free one; 0 lets the system choose]
    #[arg(long)]
    port: Option<u16>,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
}

/// Prints the address, and serves until the process is stopped.
pub fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => installed()?,
    };
    let served = Served::new(&folder)?;
    if !is_page(&served.folder()) {
        bail!(
            "{} holds no built page: index.html, worker.js and models are missing; name the folder dist of a release, or build \
             one with `cargo xtask build`",
            folder.shown()
        );
    }
    let listener = listen(args.port)?;
    let address = address(&listener)?;
    tell(&format!("serving {}; stop with Ctrl-C", folder.shown()));
    if args.port.is_none() && !address.ends_with(&format!(":{FIRST_PORT}/")) {
        tell(&format!(
            "port {FIRST_PORT} is in use, so it is another one"
        ));
    }
    say(&format!("{address}\n"))?;
    if args.open {
        open(&address);
    }
    answer_all(&listener, &served);
    Ok(())
}

/// Whether a folder holds a built page.
fn is_page(folder: &Path) -> bool {
    ["index.html", "worker.js", "models/index.json"]
        .iter()
        .all(|file| folder.join(file).is_file())
}

/// The page that was installed with this program.
fn installed() -> anyhow::Result<PathBuf> {
    let mut places = Vec::new();
    let program = std::env::current_exe().and_then(|path| path.canonicalize());
    if let Some(beside) = program.ok().as_deref().and_then(Path::parent) {
        places.push(beside.join("dist"));
        places.push(beside.join("../share/mobilenet-lung/dist"));
    }
    places.push(PathBuf::from("dist"));
    if let Some(folder) = places.iter().find(|folder| is_page(folder)) {
        return Ok(folder.clone());
    }
    let list: Vec<String> = places
        .iter()
        .map(|place| format!("  {}", place.shown()))
        .collect();
    bail!(
        "there is no built page in any of\n{}\nName the folder dist of a release, or build one with `cargo xtask build`",
        list.join("\n")
    )
}

/// Has the system open an address. Where it cannot, the address is on the screen.
fn open(address: &str) {
    let (program, first): (&str, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        "windows" => ("cmd", &["/C", "start", ""]),
        _ => ("xdg-open", &[]),
    };
    if let Err(error) = Command::new(program).args(first).arg(address).spawn() {
        tell(&format!(
            "no browser could be opened ({program}: {error}); open {address} yourself"
        ));
    }
}
