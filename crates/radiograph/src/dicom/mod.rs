//! DICOM, as hospitals have it: the first frame of a file, what the file says of it, and nothing of the patient.

mod bits;
mod body;
mod codec;
mod colour;
mod element;
mod elements;
mod facts;
mod file;
mod flaw;
mod frame;
mod goodwill;
mod greys;
mod layout;
mod no_image;
mod pixels;
mod repairs;
mod subject;
mod syntax;
mod table;
mod window;

pub(crate) use body::is_within;
#[cfg(feature = "readers")]
pub(crate) use codec::decode_samples;
pub use facts::{Dicom, Laterality};
pub(crate) use file::{Decoded, decode_dicom};
pub(crate) use greys::Greys;
pub use layout::Photometric;
pub use window::{Window, WindowOrigin, WindowShape};
