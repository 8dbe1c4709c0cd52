//! What a comparison comes to, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::Context as _;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::measure::inference_ms;
use super::{CompareOptions, Outcome, Protocol, Recipe, StartKind, cell_of, mcnemar, read_cell};
use crate::data::{Dataset, Shown as _};
use crate::evaluate::metrics::{Calls, wilson};
use crate::files::write_atomically;
use crate::networks::{Architecture, Network};
use mobilenet_lung::Findings;
use mobilenet_lung::network::BatchNorms;

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

/// Makes the table of cells that are all there.
pub(super) fn make(options: &CompareOptions, dataset: &Dataset) -> anyhow::Result<Table> {
    let mut parts = Vec::new();
    for &start in &options.starts {
        for &protocol in &options.protocols {
            let outcomes = options
                .networks
                .iter()
                .map(|network| outcomes(options, start, protocol, *network))
                .collect::<anyhow::Result<Vec<_>>>()?;
            let place = options
                .networks
                .iter()
                .position(|network| *network == options.reference)
                .context("the reference is not among the networks")?;
            let rows = options
                .networks
                .iter()
                .zip(&outcomes)
                .enumerate()
                .map(|(number, (network, own))| {
                    let reference = (number != place).then(|| &outcomes[place]);
                    let folded = own
                        .first()
                        .and_then(|(_, folds)| folds.first()?.origin.as_ref())
                        .is_some_and(|origin| origin.folded);
                    row(*network, own, reference, size(options, *network, folded)?)
                })
                .collect::<anyhow::Result<Vec<_>>>()?;
            let images = outcomes.first().and_then(|seeds| seeds.first());
            let images = images.map_or([0; 2], |(_, folds)| {
                folds.iter().fold([0; 2], |[train, test], fold| {
                    [train + fold.images[0], test + fold.images[2]]
                })
            });
            parts.push(Part {
                start,
                protocol,
                division: protocol.title(dataset),
                images,
                rows,
            });
        }
    }
    Ok(Table {
        data: dataset.name(),
        recipe: options.recipe.clone(),
        seeds: options.seeds.clone(),
        folds: options.folds.clone(),
        reference: options.reference,
        parts,
    })
}

/// A network's outcomes: the folds of each seed.
type BySeed = Vec<(u64, Vec<Outcome>)>;

fn outcomes(
    options: &CompareOptions,
    start: StartKind,
    protocol: Protocol,
    network: Architecture,
) -> anyhow::Result<BySeed> {
    options
        .seeds
        .iter()
        .map(|&seed| {
            let folds = options
                .folds
                .iter()
                .map(|&fold| {
                    let cell = cell_of(options, start, network, protocol, fold, seed);
                    read_cell(options, cell)?
                        .with_context(|| format!("the cell {} is missing", cell.name()))
                })
                .collect::<anyhow::Result<Vec<_>>>()?;
            Ok((seed, folds))
        })
        .collect()
}

