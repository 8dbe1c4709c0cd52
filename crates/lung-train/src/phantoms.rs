//! A data folder of generated radiographs, to try everything out without a patient's image.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use radiograph::phantom::{Pattern, jpeg, phantom, png8};

use crate::finding::Finding;

/// Side of the generated images in pixels, as in the "Lung X-Ray Image Dataset".
const SIDE: u32 = 299;

/// JPEG quality of every second image.
const QUALITY: u8 = 92;

/// Writes `per_class` generated radiographs into each class folder of `out`, PNG and JPEG in turn.
///
/// They are no radiographs of anyone: a network learns to tell them apart, and learns nothing about lungs.
///
/// # Errors
/// A folder or file that cannot be written.
pub fn write_phantoms(out: &Path, per_class: u64, seed: u64) -> anyhow::Result<()> {
    for (finding, pattern) in Finding::ALL.into_iter().zip(Pattern::ALL) {
        let folder = out.join(finding.name());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for number in 0..per_class {
            let image = phantom(
                pattern,
                seed.wrapping_mul(1_000_003).wrapping_add(number),
                SIDE,
            );
            let (extension, bytes) = if number % 2 == 0 {
                ("png", png8(&image)?)
            } else {
                ("jpg", jpeg(&image, QUALITY)?)
            };
            let path = folder.join(format!("{}.{extension}", number + 1));
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}
