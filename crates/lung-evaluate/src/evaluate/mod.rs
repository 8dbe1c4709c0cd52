//! Testing a classifier: each data folder by itself, all of them together, and images that it should refuse.

pub mod audit;
pub mod elsewhere;
mod foreign;
pub mod metrics;
pub mod peer;
mod test;
mod trials;

pub use self::foreign::check_foreign;
pub use self::test::{Tests, to_test};
pub use self::trials::{evaluate, outcomes};
