//! Training: head and attention on a frozen backbone, then the network from its last feature layers down.
//!
//! A run is a folder: `run.json` (what was asked), `log.jsonl` (a line an epoch), `checkpoint.json` and the folder it
//! names (everything needed to go on), and at the end `model.safetensors` and `result.json`. Everything random is drawn
//! from the seed, the stage and the epoch, so a run that was killed and resumed ends where an unbroken one does.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use indicatif::{ProgressBar, ProgressStyle};
use mobilenet_lung::bundle::{read_tensors, write_tensors};
use mobilenet_lung::network::{FEATURE_LAYERS, FEATURES, GRID, MobileNetLung, MobileNetLungConfig};
use mobilenet_lung::{Finding, Preprocessing, StateDict, load_state_dict, softmax, state_dict};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::augment::Augmentation;
use crate::config::TrainConfig;
use crate::data::{Dataset, Example, Pixels, Split};

/// Images a forward pass without gradients.
const FORWARD_BATCH: usize = 16;

/// What was asked of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Names of the data folders.
    pub data_name: String,
    /// The data folders as they were given.
    pub data: Vec<PathBuf>,
    /// Name of the pretrained weights' file; `None` for a start from random weights.
    pub pretrained: Option<String>,
    /// How it was trained.
    pub config: TrainConfig,
    /// Images trained on, validated on, left for the test.
    pub images: [usize; 3],
    /// Images that could not be read and were left out.
    pub unreadable: usize,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// What fits the validation images of the first data folder best; changes nothing where there are none.
    pub calibration: Calibration,
    /// Mean cross-entropy on the validation images, before calibration.
    pub validation_loss: Option<f64>,
    /// Share of the validation images classified correctly.
    pub validation_accuracy: Option<f64>,
}

/// One line of `log.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochLog {
    /// `head` or `fine-tune`.
    pub stage: Stage,
    /// Counted from 1 within the stage.
    pub epoch: usize,
    /// Mean loss over the epoch's steps.
    pub train_loss: f64,
    /// Share of training images classified correctly as they passed.
    pub train_accuracy: f64,
    /// Mean cross-entropy of the averaged weights on the validation images.
    pub validation_loss: Option<f64>,
    /// Share of the validation images that the averaged weights classify correctly.
    pub validation_accuracy: Option<f64>,
    /// The same by data folder.
    #[serde(default)]
    pub validation_by_source: BTreeMap<String, f64>,
    /// First feature layer that was trained; `None` in the head stage.
    pub from_layer: Option<usize>,
    /// Wall clock.
    pub seconds: f64,
}

/// The two stages of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Head and last attention on cached features.
    Head,
    /// The network itself.
    FineTune,
}

/// Where a run stands: `checkpoint.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Position {
    stage: Stage,
    /// Epochs of the stage that are done.
    epochs: usize,
    /// Folder with model, optimizer and average.
    folder: String,
    /// Bytes of `log.jsonl` that belong to the epochs done.
    log_bytes: u64,
}

/// What to train on what.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// Folders of class folders; what is reported of a model is its test on the first.
    pub data: Vec<PathBuf>,
    /// Backbone to start from; random weights where `None`.
    pub pretrained: Option<PathBuf>,
    /// Folder of the run.
    pub out: PathBuf,
    /// How.
    pub config: TrainConfig,
    /// Go on from the run's checkpoint.
    pub resume: bool,
    /// Leave out images that cannot be read.
    pub skip_unreadable: bool,
    /// Stop after this many epochs in all, as if killed there; for tests.
    pub stop_after: Option<usize>,
}

/// Trains a model; the run's folder holds it afterwards. `None` if it stopped at [`TrainOptions::stop_after`].
///
/// # Errors
/// Data, weights or a run folder that cannot be used; see each message.
pub fn train(options: &TrainOptions) -> anyhow::Result<Option<RunResult>> {
    options.config.check()?;
    let position = prepare_folder(options)?;
    let dataset = Dataset::open_all(&options.data)?;
    let split = dataset.split(
        options.config.test_fold,
        options.config.validation,
        options.config.seed,
    )?;
    // The test fold is not even decoded here.
    let wanted: Vec<usize> = split
        .train
        .iter()
        .chain(&split.validation)
        .copied()
        .collect();
    let progress = bar(wanted.len(), "reading images");
    let (pixels, failures) = Pixels::load(
        &dataset,
        &wanted,
        options.config.preprocessing(),
        options.skip_unreadable,
        &progress,
    )?;
    progress.finish_and_clear();
    for (path, reason) in &failures {
        eprintln!("left out {}: {reason}", path.display());
    }
    if !failures.is_empty() {
        eprintln!(
            "{} images could not be read and are left out",
            failures.len()
        );
    }
    let readable = |part: &[usize]| -> Vec<usize> {
        part.iter()
            .copied()
            .filter(|i| pixels.get(*i).is_some())
            .collect()
    };
    let split = Split {
        train: readable(&split.train),
        validation: readable(&split.validation),
        test: split.test,
    };
    for finding in Finding::ALL {
        ensure!(
            split
                .train
                .iter()
                .any(|i| dataset.examples[*i].finding == finding),
            "no readable image of {finding} is left to train on"
        );
    }
    let run = Run {
        data_name: dataset.name(),
        data: options.data.clone(),
        pretrained: options
            .pretrained
            .as_ref()
            .and_then(|path| path.file_name())
            .map(|name| name.to_string_lossy().into_owned()),
        config: options.config.clone(),
        images: [split.train.len(), split.validation.len(), split.test.len()],
        unreadable: failures.len(),
    };
    if position.is_none() {
        write_atomically(
            &options.out.join("run.json"),
            serde_json::to_string_pretty(&run)?.as_bytes(),
        )?;
    }
    eprintln!(
        "{}: {} images to train on, {} to validate, {} left for the test{}",
        run.data_name,
        run.images[0],
        run.images[1],
        run.images[2],
        if dataset.grouped {
            " (no group divided)"
        } else {
            " (no groups.csv: divided by file)"
        }
    );
    let trainer = Trainer::new(options, &dataset, &pixels, split, position)?;
    trainer.run()
}

