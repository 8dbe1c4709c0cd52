#![forbid(unsafe_code)]
//! The bytes of an X-ray file, turned into one plane of brightness.
//!
//! A [`Radiograph`] is what every other part of the project calls an X-ray once it has been decoded: `height x width`
//! values from 0 (black) to 1 (white), upright, in grey, whatever the file was. This crate knows nothing of networks,
//! files or browsers; the same code runs natively and in WebAssembly.
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

#[cfg(feature = "archive")]
pub mod archive;
mod caution;
mod decode;
mod dicom;
mod error;
mod format;
mod header;
mod jpeg;
mod limits;
mod luma;
#[cfg(feature = "phantom")]
pub mod phantom;
mod tiff;
mod viridis;

pub use caution::Caution;
pub use dicom::{Dicom, Laterality, Photometric, Shape, Window, WindowOrigin};
pub use error::DecodeError;
pub use format::Format;
pub use limits::Limits;

use image::imageops::thumbnail;
use image::{ImageBuffer, Luma};
use serde::Serialize;

/// Where a [`Radiograph`] came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// The format of the file.
    pub format: Format,
    /// Bits of each channel of a pixel as decoded: 8, 16 or 32. Fewer than 8 in the file count as 8. Of grey in a DICOM file,
    /// as many as are stored.
    pub bits: u8,
    /// Whether the file was in the viridis false colour, which has been undone.
    pub false_colour: bool,
    /// The orientation that the file gave, as in EXIF: 1 is upright, up to 8. It has been applied.
    pub orientation: u8,
}

/// A decoded X-ray: one plane of brightness, upright.
#[derive(Debug, Clone, PartialEq)]
pub struct Radiograph {
    width: u32,
    height: u32,
    /// Row-major `[height * width]`, every value finite and within `0..=1`.
    luma: Vec<f32>,
    source: Source,
    /// Where there is more than brightness: what was stored, and what it means.
    greys: Option<Box<dicom::Greys>>,
    dicom: Option<Box<Dicom>>,
    cautions: Vec<Caution>,
}