fn row(
    network: Architecture,
    outcomes: &BySeed,
    reference: Option<&BySeed>,
    size: Size,
) -> anyhow::Result<Row> {
    let findings = Findings::lung_xray();
    let calls: Vec<Calls> = outcomes
        .iter()
        .map(|(_, folds)| {
            let tested = folds.iter().flat_map(|fold| &fold.tested);
            let row = |id: &str| findings.row(id);
            let rows = tested.filter_map(|image| Some((row(&image.truth)?, row(&image.called)?)));
            Calls::new(&findings, rows)
        })
        .collect();
    let mean =
        |of: &dyn Fn(&Calls) -> f64| calls.iter().map(of).sum::<f64>() / calls.len().max(1) as f64;
    let images = calls.first().map_or(0, |c| c.accuracy.images);
    let accuracy = mean(&|c| c.accuracy.share);
    let cells: Vec<&Outcome> = outcomes.iter().flat_map(|(_, folds)| folds).collect();
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
            Some(reference) => (reference.iter().zip(outcomes))
                .map(|((seed, theirs), (_, own))| versus(*seed, theirs, own))
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
fn versus(seed: u64, reference: &[Outcome], own: &[Outcome]) -> anyhow::Result<Versus> {
    let images = |folds: &[Outcome]| -> Vec<(String, bool)> {
        folds
            .iter()
            .flat_map(|fold| &fold.tested)
            .map(|image| (image.file.clone(), image.truth == image.called))
            .collect()
    };
    let (reference, own) = (images(reference), images(own));
    anyhow::ensure!(
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
fn size(options: &CompareOptions, network: Architecture, folded: bool) -> anyhow::Result<Size> {
    let side = options.recipe.side as usize;
    let path = options.out.join("speed.json");
    let mut known: BTreeMap<String, f64> = match fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is damaged; remove it", path.shown()))?,
        Err(_) => BTreeMap::new(),
    };
    let (norms, folded) = match folded {
        true => (BatchNorms::Folded, ", folded"),
        false => (BatchNorms::Kept, ""),
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

impl Table {
    /// The table in Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        self.write_markdown(&mut text).ok();
        text
    }

    fn write_markdown(&self, out: &mut String) -> std::fmt::Result {
        let list =
            |numbers: &mut dyn Iterator<Item = String>| numbers.collect::<Vec<_>>().join(", ");
        let recipe = &self.recipe;
        writeln!(out, "# Comparison on {}\n", self.data)?;
        writeln!(
            out,
            "All networks alike: images of {0} x {0}, {1} epochs of batches of {2}, AdamW (peak {3} for what starts from \
             scratch, {4} for what does not; decay {5}), warm-up and cosine, label smoothing {6}, average of the weights \
             ({7}), the same augmentation. Folds {8}, seeds {9}. Nothing was chosen by the test images or for one network.\n",
            recipe.side,
            recipe.epochs,
            recipe.batch,
            recipe.fresh_learning_rate,
            recipe.learning_rate,
            recipe.weight_decay,
            recipe.label_smoothing,
            recipe.average,
            list(&mut self.folds.iter().map(ToString::to_string)),
            list(&mut self.seeds.iter().map(ToString::to_string)),
        )?;
        writeln!(
            out,
            "Accuracy, F1 and recall are means over the seeds; the interval is Wilson's at 95% for the test images, each \
             counted once. p is of McNemar's exact test against {}, seed by seed, on the same images. Multiply-adds and \
             milliseconds are for one image of that size; the milliseconds are medians on the machine that made this \
             table.",
            self.reference.title()
        )?;
        for part in &self.parts {
            let start = match part.start {
                StartKind::Best => "The best start that could be had",
                StartKind::Scratch => "All from scratch",
            };
            writeln!(out, "\n## {start}; {}\n", part.division)?;
            writeln!(
                out,
                "{} test images; {} training images of all folds together.\n",
                part.images[1], part.images[0]
            )?;
            writeln!(
                out,
                "| network | start | accuracy | 95% interval | by seed | macro F1 | recall: normal | opacity | viral | p \
                 | parameters | multiply-adds | f16 | ms an image |"
            )?;
            writeln!(
                out,
                "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
            )?;
            for row in &part.rows {
                let recall = |id| row.recall.get(id).map(|recall| format!("{recall:.3}"));
                let findings = Findings::lung_xray();
                let recall: Vec<String> = findings.ids().filter_map(recall).collect();
                let recall = recall.join(" | ");
                let p = if row.versus.is_empty() {
                    "reference".to_owned()
                } else {
                    list(&mut row.versus.iter().map(|versus| p_in_words(versus.p)))
                };
                writeln!(
                    out,
                    "| {} | {} | {:.3} | {:.3} to {:.3} | {} | {:.3} | {recall} | {p} | {:.2} M | {:.0} M | {:.1} MB | {:.1} |",
                    row.title,
                    row.start,
                    row.accuracy,
                    row.interval[0],
                    row.interval[1],
                    list(
                        &mut row
                            .accuracy_by_seed
                            .iter()
                            .map(|share| format!("{share:.3}"))
                    ),
                    row.macro_f1,
                    row.size.parameters as f64 / 1e6,
                    row.size.multiply_adds as f64 / 1e6,
                    row.size.bytes as f64 / 1e6,
                    row.size.inference_ms,
                )?;
            }
        }
        Ok(())
    }
}

fn p_in_words(p: f64) -> String {
    if p < 1e-3 {
        "< 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}

#[cfg(test)]
mod tests;
