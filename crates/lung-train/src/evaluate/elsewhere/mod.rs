//! What a model calls images of other hospitals, whose labels may be none of its findings.

mod count;
mod table;

pub use self::count::{Elsewhere, Stratum, StratumCalls};
pub use self::table::{Labelled, in_folder, read_table};