/// Makes the run's folder, or finds where it stands.
fn prepare_folder(options: &TrainOptions) -> anyhow::Result<Option<Position>> {
    let out = &options.out;
    let run_file = out.join("run.json");
    if !options.resume {
        if run_file.exists() {
            bail!(
                "{} already holds a run; go on with it by --resume, or choose another --out",
                out.display()
            );
        }
        fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
        return Ok(None);
    }
    let text = fs::read_to_string(&run_file)
        .with_context(|| format!("{} holds no run to resume", out.display()))?;
    let run: Run = serde_json::from_str(&text)
        .with_context(|| format!("{} is damaged", run_file.display()))?;
    ensure!(
        run.config == options.config,
        "the configuration differs from the one that the run in {} was started with",
        out.display()
    );
    match fs::read_to_string(out.join("checkpoint.json")) {
        Ok(text) => Ok(Some(
            serde_json::from_str(&text).context("checkpoint.json is damaged")?,
        )),
        // Killed before its first epoch was done: begin again.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("cannot read checkpoint.json"),
    }
}

struct Trainer<'a> {
    options: &'a TrainOptions,
    dataset: &'a Dataset,
    pixels: &'a Pixels,
    split: Split,
    device: Device,
    network: MobileNetLung,
    optimizer: ModuleOptimizer,
    average: Average,
    roles: Roles,
    scales: Scales,
    class_weights: [f32; Finding::COUNT],
    position: Option<Position>,
    epochs_done: usize,
}

/// A running average of the weights (Polyak and Juditsky 1992, with exponential forgetting).
struct Average {
    decay: f32,
    steps: u32,
    state: StateDict,
}

impl Average {
    fn update(&mut self, network: &MobileNetLung) -> anyhow::Result<()> {
        // Short at first, so that the start of the training is forgotten.
        let steps = self.steps as f32;
        let decay = self.decay.min((1.0 + steps) / (10.0 + steps));
        self.steps += 1;
        let now = state_dict(network)?;
        for (name, array) in now {
            match self.state.get_mut(&name) {
                Some(average) => {
                    for (a, b) in average.values.iter_mut().zip(&array.values) {
                        *a += (1.0 - decay) * (b - *a);
                    }
                }
                None => {
                    self.state.insert(name, array);
                }
            }
        }
        Ok(())
    }
}

/// Which parameters are trained how.
#[derive(Default)]
struct Roles {
    path: Vec<String>,
    /// Head and attention.
    head: Vec<ParamId>,
    /// Feature layer and parameter.
    body: Vec<(usize, ParamId)>,
    biases: Vec<ParamId>,
}

impl ModuleVisitor for Roles {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if D == 1 {
            self.biases.push(param.id);
        }
        let attention = self.path.iter().any(|part| part == "attention");
        match MobileNetLung::layer_of(&self.path) {
            Some(layer) if layer < FEATURE_LAYERS && !attention => {
                self.body.push((layer, param.id));
            }
            _ => self.head.push(param.id),
        }
    }
}

/// How large a step each parameter of a feature layer takes: its own size at the start.
///
/// Batch norm is folded into the weights, so the channels of one layer differ in size a hundredfold, while AdamW moves
/// every number by about as much: steps that suit the large ones destroy the small ones. A step is therefore made
/// relative, by the root mean square of the output channel's weights at the start, and of the layer's biases.
#[derive(Default)]
struct Scales {
    path: Vec<String>,
    /// By the parameter's path: one number for each of its first dimension.
    of: HashMap<String, Vec<f32>>,
}

/// The smallest scale: what starts at zero has to move as well.
const LEAST_SCALE: f32 = 1e-3;

/// Whether a parameter's steps are relative: one of a feature layer, and no attention's.
fn is_scaled(path: &[String]) -> bool {
    let attention = path.iter().any(|part| part == "attention");
    !attention && MobileNetLung::layer_of(path).is_some_and(|layer| layer < FEATURE_LAYERS)
}

impl ModuleVisitor for Scales {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !is_scaled(&self.path) {
            return;
        }
        let values = param.val();
        let rows = if D == 1 { 1 } else { values.dims()[0] };
        let data = values.into_data().try_into_vec::<f32>().unwrap_or_default();
        let of_row = |row: &[f32]| {
            let mean = row.iter().map(|v| v * v).sum::<f32>() / row.len().max(1) as f32;
            mean.sqrt().max(LEAST_SCALE)
        };
        let scales = data.chunks((data.len() / rows).max(1)).map(of_row);
        self.of.insert(self.path.join("."), scales.collect());
    }
}

