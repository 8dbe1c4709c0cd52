//! Pixels in memory, as training wants them.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use mobilenet_lung::Preprocessing;
use radiograph::{Limits, Radiograph};
use rayon::prelude::*;

use crate::progress::Work;

/// Reduced, stretched 8-bit pixels of many examples, held in memory: `detail * detail` bytes each.
#[derive(Debug)]
pub struct Pixels {
    /// How pixels were made and become inputs.
    pub preprocessing: Preprocessing,
    /// By example.
    pub(super) images: Vec<Option<Box<[u8]>>>,
}

impl Pixels {
    /// Reads files on all cores; beside them how many cannot be read.
    pub fn of_files(
        files: &[PathBuf],
        preprocessing: Preprocessing,
        progress: &Work,
    ) -> (Self, usize) {
        let images: Vec<Option<Box<[u8]>>> = files
            .par_iter()
            .map(|path| {
                let radiograph = read_radiograph(path);
                progress.inc(1);
                Some(levels(&preprocessing.reduce(&radiograph.ok()?)))
            })
            .collect();
        let unreadable = images.iter().filter(|image| image.is_none()).count();
        let pixels = Self {
            preprocessing,
            images,
        };
        (pixels, unreadable)
    }

    /// `[detail * detail]` grey levels of an example; `None` if it was not loaded or could not be read.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.images.get(index)?.as_deref()
    }
}

/// Intensities from 0 to 1 as grey levels. Half a level is well under the noise of an 8-bit JPEG.
pub(super) fn levels(intensities: &[f32]) -> Box<[u8]> {
    (intensities.iter())
        .map(|value| (value * 255.0).round() as u8)
        .collect()
}

/// The bytes of a file, or a few more than a decoder takes where it has too many.
pub(crate) fn read_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    // One byte more than is allowed, so that the decoder sees a file that is too large without all of it being read.
    let most = Limits::default().max_bytes + 1;
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads and decodes one file.
///
/// # Errors
/// One sentence of what is wrong with it.
pub fn read_radiograph(path: &Path) -> Result<Radiograph, String> {
    let bytes = read_bytes(path).map_err(|error| error.to_string())?;
    Radiograph::decode(&bytes).map_err(|error| error.to_string())
}
