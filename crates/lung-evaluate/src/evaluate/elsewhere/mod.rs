//! What a model calls images of other hospitals, whose labels may be none of its findings.

mod count;
mod table;

pub use self::count::{Elsewhere, StratumCalls, summed};
pub use self::table::{Labelled, Stratum, in_folder, read_table};
