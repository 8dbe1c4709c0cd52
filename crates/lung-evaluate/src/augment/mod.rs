//! Small random changes that a radiograph of the same patient could have had.

mod augmentation;
mod blur;
mod framing;
mod pose;
mod random;
mod tone;

pub use self::augmentation::Augmentation;
pub(crate) use self::blur::gaussian;
pub use self::framing::Framing;
pub(crate) use self::random::normal;
pub use self::tone::Tone;
