//! The model card: nothing in it but what was counted or measured.
//!
//! [`ModelCard`] has its figures, for programs as JSON. Its text is made of them alone, by the templates beside this file.

mod audits;
mod elsewhere;
mod figures;
mod limits;
mod share;
mod test;
#[cfg(test)]
mod tests;

pub use self::audits::{AuditRow, CardAudits};
pub use self::elsewhere::{CardElsewhere, ElsewhereRow};
pub use self::figures::{CalibrationData, DataRow, ModelCard, VERSION};
pub use self::limits::{
    DividedClass, FindingCount, FindingShare, FolderRecalls, Limits, SetPromise, Shortcut,
};
pub use self::share::ShareRow;
pub use self::test::{
    CalledRow, CardRefusals, CardSets, CardTest, ConfusionRow, FindingRow, ForeignTest,
    HeldOutTest, Probabilities, Together, WithinOrigin,
};
