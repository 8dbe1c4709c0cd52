//! Auditing a model on the images of a data set.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use mobilenet_lung::Classifier;
use radiograph::Radiograph;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::changes::Change;
use super::group::{Call, Found, Group, GroupAudit};
use super::hidden::{self, Remains};
use super::probe::{Probe, Sample, probe};
use super::spectrum::{SIDE, Spectrum};
use crate::data::{Dataset, Example, Shown as _, read_radiograph};
use crate::progress::{Work, begin};

/// Which images a model is audited on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Only this fold.
    pub fold: Option<usize>,
    /// At most this many of each group, drawn at random but always the same.
    pub per_group: Option<usize>,
}

/// The audit of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// Id of the model.
    pub model: String,
    /// Data folders and fold, in words.
    pub split: String,
    /// By finding, origin and data folder.
    pub groups: Vec<GroupAudit>,
    /// What can be told from embeddings.
    pub probes: Vec<Probe>,
    /// Images that could not be read, or not be changed, with the reason.
    pub unreadable: Vec<(String, String)>,
}

impl Audit {
    /// Audits a classifier on the images of a data set.
    ///
    /// # Errors
    /// No image that is wanted and can be read.
    pub fn run(classifier: &Classifier, dataset: &Dataset, wanted: Wanted) -> anyhow::Result<Self> {
        let of_group = choose(dataset, wanted);
        let indices: Vec<usize> = of_group.values().flatten().copied().collect();
        let fold = match wanted.fold {
            Some(fold) => format!("fold {fold}"),
            None => "all folds".to_owned(),
        };
        ensure!(
            !indices.is_empty(),
            "{fold} of {} has no image to audit on",
            dataset.name()
        );
        let progress = begin(2 * indices.len(), "auditing");
        let mean = mean_amplitudes(dataset, &indices, &progress);
        let results: Vec<Result<Found, (String, String)>> = indices
            .par_iter()
            .map(|index| {
                let example = &dataset.examples[*index];
                let found = look_at(classifier, example, *index, &mean)
                    .map_err(|reason| (example.file.clone(), reason));
                progress.inc(1);
                found
            })
            .collect();
        progress.finish_and_clear();
        let mut found: BTreeMap<usize, Found> = BTreeMap::new();
        let mut unreadable = Vec::new();
        for result in results {
            match result {
                Ok(image) => {
                    found.insert(image.index, image);
                }
                Err(failure) => unreadable.push(failure),
            }
        }
        ensure!(!found.is_empty(), "none of the images could be read");
        let groups = (of_group.into_iter())
            .map(|(group, indices)| {
                let images: Vec<&Found> = indices.iter().filter_map(|i| found.get(i)).collect();
                GroupAudit::new(group, &images)
            })
            .filter(|group| group.images > 0)
            .collect();
        let amount = match wanted.per_group {
            Some(most) => format!(", at most {most} of a group"),
            None => String::new(),
        };
        Ok(Self {
            model: classifier.id().to_owned(),
            split: format!("{}, {fold}{amount}", dataset.name()),
            groups,
            probes: probes(dataset, &found),
            unreadable,
        })
    }

    /// Reads what `lung audit --json` wrote.
    ///
    /// # Errors
    /// A file that cannot be read, or is no audit.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the audit {}", path.shown()))?;
        serde_json::from_str(&text).with_context(|| {
            format!(
                "{} is no audit; `lung audit --json` writes one",
                path.shown()
            )
        })
    }

    /// Reads several, all of the same images.
    ///
    /// # Errors
    /// As [`read`](Self::read), and audits of different images, which say nothing of each other.
    pub fn read_all(paths: &[impl AsRef<Path>]) -> anyhow::Result<Vec<Self>> {
        let audits: Vec<Self> = (paths.iter())
            .map(|path| Self::read(path.as_ref()))
            .collect::<anyhow::Result<_>>()?;
        for pair in audits.windows(2) {
            let [one, other] = [&pair[0], &pair[1]].map(|audit| &audit.split);
            ensure!(
                one == other,
                "one audit is of {one}, another of {other}: audit all models on the same images"
            );
        }
        Ok(audits)
    }
}

/// The images that are wanted, by group.
fn choose(dataset: &Dataset, wanted: Wanted) -> BTreeMap<Group, Vec<usize>> {
    let mut of_group: BTreeMap<Group, Vec<usize>> = BTreeMap::new();
    for (index, example) in dataset.examples.iter().enumerate() {
        if example.is_tested(wanted.fold) {
            of_group
                .entry(Group::of(dataset, example))
                .or_default()
                .push(index);
        }
    }
    if let Some(most) = wanted.per_group {
        for indices in of_group.values_mut() {
            indices.shuffle(&mut ChaCha8Rng::seed_from_u64(0));
            indices.truncate(most);
            indices.sort_unstable();
        }
    }
    of_group
}

