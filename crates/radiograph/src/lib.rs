#![forbid(unsafe_code)]
#![cfg_attr(
    not(feature = "readers"),
    allow(
        dead_code,
        reason = "what only readers of rare formats use of the common modules"
    )
)]
//! The bytes of an X-ray file, turned into one plane of brightness.
//!
//! A [`Radiograph`] is what every other part of the project calls an X-ray once it has been decoded: `height x width`
//! values from 0 (black) to 1 (white), upright, in grey, whatever the file was. This crate knows nothing of networks,
//! files or browsers; the same code runs natively and in WebAssembly.
//!
//! | to | use | feature |
//! | --- | --- | --- |
//! | read a file | [`Radiograph::decode`], within [`Limits`] by [`Radiograph::decode_with`] | none |
//! | read an archive or a CD | `archive::Archive` | `archive` |
//! | read TIFF, WebP, BMP, GIF, JPEG 2000 and JPEG-LS too | the same | `readers`, a default |
//! | do so in WebAssembly that is downloaded when it is needed | [`answer`] there, [`ask_with`] in a build without | `readers` |
//! | draw a radiograph without a patient | `phantom::phantom` | `phantom` |
//!
//! PNG, JPEG, WebP, BMP, GIF, TIFF, JPEG 2000 and DICOM are read: see [`Format`]. [`DecodeError`] says what is wrong with any other file,
//! and [`Caution`] why one that was read may be no frontal chest radiograph.
//!
//! # How do I ...
//!
//! ## ... read a file?
//!
//! ```
//! use radiograph::Radiograph;
//!
//! # #[cfg(feature = "phantom")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use radiograph::phantom::{self, Pattern};
//! # let bytes = phantom::png8(&phantom::phantom(Pattern::Clear, 1, 128))?;
//! // let bytes = std::fs::read("chest.png")?;
//! let radiograph = Radiograph::decode(&bytes)?;
//! assert_eq!(radiograph.luma().len(), (radiograph.width() * radiograph.height()) as usize);
//! assert_eq!(radiograph.source().format.to_string(), "PNG");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "phantom"))]
//! # fn main() {}
//! ```
//!
//! ## ... tell the user what is wrong with a file?
//!
//! ```
//! use radiograph::Radiograph;
//!
//! let error = Radiograph::decode(b"%PDF-1.7 ...").unwrap_err();
//! assert_eq!(error.code(), "unknown-format");
//! assert_eq!(error.to_string(), "The file is a PDF document, not an image in a format that can be read here.");
//! assert_eq!(error.advice(), "Choose a chest X-ray saved as DICOM, PNG, JPEG, WebP, BMP, TIFF or GIF.");
//! ```
//!
//! ## ... show it?
//!
//! [`Radiograph::to_rgba8`] is what a canvas takes, [`Radiograph::picture`] what an eye does.
//!
//! ## ... know what a DICOM file says of itself?
//!
//! [`Radiograph::dicom`] is what it says of the image, [`Radiograph::cautions`] why that may be no frontal chest radiograph.
//! Nothing of the patient is read. [`Radiograph::with_window`] shows other values of it.
//!
//! ## ... accept less than the defaults from strangers?
//!
//! [`Radiograph::decode_with`] takes [`Limits`]. They are checked against the header of a file before memory is taken
//! for its pixels.
//!
//! ## ... have a radiograph without a patient?
//!
//! The feature `phantom` adds a module that draws some, and encodes them in every format that can be read.
//!
//! ## ... read the files in an archive, or on a CD?
//!
//! The feature `archive` adds a module that finds them.
//!
//! # What is done to an image
//!
//! - The orientation that EXIF or TIFF gives is applied.
//! - Colour becomes brightness as in JPEG (Rec. 601). Where red, green and blue are equal, that value is kept exactly.
//! - Transparent pixels are composited over black.
//! - The viridis false colour of matplotlib, in which some data sets are published, is recognised and undone.
//! - Of an animation, and of several frames, the first picture is taken.
//! - Values of DICOM are shown in the window that the file asks for; without one, from the least to the greatest.
//! - 16-bit values are divided by 65535 and not stretched, so a 12-bit image stored in 16 bits looks dark here.

#[cfg(feature = "readers")]
mod answer;
#[cfg(feature = "archive")]
pub mod archive;
mod bytes;
mod caution;
mod decode;
mod dicom;
mod elsewhere;
mod error;
mod format;
mod header;
mod limits;
mod luma;
#[cfg(feature = "phantom")]
pub mod phantom;
mod plane;
mod radiograph;
mod reader;
mod sniff;
mod viridis;

#[cfg(feature = "readers")]
pub use answer::answer;
pub use caution::Caution;
pub use dicom::{Dicom, Laterality, Photometric, Window, WindowOrigin, WindowShape};
pub use elsewhere::Answer;
pub use elsewhere::ask::{Ask, ask_with};
pub use error::DecodeError;
pub use format::Format;
pub use limits::Limits;
pub use radiograph::{Radiograph, Source};