/// The values of parameters whose steps are relative, flat, by path.
#[derive(Default)]
struct Values {
    path: Vec<String>,
    of: HashMap<String, Tensor<1>>,
}

impl ModuleVisitor for Values {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if is_scaled(&self.path) {
            let values = param.val().inner();
            let length = values.shape().num_elements();
            self.of
                .insert(self.path.join("."), values.reshape([length]));
        }
    }
}

/// Makes the last step of each parameter relative to its scale.
struct Shorten<'a> {
    path: Vec<String>,
    scales: &'a Scales,
    before: Values,
}

impl ModuleMapper for Shorten<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        let (Some(before), Some(scales)) =
            (self.before.of.remove(&path), self.scales.of.get(&path))
        else {
            return param;
        };
        param.map(|after| {
            let requires_grad = after.is_require_grad();
            let after = after.inner();
            let shape = after.dims();
            let mut by_row = [1; D];
            by_row[0] = scales.len();
            let scales = Tensor::<1>::from_data(
                TensorData::new(scales.clone(), [scales.len()]),
                &after.device(),
            )
            .reshape(by_row);
            let before = before.reshape(shape);
            let step = (after - before.clone()) * scales;
            let moved = Tensor::from_inner(before + step);
            if requires_grad {
                moved.require_grad()
            } else {
                moved
            }
        })
    }
}

/// Sums over an epoch.
#[derive(Default)]
struct Tally {
    loss: f64,
    correct: usize,
    images: usize,
    steps: usize,
}

