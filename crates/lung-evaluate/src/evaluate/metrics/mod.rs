//! How good a classifier is, with how far that can be trusted.

mod calibration;
mod calls;
mod curve;
mod evaluation;
mod mcnemar;
mod outcome;
mod shares;
#[cfg(test)]
mod tests;
mod trust;

pub use self::calibration::{BINS, Bin, CalibrationMetrics};
pub use self::calls::{Called, Calls, OriginTest, called};
pub use self::curve::{Curves, PrecisionRecallPoint, RocPoint, auroc};
pub use self::evaluation::{Evaluation, Loss, Tested};
pub use self::mcnemar::{mcnemar, p_in_words};
pub use self::outcome::Outcome;
pub(crate) use self::shares::Z95;
pub use self::shares::{ClassMetrics, Share, percent, share_of, wilson};
pub use self::trust::{
    Accepted, ForeignMetrics, RefusalMetrics, RiskCoverage, RiskPoint, SetMetrics,
};
