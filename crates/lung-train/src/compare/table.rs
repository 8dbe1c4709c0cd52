//! What a comparison comes to, for programs; `markdown` has it for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use burn::tensor::Device;
use mobilenet_lung::Findings;
use mobilenet_lung::network::BatchNorms;
use serde::{Deserialize, Serialize};

use super::cell::Outcome;
use super::elsewhere::{KindElsewhere, kinds};
use super::measure::inference_ms;
use super::options::StartKind;
use super::protocol::Protocol;
use super::recipe::Recipe;
use super::store::Begun;
use crate::data::Shown as _;
use crate::evaluate::metrics::{Calls, mcnemar, wilson};
use crate::files::write_atomically;
use crate::networks::{Architecture, Network};

/// A comparison: a part for each start and division of the images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Name of the data folder.
    pub data: String,
    /// How all were trained.
    pub recipe: Recipe,
    /// Seeds.
    pub seeds: Vec<u64>,
    /// Folds of each division.
    pub folds: Vec<usize>,
    /// The network that the others are held against.
    pub reference: Architecture,
    /// The parts.
    pub parts: Vec<Part>,
}

/// All networks on one division of the images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Where they start.
    pub start: StartKind,
    /// How images are divided.
    pub protocol: Protocol,
    /// The same for people.
    pub division: String,
    /// Images trained on and tested on, of all folds together.
    pub images: [usize; 2],
    /// A network each.
    pub rows: Vec<Row>,
    /// What they call images of other hospitals, if they were asked.
    #[serde(default)]
    pub elsewhere: Vec<KindElsewhere>,
}

/// One network in one part. Shares are means over the seeds, of all folds' test images together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The network.
    pub network: Architecture,
    /// The same for people.
    pub title: String,
    /// Where its weights came from, for people.
    pub start: String,
    /// Share called rightly.
    pub accuracy: f64,
    /// The 95% Wilson score interval for as many images as there are, each counted once however many seeds.
    pub interval: [f64; 2],
    /// Share called rightly with each seed.
    pub accuracy_by_seed: Vec<f64>,
    /// Mean of the F1 scores of the findings.
    pub macro_f1: f64,
    /// Of the images that show a finding, the share called so.
    pub recall: BTreeMap<String, f64>,
    /// Size and speed.
    pub size: Size,
    /// Against the reference, with each seed; empty for the reference itself.
    pub versus: Vec<Versus>,
    /// Mean wall clock of a cell, in seconds.
    pub seconds: f64,
}

/// How large and how fast a network is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// Numbers that are trained.
    pub parameters: usize,
    /// Multiply-adds of convolutions and linear layers for one image.
    pub multiply_adds: u64,
    /// Bytes of all its weights in f16.
    pub bytes: usize,
    /// One image to its logits on this machine, in milliseconds: the median.
    pub inference_ms: f64,
}

/// McNemar's exact test of a network against the reference, on the same images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Versus {
    /// Of both.
    pub seed: u64,
    /// Images that only the reference calls rightly.
    pub only_reference: usize,
    /// Images that only this network calls rightly.
    pub only_this: usize,
    /// Two-sided.
    pub p: f64,
}

/// A network's outcomes: the folds of each seed.
type BySeed<'a> = BTreeMap<u64, Vec<&'a Outcome>>;