impl<'a> Trainer<'a> {
    fn new(
        options: &'a TrainOptions,
        dataset: &'a Dataset,
        pixels: &'a Pixels,
        split: Split,
        position: Option<Position>,
    ) -> anyhow::Result<Self> {
        let config = &options.config;
        let device = Device::flex().autodiff();
        device.seed(config.seed);
        let mut network = MobileNetLungConfig {
            attention: config.attention,
            dropout: config.dropout,
        }
        .init(&device);
        if let Some(path) = &options.pretrained {
            network = load_backbone(network, path)?;
        }
        // Draws every weight now, right after the seed, instead of whenever each is first used.
        state_dict(&network)?;
        let mut scales = Scales::default();
        network.visit(&mut scales);
        let mut roles = Roles::default();
        network.visit(&mut roles);
        let mut optimizer = new_optimizer(config, &roles);
        let mut average = Average {
            decay: config.average,
            steps: 0,
            state: StateDict::new(),
        };
        if let Some(position) = &position {
            let folder = options.out.join(&position.folder);
            let damaged = || format!("the checkpoint {} is damaged", folder.display());
            let bytes = fs::read(folder.join("network.bpk")).with_context(damaged)?;
            let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes))
                .map_err(|error| anyhow::anyhow!("{error}"))
                .with_context(damaged)?;
            network = network.load_record(record);
            // The record gives each parameter the id it had, which the optimizer's state goes by.
            roles = Roles::default();
            network.visit(&mut roles);
            // In memory before burn sees it: burn reads a file as late as it can, and the next checkpoint removes this one.
            let bytes = fs::read(folder.join("optimizer.bpk")).with_context(damaged)?;
            optimizer = new_optimizer(config, &roles)
                .from_bytes(Bytes::from_bytes_vec(bytes))
                .map_err(|error| anyhow::anyhow!("{error}"))
                .with_context(damaged)?;
            let bytes = fs::read(folder.join("average.safetensors")).with_context(damaged)?;
            average.state = read_tensors(&bytes).with_context(damaged)?;
            average.steps = fs::read_to_string(folder.join("average.steps"))
                .with_context(damaged)?
                .trim()
                .parse()
                .with_context(damaged)?;
            // Lines of an epoch that was cut off are written again.
            let log = fs::OpenOptions::new()
                .write(true)
                .open(options.out.join("log.jsonl"))
                .with_context(damaged)?;
            log.set_len(position.log_bytes)?;
            eprintln!(
                "resuming after {:?} epoch {}",
                position.stage, position.epochs
            );
        }
        let mut counts = [0usize; Finding::COUNT];
        for index in &split.train {
            counts[dataset.examples[*index].finding.index()] += 1;
        }
        let class_weights = counts.map(|count| {
            if config.class_weights {
                split.train.len() as f32 / (Finding::COUNT * count.max(1)) as f32
            } else {
                1.0
            }
        });
        Ok(Self {
            options,
            dataset,
            pixels,
            split,
            device,
            network,
            optimizer,
            average,
            roles,
            scales,
            class_weights,
            position,
            epochs_done: 0,
        })
    }

    fn run(mut self) -> anyhow::Result<Option<RunResult>> {
        let config = &self.options.config;
        let (head_done, fine_tune_done) = match &self.position {
            None => (0, 0),
            Some(Position {
                stage: Stage::Head,
                epochs,
                ..
            }) => (*epochs, 0),
            Some(Position {
                stage: Stage::FineTune,
                epochs,
                ..
            }) => (config.head.epochs, *epochs),
        };
        self.epochs_done = head_done + fine_tune_done;
        if head_done < config.head.epochs {
            let features = self.cache_features()?;
            for epoch in head_done..config.head.epochs {
                if self.stopped() {
                    return Ok(None);
                }
                self.head_epoch(epoch, &features)?;
            }
        }
        if fine_tune_done == 0 && config.fine_tune.epochs > 0 && self.stopped() {
            return Ok(None);
        }
        if fine_tune_done == 0 && config.head.epochs > 0 {
            // The head stage's moments were gathered at another learning rate, on other inputs.
            self.optimizer = new_optimizer(config, &self.roles);
            self.average.steps = 0;
        }
        for epoch in fine_tune_done..config.fine_tune.epochs {
            if self.stopped() {
                return Ok(None);
            }
            self.fine_tune_epoch(epoch)?;
        }
        self.finish().map(Some)
    }

    fn stopped(&self) -> bool {
        self.options
            .stop_after
            .is_some_and(|limit| self.epochs_done >= limit)
    }

    /// Random numbers that depend on the seed, the stage and the epoch alone.
    fn rng(&self, stage: Stage, epoch: usize) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.options.config.seed);
        rng.set_stream(((stage as u64) << 32) | epoch as u64);
        rng
    }

    /// Places in the training split for one epoch, in random order: as many as there are images, drawn from each stratum
    /// as often as [`TrainConfig::balance`] has it, and within a stratum from each image as often as from any other (to one).
    fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let mut strata: BTreeMap<(Finding, &str, &str), Vec<usize>> = BTreeMap::new();
        for (place, index) in self.split.train.iter().enumerate() {
            let example = &self.dataset.examples[*index];
            strata
                .entry((example.finding, &example.origin, &example.source))
                .or_default()
                .push(place);
        }
        let exponent = 1.0 - self.options.config.balance;
        let weight = |images: usize| (images as f64).powf(exponent);
        let total: f64 = strata.values().map(|places| weight(places.len())).sum();
        let mut order = Vec::with_capacity(self.split.train.len());
        for places in strata.values() {
            let share = weight(places.len()) / total;
            let mut left = (share * self.split.train.len() as f64).round() as usize;
            while left > 0 {
                let mut some = places.clone();
                some.shuffle(rng);
                some.truncate(left);
                left -= some.len();
                order.extend(some);
            }
        }
        order.shuffle(rng);
        order
    }

    /// Features `[1280 * 7 * 7]` of every training image, from the backbone as it stands.
    fn cache_features(&self) -> anyhow::Result<Vec<Vec<f32>>> {
        let backbone = self.network.clone().valid();
        let device = self.device.clone().without_autodiff();
        let progress = bar(self.split.train.len(), "features of the frozen backbone");
        let mut features = Vec::with_capacity(self.split.train.len());
        for indices in self.split.train.chunks(FORWARD_BATCH) {
            let images = self.plain_batch(indices, &device)?;
            let values = backbone
                .feature_layers(images, 0..FEATURE_LAYERS)
                .into_data()
                .try_into_vec::<f32>()
                .map_err(|error| anyhow::anyhow!("{error:?}"))?;
            features.extend(values.chunks(FEATURES * GRID * GRID).map(<[f32]>::to_vec));
            progress.inc(indices.len() as u64);
        }
        progress.finish_and_clear();
        Ok(features)
    }

    fn head_epoch(&mut self, epoch: usize, features: &[Vec<f32>]) -> anyhow::Result<()> {
        let start = Instant::now();
        let config = &self.options.config;
        let mut rng = self.rng(Stage::Head, epoch);
        self.device.seed(config.seed ^ (epoch as u64 + 1));
        let order = self.draw(&mut rng);
        self.freeze_below(FEATURE_LAYERS);
        let batches: Vec<&[usize]> = order.chunks(config.batch).collect();
        let total = (batches.len() * config.head.epochs) as f64;
        let mut tally = Tally::default();
        for (step, batch) in batches.iter().enumerate() {
            let done = (epoch * batches.len() + step) as f64;
            let rate = config.head.learning_rate * schedule(done / total, 0.1);
            let values: Vec<f32> = batch.iter().flat_map(|i| &features[*i]).copied().collect();
            let input = Tensor::<4>::from_data(
                TensorData::new(values, [batch.len(), FEATURES, GRID, GRID]),
                &self.device,
            );
            let examples: Vec<usize> = batch.iter().map(|i| self.split.train[*i]).collect();
            let logits = self.network.classify(self.network.attend(input));
            self.step(logits, &examples, [rate, rate], &mut tally)?;
        }
        self.end_epoch(Stage::Head, epoch, None, &tally, start)
    }

    fn fine_tune_epoch(&mut self, epoch: usize) -> anyhow::Result<()> {
        let start = Instant::now();
        let config = &self.options.config;
        let stage = &config.fine_tune;
        let mut rng = self.rng(Stage::FineTune, epoch);
        self.device.seed(config.seed ^ ((epoch as u64 + 1) << 16));
        let order: Vec<usize> = self
            .draw(&mut rng)
            .into_iter()
            .map(|place| self.split.train[place])
            .collect();
        let of_epoch = |list: &[usize]| list.get(epoch).or(list.last()).copied();
        let from_layer = of_epoch(&stage.from_layer).unwrap_or_default();
        let side = of_epoch(&stage.side).unwrap_or(self.pixels.preprocessing.side as usize);
        self.freeze_below(from_layer);
        let batches: Vec<&[usize]> = order.chunks(config.batch).collect();
        let total = (batches.len() * stage.epochs) as f64;
        let progress = bar(
            order.len(),
            &format!("epoch {} of {}", epoch + 1, stage.epochs),
        );
        let mut tally = Tally::default();
        for (step, batch) in batches.iter().enumerate() {
            let done = (epoch * batches.len() + step) as f64;
            let shape = schedule(done / total, stage.warm_up);
            let images = self.augmented_batch(batch, side, &rng, step)?;
            let logits = self.network.forward(images);
            let rates = [
                stage.head_learning_rate * shape,
                stage.learning_rate * shape,
            ];
            self.step(logits, batch, rates, &mut tally)?;
            progress.inc(batch.len() as u64);
            progress.set_message(format!(
                "epoch {} of {}, loss {:.3}",
                epoch + 1,
                stage.epochs,
                tally.loss / tally.steps as f64
            ));
        }
        progress.finish_and_clear();
        self.end_epoch(Stage::FineTune, epoch, Some(from_layer), &tally, start)
    }

    /// Trains feature layers from `layer` on, and always head and attention.
    fn freeze_below(&mut self, layer: usize) {
        let frozen: Vec<ParamId> = self
            .roles
            .body
            .iter()
            .filter(|(l, _)| *l < layer)
            .map(|(_, id)| *id)
            .collect();
        self.network = self
            .network
            .clone()
            .set_require_grad(true)
            .set_require_grad_group(ParamGroup::from_ids(frozen), false);
    }

    /// One step of the optimizer; `rates` are those of the head and of the body.
    fn step(
        &mut self,
        logits: Tensor<2>,
        examples: &[usize],
        rates: [f64; 2],
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let weight: f32 = examples
            .iter()
            .map(|index| self.class_weights[self.dataset.examples[*index].finding.index()])
            .sum();
        let labels: Vec<Finding> = examples
            .iter()
            .map(|index| self.dataset.examples[*index].finding)
            .collect();
        let targets: Vec<f32> = examples
            .iter()
            .flat_map(|index| {
                let example = &self.dataset.examples[*index];
                let share = self.class_weights[example.finding.index()] / weight;
                target(example, &self.options.config).map(|part| part * share)
            })
            .collect();
        let targets = Tensor::<2>::from_data(
            TensorData::new(targets, [labels.len(), Finding::COUNT]),
            &self.device,
        );
        let loss = (log_softmax(logits.clone(), 1) * targets).sum().neg();
        let value: f32 = loss.clone().into_scalar();
        ensure!(
            value.is_finite(),
            "the loss is no longer a number; lower the learning rate and resume from the last checkpoint"
        );
        tally.loss += f64::from(value);
        tally.steps += 1;
        tally.images += labels.len();
        tally.correct += predictions(logits.inner())?
            .iter()
            .zip(&labels)
            .filter(|(got, want)| got == want)
            .count();
        let mut gradients = loss.backward();
        let mut before = Values::default();
        self.network.visit(&mut before);
        let body: Vec<ParamId> = self.roles.body.iter().map(|(_, id)| *id).collect();
        for (ids, rate) in [(&self.roles.head, rates[0]), (&body, rates[1])] {
            let part = GradientsParams::from_params(&mut gradients, &self.network, ids);
            self.network = self.optimizer.step(rate, self.network.clone(), part);
        }
        self.network = self.network.clone().map(&mut Shorten {
            path: Vec::new(),
            scales: &self.scales,
            before,
        });
        self.average.update(&self.network)
    }

    /// Validates, logs, and writes the checkpoint.
    fn end_epoch(
        &mut self,
        stage: Stage,
        epoch: usize,
        from_layer: Option<usize>,
        tally: &Tally,
        start: Instant,
    ) -> anyhow::Result<()> {
        let validation = self.validate()?;
        let line = EpochLog {
            stage,
            epoch: epoch + 1,
            train_loss: tally.loss / tally.steps.max(1) as f64,
            train_accuracy: tally.correct as f64 / tally.images.max(1) as f64,
            validation_loss: validation.as_ref().map(|v| v.loss(&Calibration::default())),
            validation_accuracy: validation.as_ref().map(Outcomes::accuracy),
            validation_by_source: self.by_source(validation.as_ref()),
            from_layer,
            seconds: start.elapsed().as_secs_f64(),
        };
        let mut log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.options.out.join("log.jsonl"))?;
        writeln!(log, "{}", serde_json::to_string(&line)?)?;
        log.sync_all()?;
        let percent = |share: f64| format!("{:.1}%", share * 100.0);
        eprintln!(
            "{stage:?} epoch {}: loss {:.3}, train {}, validation {} ({:.0} s)",
            line.epoch,
            line.train_loss,
            percent(line.train_accuracy),
            line.validation_accuracy
                .map_or_else(|| "none".to_owned(), percent),
            line.seconds
        );
        self.save(stage, epoch + 1, log.metadata()?.len())?;
        self.epochs_done += 1;
        Ok(())
    }

    fn save(&mut self, stage: Stage, epochs: usize, log_bytes: u64) -> anyhow::Result<()> {
        let folder = format!(
            "checkpoint-{}-{epochs}",
            if stage == Stage::Head {
                "head"
            } else {
                "fine-tune"
            }
        );
        let path = self.options.out.join(&folder);
        fs::create_dir_all(&path)?;
        let failed = |error: burn::store::RecordError| anyhow::anyhow!("{error}");
        self.network
            .clone()
            .into_record()
            .save(path.join("network.bpk"))
            .map_err(failed)?;
        self.optimizer
            .save(path.join("optimizer.bpk"))
            .map_err(failed)?;
        fs::write(
            path.join("average.safetensors"),
            write_tensors(&self.average.state, HashMap::new())?,
        )?;
        fs::write(path.join("average.steps"), self.average.steps.to_string())?;
        let position = Position {
            stage,
            epochs,
            folder,
            log_bytes,
        };
        // The folder is complete before anything points to it, and the old one goes only after that.
        write_atomically(
            &self.options.out.join("checkpoint.json"),
            serde_json::to_string(&position)?.as_bytes(),
        )?;
        if let Some(old) = self.position.replace(position) {
            let old_path = self.options.out.join(&old.folder);
            if old_path != path {
                fs::remove_dir_all(old_path).ok();
            }
        }
        Ok(())
    }

    fn averaged(&self) -> anyhow::Result<MobileNetLung> {
        Ok(load_state_dict(
            self.network.clone().valid(),
            &self.average.state,
            false,
        )?)
    }

    fn validate(&self) -> anyhow::Result<Option<Outcomes>> {
        if self.split.validation.is_empty() {
            return Ok(None);
        }
        let network = self.averaged()?;
        let mut outcomes = Outcomes::default();
        let device = self.device.clone().without_autodiff();
        for indices in self.split.validation.chunks(FORWARD_BATCH) {
            let logits = network.forward(self.plain_batch(indices, &device)?);
            outcomes.logits.extend(rows(logits)?);
            outcomes
                .labels
                .extend(indices.iter().map(|i| self.dataset.examples[*i].finding));
        }
        Ok(Some(outcomes))
    }

    /// Share of the validation images of each data folder that were classified correctly.
    fn by_source(&self, validation: Option<&Outcomes>) -> BTreeMap<String, f64> {
        let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        if let Some(outcomes) = validation {
            for ((index, logits), label) in self
                .split
                .validation
                .iter()
                .zip(&outcomes.logits)
                .zip(&outcomes.labels)
            {
                let source = self.dataset.examples[*index].source.clone();
                let (correct, images) = counts.entry(source).or_default();
                *correct += usize::from(top(logits) == *label);
                *images += 1;
            }
        }
        counts
            .into_iter()
            .map(|(source, (correct, images))| (source, correct as f64 / images as f64))
            .collect()
    }

    /// The validation images of the first data folder, which is what reports are held to.
    fn of_first_folder(&self, validation: &Outcomes) -> Outcomes {
        let first = self.dataset.sources().into_iter().next();
        let mut outcomes = Outcomes::default();
        for ((index, logits), label) in self
            .split
            .validation
            .iter()
            .zip(&validation.logits)
            .zip(&validation.labels)
        {
            if Some(&self.dataset.examples[*index].source) == first.as_ref() {
                outcomes.logits.push(*logits);
                outcomes.labels.push(*label);
            }
        }
        outcomes
    }

    /// What the calibrated network calls the validation images of each finding, origin and data folder were called.
    fn calls(
        &self,
        validation: Option<&Outcomes>,
        calibration: &Calibration,
    ) -> BTreeMap<String, [usize; Finding::COUNT]> {
        let mut calls: BTreeMap<String, [usize; Finding::COUNT]> = BTreeMap::new();
        if let Some(outcomes) = validation {
            for (index, logits) in self.split.validation.iter().zip(&outcomes.logits) {
                let example = &self.dataset.examples[*index];
                let stratum = format!("{} {} {}", example.source, example.origin, example.finding);
                let called = top(&calibration.probabilities(*logits));
                calls.entry(stratum).or_default()[called.index()] += 1;
            }
        }
        calls
    }

    fn finish(&self) -> anyhow::Result<RunResult> {
        let validation = self.validate()?;
        let result = RunResult {
            calibration: validation
                .as_ref()
                .map_or_else(Calibration::default, |outcomes| {
                    self.of_first_folder(outcomes).best_calibration()
                }),
            validation_loss: validation.as_ref().map(|v| v.loss(&Calibration::default())),
            validation_accuracy: validation.as_ref().map(Outcomes::accuracy),
        };
        for (stratum, calls) in self.calls(validation.as_ref(), &result.calibration) {
            eprintln!(
                "validation, {stratum}: called {}",
                Finding::ALL
                    .map(|finding| format!("{finding} {}", calls[finding.index()]))
                    .join(", ")
            );
        }
        let out = &self.options.out;
        write_atomically(
            &out.join("model.safetensors"),
            &write_tensors(&self.average.state, HashMap::new())?,
        )?;
        write_atomically(
            &out.join("result.json"),
            serde_json::to_string_pretty(&result)?.as_bytes(),
        )?;
        Ok(result)
    }

    /// Images as they are, `[batch, 3, side, side]`.
    fn plain_batch(&self, indices: &[usize], device: &Device) -> anyhow::Result<Tensor<4>> {
        let side = self.pixels.preprocessing.side as usize;
        self.batch(indices, device, side, |pixels, preprocessing, _| {
            let reduced: Vec<f32> = pixels.iter().map(|p| f32::from(*p) / 255.0).collect();
            let grey = preprocessing.enlarge(&reduced);
            let mut out = Vec::with_capacity(grey.len() * 3);
            preprocessing.normalise_into(&grey, &mut out);
            out
        })
    }

    /// Images each changed at random, `[batch, 3, side, side]` with the side of the epoch.
    fn augmented_batch(
        &self,
        indices: &[usize],
        side: usize,
        rng: &ChaCha8Rng,
        step: usize,
    ) -> anyhow::Result<Tensor<4>> {
        let augmentation: &Augmentation = &self.options.config.augmentation;
        self.batch(
            indices,
            &self.device,
            side,
            |pixels, preprocessing, place| {
                // A stretch of the epoch's stream for each image, whichever thread it falls to.
                let mut rng = rng.clone();
                let number = step * self.options.config.batch + place;
                rng.set_word_pos((number as u128 + 1) << 24);
                augmentation.input(pixels, preprocessing, side, &mut rng)
            },
        )
    }

    fn batch(
        &self,
        indices: &[usize],
        device: &Device,
        side: usize,
        make: impl Fn(&[u8], &Preprocessing, usize) -> Vec<f32> + Sync,
    ) -> anyhow::Result<Tensor<4>> {
        let preprocessing = self.pixels.preprocessing;
        let inputs: Vec<Vec<f32>> = indices
            .par_iter()
            .enumerate()
            .map(|(place, index)| {
                let pixels = self.pixels.get(*index).context("an image was not loaded")?;
                Ok(make(pixels, &preprocessing, place))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Tensor::from_data(
            TensorData::new(inputs.concat(), [indices.len(), 3, side, side]),
            device,
        ))
    }
}

