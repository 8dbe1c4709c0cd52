//! Looking into the files of a data set: pixels to train on, and images that are there twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use mobilenet_lung::Preprocessing;
use mobilenet_lung::bundle::sha256;
use radiograph::Radiograph;
use rayon::prelude::*;
use tracing::info;

use super::error::DataError;
use super::folds::folds;
use super::likeness::{Likeness, Print};
use super::listing::Listing;
use super::pixels::{Pixels, levels, read_bytes};
use crate::progress::Work;

/// What a file is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// Its size.
    pub(crate) bytes: u64,
    /// Hex digits of the sha256 of its bytes.
    pub(crate) sha256: String,
}

/// What was read of a data set's images.
#[derive(Debug)]
pub struct Reading {
    /// Those of the images that were to be kept.
    pub pixels: Pixels,
    /// Files that could not be read, and why.
    pub failures: Vec<(PathBuf, String)>,
    /// How many were tried.
    total: usize,
    /// What each file is known by, by example; `None` for one that was not tried or cannot be read at all.
    pub(crate) contents: Vec<Option<Content>>,
    prints: Vec<Option<Print>>,
}

/// What an image is recognised by, and its pixels if they are kept.
type Decoded = (Print, Option<Box<[u8]>>);

/// One file.
struct Read {
    content: Option<Content>,
    decoded: Result<Decoded, String>,
}

impl Reading {
    /// Reads the examples `wanted` of a data set on all cores. Pixels are kept of those for which `keep` holds; of the others,
    /// so of a test fold, nothing is left but what tells whether two images are alike.
    pub fn of(
        listing: &Listing,
        wanted: &[usize],
        keep: impl Fn(usize) -> bool + Sync,
        preprocessing: Preprocessing,
        progress: &Work,
    ) -> Self {
        let examples = &listing.dataset.examples;
        let mut reading = Self {
            pixels: Pixels {
                preprocessing,
                images: std::iter::repeat_with(|| None)
                    .take(examples.len())
                    .collect(),
            },
            failures: Vec::new(),
            total: 0,
            contents: vec![None; examples.len()],
            prints: vec![None; examples.len()],
        };
        reading.add(listing, wanted, keep, progress);
        reading
    }

    /// Reads some examples more, or again.
    fn add(
        &mut self,
        listing: &Listing,
        wanted: &[usize],
        keep: impl Fn(usize) -> bool + Sync,
        progress: &Work,
    ) {
        let preprocessing = self.pixels.preprocessing;
        let read: Vec<Read> = wanted
            .par_iter()
            .map(|&index| {
                let read = read(listing, index, keep(index), &preprocessing);
                progress.inc(1);
                read
            })
            .collect();
        self.total += read.len();
        for (&index, Read { content, decoded }) in wanted.iter().zip(read) {
            self.contents[index] = content;
            match decoded {
                Ok((print, pixels)) => {
                    self.prints[index] = Some(print);
                    self.pixels.images[index] = pixels;
                }
                Err(reason) => {
                    let path = listing.dataset.examples[index].path.clone();
                    self.failures.push((path, reason));
                }
            }
        }
    }

    /// Refuses files that could not be read.
    ///
    /// # Errors
    /// [`DataError::Unreadable`] names them.
    pub fn all_readable(&self) -> Result<(), DataError> {
        match self.failures.is_empty() {
            true => Ok(()),
            false => Err(DataError::Unreadable {
                failures: self.failures.clone(),
                total: self.total,
            }),
        }
    }

    /// Whether an example could be read.
    pub fn is_readable(&self, index: usize) -> bool {
        (self.prints.get(index)).is_some_and(Option::is_some)
    }

    /// Keeps the pixels of just those examples for which `keep` holds, now that folds are final: those of others are forgotten, and
    /// what is missing is read again.
    pub fn keep_pixels(&mut self, listing: &Listing, keep: impl Fn(usize) -> bool + Sync) {
        let mut missing = Vec::new();
        for index in 0..self.pixels.images.len() {
            if !keep(index) {
                self.pixels.images[index] = None;
            } else if self.is_readable(index) && self.pixels.images[index].is_none() {
                missing.push(index);
            }
        }
        self.add(listing, &missing, keep, &Work::hidden());
    }

    /// Makes images that are identical, or all but, one group, whose fold is what a table gives one of them, else goes by the first
    /// name. Returns lines for people on each.
    ///
    /// # Errors
    /// [`DataError::TwoClasses`] for an image that is in two classes, [`DataError::DividedDuplicates`] for images to which tables
    /// give different folds; with `allow_duplicates` they stay as they are, and are listed.
    pub fn join(
        &self,
        listing: &mut Listing,
        allow_duplicates: bool,
    ) -> Result<Vec<String>, DataError> {
        let files: Vec<Option<(&str, &Print)>> = (self.contents.iter().zip(&self.prints))
            .map(|(content, print)| Some((content.as_ref()?.sha256.as_str(), print.as_ref()?)))
            .collect();
        let found = Likeness::among(&files);
        let two_classes = in_two_classes(listing, &found);
        if !two_classes.is_empty() && !allow_duplicates {
            return Err(DataError::TwoClasses { found: two_classes });
        }
        let Joined { groups, divided } = Joined::of(listing, &found);
        if !divided.is_empty() && !allow_duplicates {
            return Err(DataError::DividedDuplicates { found: divided });
        }
        let lines = lines_on(listing, &found);
        for member in &mut listing.members {
            if let Some(group) = groups.get(&member.group) {
                member.group.clone_from(group);
            }
        }
        let folds = folds(&listing.members)?;
        for ((example, member), fold) in
            (listing.dataset.examples.iter_mut().zip(&listing.members)).zip(folds)
        {
            example.group.clone_from(&member.group);
            example.fold = fold;
        }
        listing.hold_back();
        Ok(lines)
    }
}

