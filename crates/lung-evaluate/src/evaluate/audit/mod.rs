//! What a score is made of: whether calls stay when a radiograph changes that shows the same, what is still right when most of
//! it is hidden, and what an embedding knows that it should not.

mod changes;
mod dicom;
mod group;
mod hidden;
mod probe;
mod run;
mod spectrum;

pub use self::changes::Change;
pub use self::group::{Group, GroupAudit, Remaining};
pub use self::hidden::Remains;
pub use self::probe::Probe;
pub use self::run::{Audit, Wanted};
