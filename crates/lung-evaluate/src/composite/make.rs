//! From a data folder to a composite.

use std::fs;
use std::path::Path;

use radiograph::{Radiograph, phantom};
use rayon::prelude::*;

use super::average;
use super::catalogue::{self, Sample};
use super::error::CompositeError;
use super::members::{Member, Members};
use super::nearest::{self, Thumbnail, cluster};
use super::options::{CompositeOptions, LEAST};
use super::register::{Motion, warp};
use crate::data::read_radiograph;
use crate::files::write_atomically;

/// How many times as many images are registered as are averaged: the best are kept.
const SPARE: usize = 4;

/// Widths of a composite: below, the network sees less than it reads; above, there are no more pixels in most data sets.
const SIDES: std::ops::RangeInclusive<u32> = 64..=1024;

/// JPEG quality of a composite. An average has no fine detail that more would keep.
const QUALITY: u8 = 88;

/// Makes a composite: a JPEG file, a text file beside it, and its entry in the folder's `index.json`.
///
/// # Errors
/// Too few patients, no such finding or origin or seed, images that cannot be read, a folder that cannot be written.
pub fn composite(options: &CompositeOptions) -> Result<Sample, CompositeError> {
    if options.images < LEAST {
        return Err(CompositeError::TooFewImages {
            asked: options.images,
        });
    }
    if !SIDES.contains(&options.side) {
        return Err(CompositeError::Side(options.side));
    }
    let members = Members::of(&options.data, &options.finding, &options.origin)?;
    members.require(options.images)?;
    let thumbnails = thumbnails(&members.list)?;
    let seed = match &options.seed {
        Some(file) => members.seed(file)?,
        None => nearest::densest(&members.list, &thumbnails, options.images),
    };
    let chosen = choose(&members.list, &thumbnails, seed, options.images);
    let layers = layers(&members.list, &chosen, options.side)?;
    let picture = Radiograph::from_luma(options.side, options.side, average::average(layers)?)
        .map_err(|error| CompositeError::Picture(error.to_string()))?;
    let bytes = phantom::jpeg(&picture, QUALITY)
        .map_err(|error| CompositeError::Picture(error.to_string()))?;
    let sample = Sample::new(options, &members, seed, chosen.len())?;
    save(&options.out, &sample, &bytes)?;
    Ok(sample)
}

/// A small, standardised copy of each image.
fn thumbnails(members: &[Member]) -> Result<Vec<Thumbnail>, CompositeError> {
    members
        .par_iter()
        .map(|member| read(member).map(|radiograph| Thumbnail::of(&radiograph)))
        .collect()
}

fn read(member: &Member) -> Result<Radiograph, CompositeError> {
    read_radiograph(&member.path).map_err(|reason| CompositeError::Unreadable {
        path: member.path.clone(),
        reason,
    })
}

/// The images that fit the seed best once they are registered, with their motions; the seed is the first.
fn choose(
    members: &[Member],
    thumbnails: &[Thumbnail],
    seed: usize,
    images: usize,
) -> Vec<(usize, Motion)> {
    let candidates = cluster(members, thumbnails, seed, images * SPARE);
    let mut fits: Vec<(f32, usize, Motion)> = candidates
        .into_par_iter()
        .map(|index| match index == seed {
            true => (f32::INFINITY, index, Motion::default()),
            false => {
                let (motion, fit) = Motion::between(&thumbnails[seed], &thumbnails[index]);
                (fit, index, motion)
            }
        })
        .collect();
    fits.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    fits.truncate(images);
    (fits.into_iter())
        .map(|(_, index, motion)| (index, motion))
        .collect()
}

/// The chosen images, moved over the seed: `side * side` brightnesses each.
fn layers(
    members: &[Member],
    chosen: &[(usize, Motion)],
    side: u32,
) -> Result<Vec<Vec<f32>>, CompositeError> {
    chosen
        .par_iter()
        .map(|(index, motion)| Ok(warp(&read(&members[*index])?, motion, side as usize)))
        .collect()
}

/// Writes the picture, its text and its entry in the index.
fn save(out: &Path, sample: &Sample, bytes: &[u8]) -> Result<(), CompositeError> {
    let cannot = |path: &Path, reason: String| CompositeError::Write {
        path: path.to_owned(),
        reason,
    };
    fs::create_dir_all(out).map_err(|error| cannot(out, error.to_string()))?;
    let mut index = catalogue::Index::read(out)?;
    index.put(sample.clone());
    for (name, bytes) in [
        (sample.file.clone(), bytes.to_vec()),
        (sample.text_file(), sample.text().into_bytes()),
        (catalogue::INDEX.to_owned(), index.json()?.into_bytes()),
    ] {
        let path = out.join(name);
        write_atomically(&path, &bytes).map_err(|error| cannot(&path, format!("{error:#}")))?;
    }
    Ok(())
}
