//! Why nothing is served.

use std::path::PathBuf;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is no such folder.
    #[error("there is no folder {}; name the folder with the page", .0.display())]
    NoFolder(PathBuf),
    /// Another program listens there.
    #[error("port {0} is in use; choose another one with --port, or leave --port out")]
    PortInUse(u16),
    /// Other programs listen on all ports that were tried.
    #[error("every port from {first} to {last} is in use; choose another one with --port")]
    PortsInUse {
        /// The first that was tried.
        first: u16,
        /// The last.
        last: u16,
    },
    /// The system does not let us listen.
    #[error("cannot listen on port {port} ({source}); choose another one with --port")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
}
