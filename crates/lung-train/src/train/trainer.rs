//! One training: head and attention on a frozen backbone, then the network from its last feature layers down.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use burn::module::{Module, ParamGroup, ParamId};
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Bytes, Device, Tensor, TensorData};
use mobilenet_lung::bundle::{read_tensors, write_tensors};
use mobilenet_lung::network::{FEATURE_LAYERS, FEATURES, GRID, MobileNetLung};
use mobilenet_lung::{Array, StateDict, load_state_dict};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::average::Average;
use super::calibration::Calibration;
use super::images::{FORWARD_BATCH, Images};
use super::outcomes::{Outcomes, predictions, top};
use super::parameters::{Roles, Scales, Shorten, Values, first_network};
use super::{EpochLog, LOG, MODEL, Stage, TrainOptions, eta, events, read_epochs};
use crate::config::TrainConfig;
use crate::data::{Class, Shown as _, Split};
use crate::files::write_atomically;
use crate::progress::begin;
use tracing::info;

/// Where a training stands: `checkpoint.json`.
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

/// Where the training in a folder stands; `None` before its first epoch is done.
fn position_in(folder: &Path) -> anyhow::Result<Option<Position>> {
    match fs::read_to_string(folder.join("checkpoint.json")) {
        Ok(text) => Ok(Some(
            serde_json::from_str(&text).context("checkpoint.json is damaged")?,
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("cannot read checkpoint.json"),
    }
}

/// One training of a run.
#[derive(Clone, Copy)]
pub(super) struct Training<'a> {
    /// Where its log and checkpoints are.
    pub(super) folder: &'a Path,
    pub(super) images: Images<'a>,
    pub(super) split: &'a Split,
    /// How many trainings of the run come after it.
    pub(super) more: usize,
}

/// One training: of what, on what, and where it stands.
pub(super) struct Trainer<'a> {
    options: &'a TrainOptions,
    /// Where the training's log and checkpoints are.
    folder: &'a Path,
    images: Images<'a>,
    split: &'a Split,
    more: usize,
    device: Device,
    network: MobileNetLung,
    optimizer: ModuleOptimizer,
    average: Average,
    roles: Roles,
    scales: Scales,
    class_weights: Vec<f32>,
    position: Option<Position>,
    epochs_done: usize,
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
    /// A training in `folder`, which goes on from the checkpoint there where there is one.
    pub(super) fn new(options: &'a TrainOptions, training: &Training<'a>) -> anyhow::Result<Self> {
        let Training {
            folder,
            images,
            split,
            more,
        } = *training;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.shown()))?;
        let position = position_in(folder)?;
        let config = &options.config;
        let device = options.device.open()?.autodiff();
        let (findings, backbone) = (images.dataset.findings.len(), options.pretrained.as_deref());
        let mut network = first_network(config, findings, backbone, &device)?;
        let mut scales = Scales::default();
        network.visit(&mut scales);
        scales.are_whole()?;
        let mut roles = Roles::default();
        network.visit(&mut roles);
        let mut optimizer = new_optimizer(config, &roles);
        let mut average = Average {
            decay: config.average,
            steps: 0,
            state: StateDict::new(),
        };
        if let Some(position) = &position {
            let log_file = folder.join(LOG);
            let folder = folder.join(&position.folder);
            let damaged = || format!("the checkpoint {} is damaged", folder.shown());
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
                .open(log_file)
                .with_context(damaged)?;
            log.set_len(position.log_bytes)?;
            info!(
                "resuming after {:?} epoch {}",
                position.stage, position.epochs
            );
        }
        let mut counts = vec![0usize; images.dataset.findings.len()];
        for index in &split.train {
            counts[images.dataset.examples[*index].finding] += 1;
        }
        let weight = |count: &usize| match config.class_weights {
            true => split.train.len() as f32 / (counts.len() * (*count).max(1)) as f32,
            false => 1.0,
        };
        let class_weights = counts.iter().map(weight).collect();
        Ok(Self {
            options,
            folder,
            images,
            split,
            more,
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

    /// Trains to the end and returns the averaged weights; `None` after `limit` epochs.
    pub(super) fn run(mut self, limit: Option<usize>) -> anyhow::Result<Option<StateDict>> {
        let config = &self.options.config;
        let stopped = |this: &Self| limit.is_some_and(|limit| this.epochs_done >= limit);
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
                if stopped(&self) {
                    return Ok(None);
                }
                self.head_epoch(epoch, &features)?;
            }
        }
        if fine_tune_done == 0 && config.fine_tune.epochs > 0 && stopped(&self) {
            return Ok(None);
        }
        if fine_tune_done == 0 && config.head.epochs > 0 {
            // The head stage's moments were gathered at another learning rate, on other inputs.
            self.optimizer = new_optimizer(config, &self.roles);
            self.average.steps = 0;
        }
        for epoch in fine_tune_done..config.fine_tune.epochs {
            if self.is_done_early(epoch)? {
                break;
            }
            if stopped(&self) {
                return Ok(None);
            }
            self.fine_tune_epoch(epoch)?;
        }
        write_atomically(
            &self.folder.join(MODEL),
            &write_tensors(&self.average.state, HashMap::new())?,
        )?;
        Ok(Some(self.average.state))
    }

    /// Whether the network is not trained for another epoch, after `done`: its validation loss has not fallen for as long as
    /// [`FineTuneStage::patience`](crate::config::FineTuneStage::patience) says, or the model whose training without a fold this is was
    /// trained no longer.
    fn is_done_early(&self, done: usize) -> anyhow::Result<bool> {
        let patience = self.options.config.fine_tune.patience;
        if patience == 0 || done == 0 {
            return Ok(false);
        }
        let model = read_epochs(&self.options.out)?;
        if self.folder != self.options.out {
            return Ok(done >= eta::losses(&model).len());
        }
        let early = eta::has_stalled(&eta::losses(&model), patience);
        if early {
            info!(
                "the validation loss has not fallen for {patience} epochs: this training ends here"
            );
        }
        Ok(early)
    }

    /// Random numbers that depend on the seed, the stage and the epoch alone.
    fn rng(&self, stage: Stage, epoch: usize) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.options.config.seed);
        rng.set_stream(((stage as u64) << 32) | epoch as u64);
        rng
    }

    /// Places in the training split for one epoch, in random order: as many as [`TrainConfig::draws`] says, drawn from each stratum
    /// as often as [`TrainConfig::balance`] has it, and within a stratum from each image as often as from any other (to one).
    fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let mut strata: BTreeMap<(usize, &str, &str), Vec<usize>> = BTreeMap::new();
        for (place, index) in self.split.train.iter().enumerate() {
            let example = &self.images.dataset.examples[*index];
            strata.entry(example.stratum()).or_default().push(place);
        }
        let exponent = 1.0 - self.options.config.balance;
        let weight = |images: usize| (images as f64).powf(exponent);
        let total: f64 = strata.values().map(|places| weight(places.len())).sum();
        let draws = match self.options.config.draws {
            0 => self.split.train.len(),
            draws => draws,
        };
        let mut order = Vec::with_capacity(draws);
        for places in strata.values() {
            let share = weight(places.len()) / total;
            let mut left = (share * draws as f64).round() as usize;
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
        let progress = begin(self.split.train.len(), "features of the frozen backbone");
        let mut features = Vec::with_capacity(self.split.train.len());
        for indices in self.split.train.chunks(FORWARD_BATCH) {
            let images = self.images.plain(indices, &device)?;
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
        let from_layer = of_epoch(&stage.from_layer).context("fine_tune.from_layer is empty")?;
        let side = of_epoch(&stage.side).context("fine_tune.side is empty")?;
        self.freeze_below(from_layer);
        let batches: Vec<&[usize]> = order.chunks(config.batch).collect();
        let total = (batches.len() * stage.epochs) as f64;
        let progress = begin(
            order.len(),
            &format!("epoch {} of {}", epoch + 1, stage.epochs),
        );
        let mut tally = Tally::default();
        for (step, batch) in batches.iter().enumerate() {
            let done = (epoch * batches.len() + step) as f64;
            let shape = schedule(done / total, stage.warm_up);
            let images = self.images.augmented(
                batch,
                &self.device,
                &config.augmentation,
                side,
                &rng,
                step * config.batch,
            )?;
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
            .map(|index| self.class_weights[self.images.dataset.examples[*index].finding])
            .sum();
        let labels: Vec<usize> = examples
            .iter()
            .map(|index| self.images.dataset.examples[*index].finding)
            .collect();
        let targets: Vec<f32> = examples
            .iter()
            .flat_map(|index| {
                let class = self.images.dataset.class(*index);
                let share = self.class_weights[class.finding] / weight;
                target(class, self.options.config.label_smoothing).map(move |part| part * share)
            })
            .collect();
        let targets = Tensor::<2>::from_data(
            TensorData::new(targets, [labels.len(), self.class_weights.len()]),
            &self.device,
        );
        let loss = (log_softmax(logits.clone(), 1) * targets).sum().neg();
        let value: f32 = loss.clone().into_scalar();
        ensure!(value.is_finite(), self.diverged());
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
        self.network = (self.network.clone()).map(&mut Shorten::new(&self.scales, before));
        self.average.update(&self.network)
    }

    /// What happened, and what to do, where numbers have grown beyond all bounds.
    fn diverged(&self) -> String {
        let config = &self.options.config;
        let (head, fine_tune) = (&config.head, &config.fine_tune);
        format!(
            "the loss is no longer a number: a learning rate is too high. Lower those of the stage in the file that --config names, \
             and repeat the command with --resume: it goes on from the last epoch that was whole. They are \
             head.learning_rate = {}, fine_tune.learning_rate = {}, fine_tune.head_learning_rate = {}",
            head.learning_rate, fine_tune.learning_rate, fine_tune.head_learning_rate
        )
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
        // A checkpoint of such weights could not be gone on with.
        let whole = |array: &Array| array.values.iter().all(|value| value.is_finite());
        ensure!(self.average.state.values().all(whole), self.diverged());
        let validation = self.validate()?;
        let line = EpochLog {
            stage,
            epoch: epoch + 1,
            train_loss: tally.loss / tally.steps.max(1) as f64,
            train_accuracy: tally.correct as f64 / tally.images.max(1) as f64,
            validation_loss: validation
                .as_ref()
                .map(|v| v.loss(&Calibration::none(self.class_weights.len()))),
            validation_accuracy: validation.as_ref().map(Outcomes::accuracy),
            validation_by_source: self.by_source(validation.as_ref()),
            from_layer,
            seconds: start.elapsed().as_secs_f64(),
        };
        let mut log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join(LOG))?;
        writeln!(log, "{}", serde_json::to_string(&line)?)?;
        log.sync_all()?;
        let percent = |share: f64| format!("{:.1}%", share * 100.0);
        info!(
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
        let epochs = read_epochs(self.folder)?;
        events::write(self.folder, &epochs)?;
        if let Some(left) = eta::left(&self.options.config, &epochs, self.more) {
            info!("{left}");
        }
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
        let path = self.folder.join(&folder);
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
            &self.folder.join("checkpoint.json"),
            serde_json::to_string(&position)?.as_bytes(),
        )?;
        if let Some(old) = self.position.replace(position) {
            let old_path = self.folder.join(&old.folder);
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
        let device = self.device.clone().without_autodiff();
        self.images
            .outcomes(&network, &self.split.validation, &device)
            .map(Some)
    }

    /// Share of the validation images of each data folder that were classified correctly.
    fn by_source(&self, validation: Option<&Outcomes>) -> BTreeMap<String, f64> {
        let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        if let Some(outcomes) = validation {
            for ((index, logits), label) in outcomes
                .examples
                .iter()
                .zip(&outcomes.logits)
                .zip(&outcomes.labels)
            {
                let source = self.images.dataset.examples[*index].source.clone();
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
}

/// How the target of a class is divided among the findings, of which `smoothing` goes to all alike; sums to 1.
fn target(class: &Class, smoothing: f32) -> impl Iterator<Item = f32> {
    let even = smoothing / class.target.len() as f32;
    (class.target.iter()).map(move |share| even + (1.0 - smoothing) * share)
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

/// Share of the peak learning rate at `progress` (0..1): a line up, then half a cosine down.
pub(crate) fn schedule(progress: f64, warm_up: f64) -> f64 {
    if progress < warm_up {
        progress / warm_up
    } else {
        let rest = (progress - warm_up) / (1.0 - warm_up);
        0.5 * (1.0 + (std::f64::consts::PI * rest).cos())
    }
}
