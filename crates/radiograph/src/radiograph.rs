//! A decoded X-ray, and the pictures and windows that can be made of it.

use image::imageops::thumbnail;
use image::{ImageBuffer, Luma};
use serde::Serialize;

use crate::dicom::{Dicom, Greys};
use crate::{Caution, DecodeError, Format, luma};

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
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Row-major `[height * width]`, every value finite and within `0..=1`.
    pub(crate) luma: Vec<f32>,
    pub(crate) source: Source,
    /// Where there is more than brightness: what was stored, and what it means.
    pub(crate) greys: Option<Box<Greys>>,
    pub(crate) dicom: Option<Box<Dicom>>,
    pub(crate) cautions: Vec<Caution>,
}

impl Radiograph {
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
            let least = [width.min(self.width), height.min(self.height)];
            let shrunk = thumbnail(&image, least[0], least[1]).into_raw();
            let mix = |a, b, share| a + (b - a) * share;
            let luma = luma::enlarge(shrunk, least, [width, height], mix);
            (width, height, luma)
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
