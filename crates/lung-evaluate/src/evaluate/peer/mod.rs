//! Another classifier on the same images: `lung evaluate --peer FILE.onnx --peer-config FILE.toml`.
//!
//! [`PeerConfig`] says how the other network's input is made and which of its numbers mean what. [`PeerTests`] holds both
//! networks side by side. [`Peer`] runs the network through `tract`, which is compiled with the feature `peer` alone.

#[cfg(not(feature = "peer"))]
mod absent;
mod answer;
mod config;
mod error;
mod meaning;
#[cfg(feature = "peer")]
mod network;
mod rows;
#[cfg(test)]
mod tests;

#[cfg(not(feature = "peer"))]
pub use self::absent::Peer;
pub use self::answer::{Both, Theirs};
pub use self::config::{Colours, PeerConfig};
pub use self::error::PeerError;
pub use self::meaning::{Activation, Meaning};
#[cfg(feature = "peer")]
pub use self::network::Peer;
pub use self::rows::{Difference, PeerRow, PeerTests, Side};
