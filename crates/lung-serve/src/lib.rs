//! A small static file server for the page. It listens on the loopback address only.
//!
//! ```no_run
//! # fn main() -> Result<(), lung_serve::ServeError> {
//! let served = lung_serve::Served::new("dist".as_ref())?;
//! let listener = lung_serve::listen(None)?;
//! println!("{}", lung_serve::address(&listener)?);
//! lung_serve::answer_all(&listener, &served);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod answer;
mod error;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

pub use error::ServeError;

/// Where the search for a free port begins when none is asked for.
pub const FIRST_PORT: u16 = 8080;
/// How many ports are tried.
const PORTS: u16 = 32;
/// The folder that is served, which may become another one meanwhile.
#[derive(Clone)]
pub struct Served(Arc<RwLock<PathBuf>>);

impl Served {
    /// Serves this folder at first.
    ///
    /// # Errors
    /// [`ServeError::NoFolder`].
    pub fn new(folder: &Path) -> Result<Self, ServeError> {
        Ok(Self(Arc::new(RwLock::new(real(folder)?))))
    }

    /// Serves another folder from the next request on.
    ///
    /// # Errors
    /// [`ServeError::NoFolder`]; the former folder stays.
    pub fn switch(&self, folder: &Path) -> Result<(), ServeError> {
        let folder = real(folder)?;
        // Nothing that holds the lock can fail, and if it could the folder would be whole all the same.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = folder;
        Ok(())
    }

    /// The folder that is served now.
    pub fn folder(&self) -> PathBuf {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The folder without links on the way to it.
fn real(folder: &Path) -> Result<PathBuf, ServeError> {
    let real = folder.canonicalize().ok().filter(|real| real.is_dir());
    real.ok_or_else(|| ServeError::NoFolder(folder.to_owned()))
}

/// Where a browser finds what this listener serves.
///
/// # Errors
/// [`ServeError::Listen`] where the system does not say which port it gave.
pub fn address(listener: &TcpListener) -> Result<String, ServeError> {
    let address =
        (listener.local_addr()).map_err(|source| ServeError::Listen { port: 0, source })?;
    Ok(format!("http://127.0.0.1:{}/", address.port()))
}

/// Answers until the process is stopped.
pub fn answer_all(listener: &TcpListener, served: &Served) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let root = served.folder();
        // A browser that goes away while it is being answered is no error of ours.
        std::thread::spawn(move || {
            let _ = answer::answer(&root, stream);
        });
    }
}

/// A listener on `port`, or on the first free one from [`FIRST_PORT`] on.
///
/// # Errors
/// A port that is in use, or that the system does not give.
pub fn listen(port: Option<u16>) -> Result<TcpListener, ServeError> {
    let candidates = match port {
        Some(port) => port..=port,
        None => FIRST_PORT..=FIRST_PORT + PORTS,
    };
    for port in candidates.clone() {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(source) => return Err(ServeError::Listen { port, source }),
        }
    }
    Err(match port {
        Some(port) => ServeError::PortInUse(port),
        None => ServeError::PortsInUse {
            first: *candidates.start(),
            last: *candidates.end(),
        },
    })
}