/// How the target of an example is divided among the findings; sums to 1.
fn target(example: &Example, config: &TrainConfig) -> [f32; Finding::COUNT] {
    let mut target = [config.label_smoothing / Finding::COUNT as f32; Finding::COUNT];
    let rest = 1.0 - config.label_smoothing;
    let moved = if example.bacterial {
        config.bacterial_as_viral
    } else {
        0.0
    };
    target[example.finding.index()] += rest * (1.0 - moved);
    target[Finding::ViralPneumonia.index()] += rest * moved;
    target
}

fn new_optimizer(config: &TrainConfig, roles: &Roles) -> ModuleOptimizer {
    let with_decay = |decay: f32| {
        AdamWConfig::new()
            .with_epsilon(1e-8)
            .with_weight_decay(decay)
    };
    with_decay(config.weight_decay).init().with_group(
        ParamGroup::from_ids(roles.biases.clone()),
        with_decay(0.0).build(),
        None,
    )
}

/// Loads the parameters that a pretrained file has; a classifier of other classes in it is left out.
fn load_backbone(network: MobileNetLung, path: &Path) -> anyhow::Result<MobileNetLung> {
    let refused = || format!("cannot use the pretrained weights {}", path.display());
    let bytes = fs::read(path).with_context(refused)?;
    let mut state = read_tensors(&bytes).with_context(refused)?;
    state.retain(|name, _| !name.starts_with("classifier."));
    ensure!(
        state.contains_key("features.0.0.weight"),
        "{}: it has no `features.0.0.weight`; a MobileNetV2 in torchvision's layout with batch norm folded is needed",
        refused()
    );
    load_state_dict(network, &state, true).with_context(refused)
}

