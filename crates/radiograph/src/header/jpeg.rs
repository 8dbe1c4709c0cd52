//! What the markers of a JPEG stream say (ITU T.81, B.1), read before anything is decoded.

use super::directory;
use super::summary::{Fault, Header};
use crate::bytes::u16_be;
use crate::error::CUT_SHORT;

/// More scans than any encoder writes; each one makes the decoder walk over the whole image again.
const MAX_SCANS: usize = 100;

/// What the markers of a stream say.
#[derive(Debug, Default)]
pub(crate) struct Markers {
    dimensions: Option<(u32, u32)>,
    pub(crate) components: u64,
    progressive: bool,
    /// Whether a scan holds only some of the components.
    divided: bool,
    /// Whether components are sampled in a way that the fast decoder does not know: not the first most often, or not a whole number of
    /// times more often than another.
    uneven: bool,
    /// Whether the height stands behind the first scan.
    late_height: bool,
    /// Whether there is a marker of the end.
    pub(crate) ended: bool,
    pub(crate) scans: usize,
    pub(crate) orientation: Option<u8>,
    /// How many images the file says that it holds; 0 where it does not.
    pub(crate) images: u32,
    /// What Adobe's note says was done to the colours.
    pub(crate) transform: Option<u8>,
    /// The names of the first three components.
    pub(crate) names: [u8; 3],
}

impl Markers {
    /// Width and height in pixels.
    pub(crate) fn size(&self) -> (u32, u32) {
        self.dimensions.unwrap_or_default()
    }

    /// Whether the fast decoder cannot be relied on: see [`crate::reader`].
    pub(crate) fn rare(&self) -> bool {
        self.late_height
            || self.uneven
            // Subsampled components in scans of their own are read wrongly where all of it is one pass, and the tables of all of them
            // are asked for before the first (etemesi254/zune-image#449).
            || self.divided && !self.progressive
    }

    /// The bytes that decoding takes beside the pixels.
    pub(crate) fn working_bytes(&self) -> u64 {
        let (width, height) = self.size();
        // Up to 32 pixels of padding to whole blocks at each edge; 16-bit coefficients of every component. A row of blocks at a
        // time otherwise, with some room for interpolation.
        let (padded_width, padded_height) = (u64::from(width) + 32, u64::from(height) + 32);
        if self.rare() || !self.ended {
            // Of one component at a time its pixels too.
            return (2 * self.components + 1) * padded_width * padded_height;
        }
        let buffered = self.progressive || self.divided;
        let rows = if buffered { padded_height } else { 128 };
        2 * self.components * padded_width * rows
    }
}

/// Returns what the header of a stream says.
pub(super) fn examine(bytes: &[u8]) -> Result<Header, Fault> {
    let markers = walk(bytes)?;
    Ok(Header {
        dimensions: Some(markers.size()),
        working_bytes: markers.working_bytes(),
        orientation: markers.orientation,
        images: markers.images,
        rare: markers.rare(),
        endless: !markers.ended,
    })
}

/// Walks over the markers of a stream from its beginning to its end.
pub(crate) fn walk(bytes: &[u8]) -> Result<Markers, Fault> {
    let mut markers = Markers::default();
    let mut at = 2;
    // A stream that ends without saying so is looked at more closely by its decoder: fast ones fill what is missing with grey, and in
    // a radiograph that would be read as a finding.
    //
    // To the next marker: a run of FF and a byte that is neither FF nor 00, which means an FF in the data.
    let is_marker = |&byte: &u8| byte == 0xff;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| rest.iter().position(is_marker))
    {
        at += found;
        while bytes.get(at) == Some(&0xff) {
            at += 1;
        }
        let Some(&marker) = bytes.get(at) else {
            break;
        };
        at += 1;
        match marker {
            // Data, TEM, restarts, a second start: nothing follows that would have to be skipped.
            0x00 | 0x01 | 0xd0..=0xd8 => continue,
            0xd9 => {
                markers.ended = true;
                break;
            }
            _ => {}
        }
        let Some(length) = u16_be(bytes, at) else {
            break;
        };
        let Some(body) = bytes.get(at + 2..at + usize::from(length.max(2))) else {
            break;
        };
        markers.segment(marker, body)?;
        at += usize::from(length.max(2));
    }
    let Some((_, height)) = markers.dimensions else {
        return Err(if markers.ended {
            "it has no image"
        } else {
            CUT_SHORT
        }
        .into());
    };
    if markers.scans == 0 || height == 0 {
        return Err(if markers.ended && height > 0 {
            "it has no image"
        } else {
            CUT_SHORT
        }
        .into());
    }
    Ok(markers)
}

