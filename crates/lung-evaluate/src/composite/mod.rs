//! Composite radiographs: the average of many similar ones, which shows no patient and looks like a radiograph.
//!
//! A composite is a sample that may be published. It is made in four steps:
//! 1. `members` lists the images of one finding and one origin, with the patient of each.
//! 2. `nearest` finds the images that resemble a seed image most, one a patient.
//! 3. `register` moves each over the seed: shift, scale and rotation.
//! 4. `average` takes the middle half of the values at each pixel, so that no single image adds a letter or a marker.

mod average;
mod catalogue;
mod error;
mod make;
mod members;
mod nearest;
mod options;
mod register;

pub use self::catalogue::Sample;
pub use self::error::CompositeError;
pub use self::make::composite;
pub use self::options::{CompositeOptions, LEAST};