/// Share of the peak learning rate at `progress` (0..1): a line up, then half a cosine down.
pub(crate) fn schedule(progress: f64, warm_up: f64) -> f64 {
    if progress < warm_up {
        progress / warm_up
    } else {
        let rest = (progress - warm_up) / (1.0 - warm_up);
        0.5 * (1.0 + (std::f64::consts::PI * rest).cos())
    }
}

/// Logits with the truth beside them.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    /// One row an image.
    pub logits: Vec<[f32; Finding::COUNT]>,
    /// The true finding of each.
    pub labels: Vec<Finding>,
}

impl Outcomes {
    /// Share classified correctly, 0..=1.
    pub fn accuracy(&self) -> f64 {
        let correct = self
            .logits
            .iter()
            .zip(&self.labels)
            .filter(|(logits, label)| top(logits) == **label)
            .count();
        correct as f64 / self.labels.len().max(1) as f64
    }

    /// Mean cross-entropy in nats.
    pub fn loss(&self, calibration: &Calibration) -> f64 {
        let sum: f64 = self
            .logits
            .iter()
            .zip(&self.labels)
            .map(|(logits, label)| {
                -f64::from(calibration.probabilities(*logits)[label.index()].max(1e-30)).ln()
            })
            .sum();
        sum / self.labels.len().max(1) as f64
    }