/// Makes the table of cells, in which the networks are held against `reference`.
///
/// A start makes a part where the reference has it. A network without a pretrained start is there with its start from scratch. Folds that a
/// network of the part was not tested on with each of its seeds do not count.
pub(super) fn make(
    out: &Path,
    begun: &Begun,
    cells: &[Outcome],
    networks: &[Architecture],
    reference: Architecture,
) -> anyhow::Result<Table> {
    let protocols: BTreeSet<Protocol> = cells.iter().map(|cell| cell.cell.protocol).collect();
    let mut parts = Vec::new();
    for start in [StartKind::Best, StartKind::Scratch] {
        for &protocol in &protocols {
            let has = |pretrained: bool| {
                let mut of_part = cells.iter().filter(|cell| cell.cell.protocol == protocol);
                of_part.any(|cell| {
                    cell.cell.pretrained == pretrained
                        && (pretrained || cell.cell.network == reference)
                })
            };
            if !has(start == StartKind::Best) {
                continue;
            }
            let mut rows = rows_of(cells, networks, start, protocol);
            keep_common_folds(&mut rows);
            let Some((_, first)) = rows.iter().find(|(network, _)| *network == reference) else {
                continue;
            };
            let images = first.values().next().map_or([0; 2], |folds| {
                folds.iter().fold([0; 2], |[train, test], fold| {
                    [train + fold.images[0], test + fold.images[2]]
                })
            });
            ensure!(
                images[1] > 0,
                "no fold of the {} protocol was finished for every network",
                protocol.name()
            );
            let cells_of_rows: Vec<Vec<&Outcome>> = (rows.iter())
                .map(|(_, own)| own.values().flatten().copied().collect())
                .collect();
            let rows = (rows.iter())
                .map(|(network, own)| {
                    let norms = (own.values().flatten().map(|cell| cell.norms()))
                        .find(|norms| *norms == BatchNorms::Folded)
                        .unwrap_or(BatchNorms::Kept);
                    let size = size(out, &begun.recipe, *network, norms)?;
                    row(
                        *network,
                        own,
                        (*network != reference).then_some(first),
                        size,
                    )
                })
                .collect::<anyhow::Result<Vec<_>>>()?;
            parts.push(Part {
                start,
                protocol,
                division: protocol.title(begun.grouped),
                images,
                rows,
                elsewhere: kinds(&cells_of_rows),
            });
        }
    }
    let seeds: BTreeSet<u64> = cells.iter().map(|cell| cell.cell.seed).collect();
    let folds: BTreeSet<usize> = cells.iter().map(|cell| cell.cell.fold).collect();
    Ok(Table {
        data: begun.data_name.clone(),
        recipe: begun.recipe.clone(),
        seeds: seeds.into_iter().collect(),
        folds: folds.into_iter().collect(),
        reference,
        parts,
    })
}

/// The networks of a part that have cells, with these.
fn rows_of<'a>(
    cells: &'a [Outcome],
    networks: &[Architecture],
    start: StartKind,
    protocol: Protocol,
) -> Vec<(Architecture, BySeed<'a>)> {
    let of = |network: Architecture, pretrained: bool| -> BySeed<'a> {
        let mut own = BySeed::new();
        for outcome in cells {
            let cell = outcome.cell;
            if (cell.network, cell.pretrained, cell.protocol) == (network, pretrained, protocol) {
                own.entry(cell.seed).or_default().push(outcome);
            }
        }
        for folds in own.values_mut() {
            folds.sort_by_key(|outcome| outcome.cell.fold);
        }
        own
    };
    (networks.iter())
        .map(|&network| match start {
            StartKind::Best if !of(network, true).is_empty() => (network, of(network, true)),
            _ => (network, of(network, false)),
        })
        .filter(|(_, own)| !own.is_empty())
        .collect()
}

