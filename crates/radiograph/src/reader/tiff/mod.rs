//! TIFF, in the variants that scanners, detectors and image programs write.
//!
//! The containers are read here, what is compressed in them by the crates that `image` reads with. `tiff`, through which `image` reads,
//! panics on tiles in planes, ignores FillOrder, and has no palettes, no 10, 12 or 14 bits and no YCbCr (image-rs/image#2530, #1977).

mod brightness;
mod chunks;
mod layout;
mod old_jpeg;
mod samples;
mod unpack;

use crate::header::directory::{Directory, File};
use crate::plane::Plane;
use crate::{DecodeError, Limits};
use brightness::plane_of;
use layout::{Layout, corrupt, tag};
use samples::Samples;

/// Returns the brightness in a TIFF file, and how many images it holds: that of the first one that is no reduced copy of another.
#[inline(never)]
pub(crate) fn decode_tiff(bytes: &[u8], limits: &Limits) -> Result<(Plane, u32), DecodeError> {
    let file = File::open(bytes).ok_or_else(|| corrupt("it has no header"))?;
    let (directory, pages) = choose(file)?;
    let layout = Layout::from_directory(directory, limits)?;
    let samples = Samples::decode(&layout, limits)?;
    Ok((plane_of(&samples, &layout, limits)?, pages))
}

/// The directory of the image to show, and how many images there are that are neither reduced copies nor masks.
fn choose(file: File<'_>) -> Result<(Directory<'_>, u32), DecodeError> {
    let mut directories = file.directories();
    let is_picture = |directory: &Directory<'_>| {
        let kind = directory.number(tag::NEW_SUBFILE_TYPE).unwrap_or(0);
        let old = directory.number(tag::SUBFILE_TYPE).unwrap_or(0);
        // Reduced, or a mask of another.
        kind & 0b101 == 0 && old != 2 && directory.number(tag::WIDTH).is_some()
    };
    // Some put the picture below its own thumbnail.
    if let Some(first) = directories.first().copied()
        && !is_picture(&first)
    {
        let below = first.values(tag::SUB_IFDS);
        let below = (0..below.len().min(16)).filter_map(|index| file.directory(below.get(index)?));
        directories.extend(below.collect::<Vec<_>>());
    }
    let pages = directories.iter().filter(|page| is_picture(page)).count();
    let side = |page: &Directory<'_>, tag| page.number(tag).unwrap_or(0);
    let mut pictures = directories.iter().filter(|page| is_picture(page));
    let mut chosen = pictures.next().or(directories.first());
    // A thumbnail that does not say that it is one: of the same shape as the next picture, and at most half as large.
    if let Some((first, second)) = chosen.zip(pictures.next()) {
        let (width, height) = (side(first, tag::WIDTH), side(first, tag::HEIGHT));
        let (wider, higher) = (side(second, tag::WIDTH), side(second, tag::HEIGHT));
        let turned = width
            .saturating_mul(higher)
            .abs_diff(height.saturating_mul(wider));
        if width.saturating_mul(2) <= wider
            && height.saturating_mul(2) <= higher
            && turned <= wider.max(higher)
        {
            chosen = Some(second);
        }
    }
    let chosen =
        *chosen.ok_or_else(|| corrupt("the directory of its image is missing or cut off"))?;
    Ok((chosen, u32::try_from(pages.max(1)).unwrap_or(u32::MAX)))
}