    /// The calibration with the smallest loss, the offsets held near 0 by a weak prior: one parameter after another by
    /// golden-section search, which a convex loss lets end at the minimum.
    pub fn best_calibration(&self) -> Calibration {
        /// Rounds over all parameters; the last change nothing that f32 would show.
        const ROUNDS: usize = 30;
        /// Variance of the prior times the number of images is what a squared offset counts.
        const PRIOR: f64 = 0.5;
        let mut best = Calibration::default();
        if self.labels.is_empty() {
            return best;
        }
        let objective = |calibration: &Calibration| {
            let offsets = calibration
                .offsets
                .iter()
                .map(|b| f64::from(b * b))
                .sum::<f64>();
            self.loss(calibration) + PRIOR * offsets / self.labels.len() as f64
        };
        for _ in 0..ROUNDS {
            let from = best;
            let log = minimum(0.2f64.ln(), 5f64.ln(), |log| {
                let mut calibration = from;
                calibration.temperature = log.exp() as f32;
                objective(&calibration)
            });
            best.temperature = log.exp() as f32;
            for finding in Finding::ALL {
                let from = best;
                let with = |offset: f64| {
                    let mut calibration = from;
                    calibration.offsets[finding.index()] = offset as f32;
                    calibration
                };
                best = with(minimum(-3.0, 3.0, |offset| objective(&with(offset))));
            }
        }
        best
    }
}