/// The mean amplitude of each frequency over the images that can be read, `[SIDE * SIDE]`.
fn mean_amplitudes(dataset: &Dataset, indices: &[usize], progress: &Work) -> Vec<f32> {
    // In fixed parts, so that sums do not depend on the number of threads.
    let parts: Vec<Vec<f64>> = indices
        .par_chunks(64)
        .map(|part| {
            let mut sum = vec![0.0; SIDE * SIDE];
            for index in part {
                let square = read_radiograph(&dataset.examples[*index].path)
                    .and_then(|radiograph| hidden::square_of(&radiograph));
                if let Ok(square) = square {
                    for (sum, value) in sum.iter_mut().zip(Spectrum::of(&square).amplitudes()) {
                        *sum += f64::from(value);
                    }
                }
                progress.inc(1);
            }
            sum
        })
        .collect();
    (0..SIDE * SIDE)
        .map(|place| {
            let sum: f64 = parts.iter().map(|part| part[place]).sum();
            (sum / indices.len() as f64) as f32
        })
        .collect()
}

/// Everything that the classifier says of an image, its changes and what is left of it.
fn look_at(
    classifier: &Classifier,
    example: &Example,
    index: usize,
    mean: &[f32],
) -> Result<Found, String> {
    let radiograph = read_radiograph(&example.path)?;
    let call = Call::of(classifier, &radiograph)?;
    let embedding =
        pollster::block_on(classifier.embedding(&radiograph)).map_err(|error| error.to_string())?;
    let mut changed = BTreeMap::new();
    for change in Change::ALL {
        // One that the decoder refuses counts as changed, as a file that nobody can read would.
        if let Ok(other) = change.apply(&radiograph) {
            changed.insert(change, Call::of(classifier, &other)?);
        }
    }
    let mut remains = BTreeMap::new();
    for left in Remains::ALL {
        remains.insert(left, Call::of(classifier, &left.of(&radiograph, mean)?)?);
    }
    Ok(Found {
        index,
        call,
        changed,
        remains,
        embedding,
        format: format_of(&example.path, &radiograph),
    })
}

/// What a file is like, whatever it shows.
fn format_of(path: &Path, radiograph: &Radiograph) -> String {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase());
    let longer = radiograph.width().max(radiograph.height());
    let shape = match radiograph.width() == radiograph.height() {
        true => "square",
        false => "not square",
    };
    format!(
        "{}, {shape}, longer side {longer}",
        extension.unwrap_or_default()
    )
}

/// What can be told from the embeddings: folder, format and origin among all images, and folder and format among those of
/// one finding and origin, where what is told is nothing else.
fn probes(dataset: &Dataset, found: &BTreeMap<usize, Found>) -> Vec<Probe> {
    let samples = |class: &dyn Fn(&Example, &Found) -> String,
                   wanted: &dyn Fn(&Example) -> bool|
     -> Vec<Sample<'_>> {
        (found.values())
            .filter(|image| wanted(&dataset.examples[image.index]))
            .map(|image| {
                let example = &dataset.examples[image.index];
                Sample {
                    embedding: &image.embedding,
                    class: class(example, image),
                    fold: example.fold,
                }
            })
            .collect()
    };
    let folder = |example: &Example, _: &Found| example.source.clone();
    let format = |_: &Example, image: &Found| image.format.clone();
    let origin = |example: &Example, _: &Found| example.origin.clone();
    let all = |_: &Example| true;
    let mut probes = vec![
        probe("folder".to_owned(), &samples(&folder, &all)),
        probe("format".to_owned(), &samples(&format, &all)),
        probe("origin".to_owned(), &samples(&origin, &all)),
    ];
    let mut kinds: Vec<(&str, usize, usize)> = (found.keys())
        .map(|index| &dataset.examples[*index])
        .map(|example| (example.origin.as_str(), example.finding, example.class))
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    for (of, _, class) in kinds {
        let wanted = |example: &Example| example.origin == of && example.class == class;
        let among = format!("{of} {}", dataset.classes[class].label(&dataset.findings));
        probes.push(probe(
            format!("folder among {among}"),
            &samples(&folder, &wanted),
        ));
        probes.push(probe(
            format!("format among {among}"),
            &samples(&format, &wanted),
        ));
    }
    probes.into_iter().flatten().collect()
}