impl Radiograph {
    /// Returns the radiograph in the bytes of an image file, decoded within [`Limits::default`].
    ///
    /// # Errors
    /// [`DecodeError`] says what is wrong with the file, and what to do about it.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_with(bytes, &Limits::default())
    }

    /// Returns the radiograph in the bytes of an image file, decoded within `limits`.
    ///
    /// # Errors
    /// [`DecodeError`] says what is wrong with the file, and what to do about it.
    pub fn decode_with(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        decode::decode(bytes, limits)
    }

    /// Returns a radiograph of `width` x `height` brightness values, row by row, from 0 (black) to 1 (white).
    ///
    /// Values outside are clamped. Neither size nor contents are judged, unlike in [`decode`](Self::decode): that is
    /// for files.
    ///
    /// # Errors
    /// [`DecodeError::BadLuma`] if there are not `width * height` values, none, or one that is not a number.
    pub fn from_luma(width: u32, height: u32, mut luma: Vec<f32>) -> Result<Self, DecodeError> {
        let expected = u64::from(width) * u64::from(height);
        if expected == 0 || luma.len() as u64 != expected {
            let found = luma.len();
            return Err(DecodeError::BadLuma {
                detail: format!("{width} x {height} pixels need {expected} values, not {found}"),
            });
        }
        if luma.iter().any(|value| value.is_nan()) {
            return Err(DecodeError::BadLuma {
                detail: "one of the values is not a number".to_owned(),
            });
        }
        for value in &mut luma {
            *value = value.clamp(0.0, 1.0);
        }
        let source = Source {
            format: Format::Luma,
            bits: 32,
            false_colour: false,
            orientation: 1,
        };
        Ok(Self {
            width,
            height,
            luma,
            source,
            greys: None,
            dicom: None,
            cautions: Vec::new(),
        })
    }

    /// Width in pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Brightness of every pixel, row by row from the top left: `[height * width]`, 0 is black and 1 is white.
    #[must_use]
    pub fn luma(&self) -> &[f32] {
        &self.luma
    }

    /// Where the radiograph came from.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What the file says of its image, where it is DICOM.
    #[must_use]
    pub fn dicom(&self) -> Option<&Dicom> {
        self.dicom.as_deref()
    }

    /// Why the file may not be a frontal chest radiograph, by what it says of itself. Only DICOM says anything.
    #[must_use]
    pub fn cautions(&self) -> &[Caution] {
        &self.cautions
    }

    /// Returns the radiograph with other values shown from black to white: `width` of them around `centre`, in the unit of
    /// [`Dicom::window`] and [`Dicom::range`], evenly.
    ///
    /// `None` for what has no such values (anything but grey DICOM), and where `centre` or `width` is not a number or `width`
    /// is not positive.
    ///
    /// It is the picture of [`picture`](Self::picture) that a slider should do this to: that is small.
    #[must_use]
    pub fn with_window(&self, centre: f64, width: f64) -> Option<Self> {
        let (window, luma) = self.greys.as_ref()?.windowed(centre, width)?;
        let mut dicom = self.dicom.clone()?;
        dicom.window = Some(window);
        Some(Self {
            width: self.width,
            height: self.height,
            luma,
            source: self.source.clone(),
            greys: self.greys.clone(),
            dicom: Some(dicom),
            cautions: self.cautions.clone(),
        })
    }

    /// Returns the pixels for a canvas: `[height * width * 4]` bytes of opaque red, green, blue, alpha.
    ///
    /// A radiograph that uses only part of the range, as 12 bits stored in 16 do, is as dark here as in
    /// [`luma`](Self::luma).
    #[must_use]
    pub fn to_rgba8(&self) -> Vec<u8> {
        let mut rgba = Vec::with_capacity(self.luma.len() * 4);
        for &value in &self.luma {
            let grey = luma::to_u8(value);
            rgba.extend_from_slice(&[grey, grey, grey, 255]);
        }
        rgba
    }

    /// Returns the radiograph made to be looked at: no side longer than `longest` pixels, and stretched to its own
    /// darkest and brightest pixel, so that 12 bits stored in 16 can be seen. Pixels that a DICOM file says are not square are
    /// drawn out to what they stand for.
    ///
    /// # Errors
    /// [`DecodeError::BadLuma`] never, unless the pixels do not fill the image, which no constructor allows.
    pub fn picture(&self, longest: u32) -> Result<Self, DecodeError> {
        // Pixels that are not square are drawn out, never pressed together.
        let aspect = self.dicom.as_ref().map_or(1.0, |dicom| dicom.pixel_aspect);
        let full = [
            f64::from(self.width) * (1.0 / aspect).max(1.0),
            f64::from(self.height) * aspect.max(1.0),
        ];
        let scale = f64::from(longest.max(1)) / full[0].max(full[1]);
        let [width, height] = full.map(|side| ((side * scale.min(1.0)).round() as u32).max(1));
        let redrawn = (width, height) != (self.width, self.height);
        let (width, height, mut luma) = if redrawn {
            let image = ImageBuffer::<Luma<f32>, _>::from_raw(self.width, self.height, &*self.luma)
                .ok_or_else(|| DecodeError::BadLuma {
                    detail: "the pixels do not fill the image".to_owned(),
                })?;
            (width, height, thumbnail(&image, width, height).into_raw())
        } else {
            (self.width, self.height, self.luma.clone())
        };
        let greys = match &self.greys {
            Some(greys) if redrawn => greys.shrunk(width, height).map(Box::new),
            greys => greys.clone(),
        };
        let (low, high) = luma.iter().fold((1.0f32, 0.0f32), |(low, high), &v| {
            (low.min(v), high.max(v))
        });
        if high > low {
            for value in &mut luma {
                *value = (*value - low) / (high - low);
            }
        }
        Ok(Self {
            width,
            height,
            luma,
            source: self.source.clone(),
            greys,
            dicom: self.dicom.clone().map(|mut dicom| {
                dicom.pixel_aspect = 1.0;
                dicom
            }),
            cautions: self.cautions.clone(),
        })
    }
}