/// Leaves out the folds that some network was not tested on with each of its seeds.
fn keep_common_folds(rows: &mut [(Architecture, BySeed<'_>)]) {
    let mut common: Option<BTreeSet<usize>> = None;
    for folds in rows.iter().flat_map(|(_, own)| own.values()) {
        let own: BTreeSet<usize> = folds.iter().map(|outcome| outcome.cell.fold).collect();
        common = Some(match common {
            None => own,
            Some(common) => common.intersection(&own).copied().collect(),
        });
    }
    let common = common.unwrap_or_default();
    for folds in rows.iter_mut().flat_map(|(_, own)| own.values_mut()) {
        folds.retain(|outcome| common.contains(&outcome.cell.fold));
    }
}

fn row(
    network: Architecture,
    outcomes: &BySeed<'_>,
    reference: Option<&BySeed<'_>>,
    size: Size,
) -> anyhow::Result<Row> {
    let findings = Findings::lung_xray();
    let calls: Vec<Calls> = (outcomes.values())
        .map(|folds| {
            let tested = folds.iter().flat_map(|fold| &fold.tested);
            Calls::new(&findings, tested.map(|image| (image.truth, image.called)))
        })
        .collect();
    let mean =
        |of: &dyn Fn(&Calls) -> f64| calls.iter().map(of).sum::<f64>() / calls.len().max(1) as f64;
    let images = calls.first().map_or(0, |c| c.accuracy.images);
    let accuracy = mean(&|c| c.accuracy.share);
    let cells: Vec<&Outcome> = outcomes.values().flatten().copied().collect();
    Ok(Row {
        network,
        title: network.title(),
        start: cells
            .first()
            .map_or_else(String::new, |cell| start_in_words(cell)),
        accuracy,
        interval: wilson((accuracy * images as f64).round() as usize, images),
        accuracy_by_seed: calls.iter().map(|c| c.accuracy.share).collect(),
        macro_f1: mean(&|c| c.macro_f1),
        recall: (findings.ids())
            .map(|id| {
                let recall = mean(&|c| c.classes.get(id).map_or(0.0, |c| c.recall));
                (id.to_owned(), recall)
            })
            .collect(),
        size,
        versus: match reference {
            Some(reference) => (reference.iter())
                .filter_map(|(seed, theirs)| Some((seed, theirs, outcomes.get(seed)?)))
                .map(|(seed, theirs, own)| versus(*seed, theirs, own))
                .collect::<anyhow::Result<_>>()?,
            None => Vec::new(),
        },
        seconds: cells.iter().map(|cell| cell.seconds).sum::<f64>() / cells.len().max(1) as f64,
    })
}

fn start_in_words(outcome: &Outcome) -> String {
    match &outcome.origin {
        None => "from scratch".to_owned(),
        Some(origin) if origin.fresh.is_empty() => origin.file.clone(),
        Some(origin) => format!(
            "{}, {} tensors of it missing and from scratch",
            origin.file,
            origin.fresh.len()
        ),
    }
}

/// Holds two networks against each other, image by image.
fn versus(seed: u64, reference: &[&Outcome], own: &[&Outcome]) -> anyhow::Result<Versus> {
    let images = |folds: &[&Outcome]| -> Vec<(String, bool)> {
        let tested = folds.iter().flat_map(|fold| &fold.tested);
        tested
            .map(|image| (image.image.clone(), image.truth == image.called))
            .collect()
    };
    let (reference, own) = (images(reference), images(own));
    ensure!(
        reference.len() == own.len() && reference.iter().zip(&own).all(|((a, _), (b, _))| a == b),
        "two cells were tested on different images; the data folder has changed since: choose another --out"
    );
    let only = |a: bool, b: bool| {
        reference
            .iter()
            .zip(&own)
            .filter(|((_, reference), (_, own))| (*reference, *own) == (a, b))
            .count()
    };
    let (only_reference, only_this) = (only(true, false), only(false, true));
    Ok(Versus {
        seed,
        only_reference,
        only_this,
        p: mcnemar(only_reference, only_this),
    })
}

/// Size and speed; the speed is measured once and kept in `speed.json`, as the other parts of the table are.
fn size(
    out: &Path,
    recipe: &Recipe,
    network: Architecture,
    norms: BatchNorms,
) -> anyhow::Result<Size> {
    let side = recipe.side as usize;
    let path = out.join("speed.json");
    let mut known: BTreeMap<String, f64> = match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is damaged; remove it", path.shown()))?,
        Err(_) => BTreeMap::new(),
    };
    let folded = match norms {
        BatchNorms::Folded => ", folded",
        BatchNorms::Kept => "",
    };
    let name = format!("{network}{folded}");
    let inference_ms = match known.get(&name) {
        Some(ms) => *ms,
        None => {
            let ms = inference_ms(network, norms, side)?;
            known.insert(name, ms);
            write_atomically(&path, serde_json::to_string_pretty(&known)?.as_bytes())?;
            ms
        }
    };
    let network = Network::init(network, norms, &Device::flex());
    Ok(Size {
        parameters: network.trained_numbers(),
        multiply_adds: network.multiply_adds(side),
        bytes: 2 * network.stored_numbers(),
        inference_ms,
    })
}

#[cfg(test)]
mod tests;