/// How logits become probabilities: `softmax((logits + offsets) / temperature)`.
///
/// Temperature scaling (Guo et al. 2017, arXiv 1706.04599) with its bias corrected (Alexandari, Kundaje and Shrikumar 2020,
/// arXiv 1901.06852): how often each finding is drawn in training is not how often it comes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Above 0.
    pub temperature: f32,
    /// Added to the logits.
    pub offsets: [f32; Finding::COUNT],
}

impl Default for Calibration {
    /// Changes nothing.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            offsets: [0.0; Finding::COUNT],
        }
    }
}

impl Calibration {
    /// Calibrated probabilities.
    pub fn probabilities(&self, mut logits: [f32; Finding::COUNT]) -> [f32; Finding::COUNT] {
        for (logit, offset) in logits.iter_mut().zip(self.offsets) {
            *logit += offset;
        }
        softmax(logits, self.temperature)
    }
}

/// Where a function with one minimum between `low` and `high` has it, by golden-section search.
fn minimum(mut low: f64, mut high: f64, function: impl Fn(f64) -> f64) -> f64 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    for _ in 0..40 {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if function(a) < function(b) {
            high = b;
        } else {
            low = a;
        }
    }
    (low + high) / 2.0
}

/// The finding with the largest logit.
pub fn top(logits: &[f32; Finding::COUNT]) -> Finding {
    Finding::ALL
        .into_iter()
        .max_by(|a, b| logits[a.index()].total_cmp(&logits[b.index()]))
        .unwrap_or(Finding::Normal)
}

/// A tensor `[batch, 3]` as rows.
///
/// # Errors
/// When the device does not give its numbers.
pub fn rows(logits: Tensor<2>) -> anyhow::Result<Vec<[f32; Finding::COUNT]>> {
    let values = logits
        .into_data()
        .try_into_vec::<f32>()
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    Ok(values.as_chunks::<{ Finding::COUNT }>().0.to_vec())
}

fn predictions(logits: Tensor<2>) -> anyhow::Result<Vec<Finding>> {
    Ok(rows(logits)?.iter().map(top).collect())
}

/// A progress bar that shows itself on a terminal only.
pub fn bar(length: usize, message: &str) -> ProgressBar {
    let progress = ProgressBar::new(length as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta} left, {msg}") {
        progress.set_style(style);
    }
    progress.set_message(message.to_owned());
    progress
}

/// Writes a file so that a reader finds the old content or the new, never a part.
///
/// # Errors
/// When the file cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    let written = fs::File::create(&part)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&part, path));
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calibration_undoes_what_was_done_to_the_logits() {
        // Labels as often as the probabilities say, of logits that are then stretched and shifted.
        let (stretch, shift) = (2.5f32, [0.8f32, -0.5, 0.0]);
        let mut outcomes = Outcomes::default();
        for i in 0..40 {
            let logits = [0.0, (i % 8) as f32 / 2.0 - 2.0, (i / 8) as f32 / 2.0 - 1.0];
            let shares = softmax(logits, 1.0).map(|p| (p * 200.0).round() as usize);
            for finding in Finding::ALL {
                for _ in 0..shares[finding.index()] {
                    let mut seen = logits;
                    for (value, shift) in seen.iter_mut().zip(shift) {
                        *value = *value * stretch + shift;
                    }
                    outcomes.logits.push(seen);
                    outcomes.labels.push(finding);
                }
            }
        }
        let found = outcomes.best_calibration();
        // Only differences of offsets matter; rounding of the shares, and the prior, move them a little.
        assert!((found.temperature - stretch).abs() < 0.05, "{found:?}");
        let [a, b, c] = found.offsets;
        assert!(
            (a - c + 0.8).abs() < 0.05 && (b - c - 0.5).abs() < 0.05,
            "{found:?}"
        );
    }
}