/// How many files of a set of identical ones are named.
const SHOWN: usize = 6;

/// Some images of a set of identical ones, with their findings.
fn in_words(listing: &Listing, set: &[usize]) -> String {
    let called = |index: &usize| {
        let finding = listing.dataset.id(listing.dataset.examples[*index].finding);
        format!("{} ({finding})", listing.members[*index].called)
    };
    let names: Vec<String> = set.iter().take(SHOWN).map(called).collect();
    match set.len().saturating_sub(SHOWN) {
        0 => names.join(" = "),
        more => format!("{} and {more} more", names.join(" = ")),
    }
}

/// Identical images that are in two classes, a line for each set.
fn in_two_classes(listing: &Listing, found: &Likeness) -> Vec<String> {
    let finding = |index: usize| listing.dataset.examples[index].finding;
    (found.identical.iter())
        .filter(|set| set.iter().any(|index| finding(*index) != finding(set[0])))
        .map(|set| in_words(listing, set))
        .collect()
}

/// Lines for people on images that are alike.
fn lines_on(listing: &Listing, found: &Likeness) -> Vec<String> {
    let identical =
        (found.identical.iter()).map(|set| format!("identical: {}", in_words(listing, set)));
    let group = |index: usize| &listing.members[index].group;
    let alike = (found.alike.iter())
        .filter(|(a, b)| group(*a) != group(*b))
        .map(|(a, b)| format!("all but identical: {}", in_words(listing, &[*a, *b])));
    identical.chain(alike).collect()
}

/// Groups that have images in common.
struct Joined {
    /// The group that each becomes part of.
    groups: BTreeMap<String, String>,
    /// Images that are alike although tables give them different folds, a line for each set. Their groups stay as they are.
    divided: Vec<String>,
}

impl Joined {
    fn of(listing: &Listing, found: &Likeness) -> Self {
        let examples = &listing.dataset.examples;
        let sets: Vec<Vec<usize>> = (found.identical.iter().cloned())
            .chain(found.alike.iter().map(|(a, b)| vec![*a, *b]))
            .collect();
        let mut joined = Self {
            groups: BTreeMap::new(),
            divided: Vec::new(),
        };
        for groups in clusters(&sets, |index| listing.members[index].group.as_str()) {
            let of_cluster =
                |index: &usize| groups.contains(listing.members[*index].group.as_str());
            let given: BTreeSet<usize> = (0..examples.len())
                .filter(of_cluster)
                .filter_map(|index| listing.members[index].given)
                .collect();
            if given.len() < 2 {
                let first = groups.first().copied().unwrap_or_default();
                let members = groups.iter();
                (joined.groups)
                    .extend(members.map(|group| ((*group).to_owned(), first.to_owned())));
                continue;
            }
            let of_sets = sets.iter().filter(|set| set.iter().any(of_cluster));
            joined.divided.extend(of_sets.map(|set| {
                let names = set.iter().take(SHOWN).map(|index| {
                    let fold = examples[*index].fold;
                    format!("{} (fold {fold})", listing.members[*index].called)
                });
                names.collect::<Vec<_>>().join(" = ")
            }));
        }
        joined
    }
}

/// Reads and decodes one file.
fn read(listing: &Listing, index: usize, keep: bool, preprocessing: &Preprocessing) -> Read {
    let bytes = match read_bytes(&listing.dataset.examples[index].path) {
        Ok(bytes) => bytes,
        Err(error) => {
            return Read {
                content: None,
                decoded: Err(error.to_string()),
            };
        }
    };
    let decoded = Radiograph::decode(&bytes).map_err(|error| error.to_string());
    Read {
        content: Some(Content {
            bytes: bytes.len() as u64,
            sha256: sha256(&bytes),
        }),
        decoded: decoded.map(|radiograph| {
            let reduced = preprocessing.reduce(&radiograph);
            let print = Print::of(&radiograph, &reduced, preprocessing.detail);
            (print, keep.then(|| levels(&reduced)))
        }),
    }
}

/// Groups that have images of one set in common, put together as far as that goes; none of a single group.
fn clusters<'a>(sets: &[Vec<usize>], group: impl Fn(usize) -> &'a str) -> Vec<BTreeSet<&'a str>> {
    let mut clusters: Vec<BTreeSet<&str>> = Vec::new();
    let mut place_of: BTreeMap<&str, usize> = BTreeMap::new();
    for set in sets {
        let groups: BTreeSet<&str> = set.iter().map(|index| group(*index)).collect();
        if groups.len() < 2 {
            continue;
        }
        let touched: BTreeSet<usize> = groups
            .iter()
            .filter_map(|g| place_of.get(g))
            .copied()
            .collect();
        let mut merged = groups;
        for place in touched {
            merged.append(&mut clusters[place]);
        }
        for group in &merged {
            place_of.insert(group, clusters.len());
        }
        clusters.push(merged);
    }
    clusters.retain(|cluster| !cluster.is_empty());
    clusters
}

/// How many lines on images that are alike are shown.
const LISTED: usize = 20;

/// Tells people of images that are alike.
pub fn tell_copies(lines: &[String]) {
    for line in lines.iter().take(LISTED) {
        info!("{line}");
    }
    if lines.len() > LISTED {
        info!("and {} more", lines.len() - LISTED);
    }
    if !lines.is_empty() {
        info!(
            "images that are identical, or all but, are one group: none is tested on that has a copy among those trained on"
        );
    }
}