impl Markers {
    fn segment(&mut self, marker: u8, body: &[u8]) -> Result<(), Fault> {
        match marker {
            // Start of frame: precision, height, width, number of components.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf | 0xf7 => {
                if self.dimensions.is_some() {
                    return Err("it has more than one frame".into());
                }
                self.frame(marker, body)?;
            }
            // Start of scan: number of components in it.
            0xda => {
                self.scans += 1;
                if self.scans > MAX_SCANS {
                    return Err("it has too many scans".into());
                }
                let in_scan = u64::from(*body.first().ok_or(CUT_SHORT)?);
                self.divided |= in_scan < self.components;
            }
            // Number of lines, where it was not known at first.
            0xdc => {
                let lines = u32::from(u16_be(body, 0).ok_or(CUT_SHORT)?);
                if let Some((_, height)) = &mut self.dimensions
                    && lines > 0
                    && *height != lines
                {
                    *height = lines;
                    self.late_height = true;
                }
            }
            0xe1 if self.orientation.is_none() && body.starts_with(b"Exif\0\0") => {
                self.orientation = directory::exif_orientation(body);
            }
            0xe2 => {
                if let Some(directory) = body.strip_prefix(b"MPF\0") {
                    self.images = directory::images_of_multi_picture(directory);
                }
            }
            0xee if body.starts_with(b"Adobe") => self.transform = body.get(11).copied(),
            _ => {}
        }
        Ok(())
    }

    fn frame(&mut self, marker: u8, body: &[u8]) -> Result<(), Fault> {
        let precision = *body.first().ok_or(CUT_SHORT)?;
        let unsupported = |what: &str| Err(Fault::Unsupported(what.to_owned()));
        match marker {
            0xc0..=0xc2 => {}
            0xc3 => return unsupported("lossless JPEG"),
            0xf7 => return unsupported("JPEG-LS outside DICOM"),
            0xc5..=0xc7 => return unsupported("hierarchical JPEG"),
            0xcb => return unsupported("lossless JPEG with arithmetic coding"),
            _ => return unsupported("JPEG with arithmetic coding"),
        }
        if precision != 8 {
            return Err(Fault::Unsupported(format!(
                "JPEG of {precision} bits (precision {precision}, lossy)"
            )));
        }
        let (height, width) = u16_be(body, 1).zip(u16_be(body, 3)).ok_or(CUT_SHORT)?;
        self.dimensions = Some((u32::from(width), u32::from(height)));
        self.components = u64::from(*body.get(5).ok_or(CUT_SHORT)?);
        self.progressive = marker == 0xc2;
        let mut finest = (0, 0);
        for component in 0..self.components as usize {
            let &[name, factors, _] = body
                .get(6 + 3 * component..)
                .and_then(|rest| rest.first_chunk())
                .ok_or(CUT_SHORT)?;
            let (across, down) = (factors >> 4, factors & 15);
            if across == 0 || down == 0 {
                return Err("its channels contradict each other".into());
            }
            if component == 0 {
                finest = (across, down);
            }
            if let Some(place) = self.names.get_mut(component) {
                *place = name;
            }
            self.uneven |= !(finest.0.is_multiple_of(across) && finest.1.is_multiple_of(down));
        }
        Ok(())
    }
}
