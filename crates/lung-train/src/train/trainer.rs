//! One training of MobileNet-Lung: head and attention on a frozen backbone, then the network from its last feature layers down.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use burn::module::Module as _;
use burn::tensor::{Device, Tensor, TensorData};
use mobilenet_lung::bundle::write_tensors;
use mobilenet_lung::network::{FEATURE_LAYERS, FEATURES, GRID, MobileNetLung};
use mobilenet_lung::{StateDict, load_state_dict, state_dict};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::calibration::Calibration;
use super::checkpoint::{self, Position};
use super::draws::draw;
use super::fit::{Batches, Diverged, Forward, Tally, Targets, fit, targets};
use super::images::{FORWARD_BATCH, Images};
use super::log::{EpochLog, LOG, Stage, read_epochs};
use super::optimizer::{Optimizer, Rate};
use super::outcomes::{Outcomes, top};
use super::parameters::{body_layer, first_network, freeze, relative};
use super::run::{MODEL, TrainOptions};
use super::{eta, events};
use crate::data::{Shown as _, Split};
use crate::files::write_atomically;
use crate::progress::begin;
use tracing::info;

/// Share of the head stage in which its learning rate rises.
const HEAD_WARM_UP: f64 = 0.1;

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
    training: Training<'a>,
    device: Device,
    network: MobileNetLung,
    optimizer: Optimizer,
    /// By how much the steps of the body's parameters are multiplied.
    scales: BTreeMap<String, Vec<f32>>,
    class_weights: Vec<f32>,
    position: Option<Position>,
    epochs_done: usize,
}

impl<'a> Trainer<'a> {
    /// A training in `folder`, which goes on from the checkpoint there where there is one.
    pub(super) fn new(options: &'a TrainOptions, training: &Training<'a>) -> anyhow::Result<Self> {
        let (folder, config) = (training.folder, &options.config);
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.shown()))?;
        let device = options.device.open()?.autodiff();
        let (findings, backbone) = (
            training.images.dataset.findings.len(),
            options.pretrained.as_deref(),
        );
        let mut network = first_network(config, findings, backbone, &device)?;
        let scales = relative(&state_dict(&network)?, |name| body_layer(name).is_some());
        let mut optimizer = Optimizer::new(config.average);
        let mut position = None;
        if let Some(checkpoint) = checkpoint::read(folder, config.average)? {
            let damaged = || format!("the checkpoint in {} does not fit", folder.shown());
            network = load_state_dict(network, &checkpoint.network, false).with_context(damaged)?;
            optimizer = checkpoint.optimizer;
            info!(
                "resuming after {:?} epoch {}",
                checkpoint.position.stage, checkpoint.position.epochs
            );
            position = Some(checkpoint.position);
        }
        Ok(Self {
            options,
            training: *training,
            device,
            network,
            optimizer,
            scales,
            class_weights: class_weights(options, training),
            position,
            epochs_done: 0,
        })
    }

    /// Trains to the end and returns the averaged weights; `None` after `limit` epochs.
    pub(super) fn run(mut self, limit: Option<usize>) -> anyhow::Result<Option<StateDict>> {
        let config = &self.options.config;
        let (head_done, fine_tune_done) = match &self.position {
            None => (0, 0),
            Some(position) => match position.stage {
                Stage::Head => (position.epochs, 0),
                Stage::FineTune => (config.head.epochs, position.epochs),
            },
        };
        self.epochs_done = head_done + fine_tune_done;
        if head_done < config.head.epochs {
            let features = self.cache_features()?;
            for epoch in head_done..config.head.epochs {
                if self.is_stopped(limit) {
                    return Ok(None);
                }
                self = self.head_epoch(epoch, &features)?;
            }
        }
        if fine_tune_done == 0 && config.fine_tune.epochs > 0 && self.is_stopped(limit) {
            return Ok(None);
        }
        if fine_tune_done == 0 && config.head.epochs > 0 {
            // The head stage's moments were gathered at another learning rate, on other inputs.
            self.optimizer.begin_anew();
        }
        for epoch in fine_tune_done..config.fine_tune.epochs {
            if self.is_done_early(epoch)? {
                break;
            }
            if self.is_stopped(limit) {
                return Ok(None);
            }
            self = self.fine_tune_epoch(epoch)?;
        }
        let average = self.optimizer.average();
        write_atomically(
            &self.training.folder.join(MODEL),
            &write_tensors(&average, HashMap::new())?,
        )?;
        Ok(Some(average))
    }

    fn is_stopped(&self, limit: Option<usize>) -> bool {
        limit.is_some_and(|limit| self.epochs_done >= limit)
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
        if self.training.folder != self.options.out {
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

    /// Places in the training split for one epoch, and the random numbers after them, which depend on the seed, the stage and the epoch
    /// alone.
    fn draw(&self, stage: Stage, epoch: usize) -> (Vec<usize>, ChaCha8Rng) {
        let config = &self.options.config;
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        rng.set_stream(((stage as u64) << 32) | epoch as u64);
        let Training { images, split, .. } = self.training;
        let (balance, draws) = (config.balance, config.draws);
        let order = draw(images.dataset, &split.train, balance, draws, &mut rng);
        (order, rng)
    }

    /// Features `[1280 * 7 * 7]` of every training image, from the backbone as it stands.
    fn cache_features(&self) -> anyhow::Result<Vec<Vec<f32>>> {
        let backbone = self.network.clone().valid();
        let device = self.device.clone().without_autodiff();
        let train = &self.training.split.train;
        let progress = begin(train.len(), "features of the frozen backbone");
        let mut features = Vec::with_capacity(train.len());
        for indices in train.chunks(FORWARD_BATCH) {
            let images = self.training.images.plain(indices, &device)?;
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

    fn head_epoch(self, epoch: usize, features: &[Vec<f32>]) -> anyhow::Result<Self> {
        let start = Instant::now();
        let config = &self.options.config;
        self.device.seed(config.seed ^ (epoch as u64 + 1));
        let (order, _) = self.draw(Stage::Head, epoch);
        let pass = Batches {
            batches: order.chunks(config.batch).collect(),
            epoch,
            epochs: config.head.epochs,
            warm_up: HEAD_WARM_UP,
            title: format!("head, epoch {} of {}", epoch + 1, config.head.epochs),
        };
        let device = self.device.clone();
        let forward =
            |network: &MobileNetLung, _: usize, batch: &[usize]| -> anyhow::Result<Tensor<2>> {
                let values: Vec<f32> = batch.iter().flat_map(|i| &features[*i]).copied().collect();
                let shape = [batch.len(), FEATURES, GRID, GRID];
                let input = Tensor::<4>::from_data(TensorData::new(values, shape), &device);
                Ok(network.classify(network.attend(input)))
            };
        let train = &self.training.split.train;
        let examples =
            |batch: &[usize]| -> Vec<usize> { batch.iter().map(|place| train[*place]).collect() };
        let rates = [config.head.learning_rate; 2];
        let (this, tally) = self.pass(&pass, FEATURE_LAYERS, rates, &forward, &examples)?;
        this.end_epoch(Stage::Head, epoch, None, &tally, start)
    }

    fn fine_tune_epoch(self, epoch: usize) -> anyhow::Result<Self> {
        let start = Instant::now();
        let config = &self.options.config;
        let stage = &config.fine_tune;
        self.device.seed(config.seed ^ ((epoch as u64 + 1) << 16));
        let (order, rng) = self.draw(Stage::FineTune, epoch);
        let Training { images, split, .. } = self.training;
        let order: Vec<usize> = order.into_iter().map(|place| split.train[place]).collect();
        let of_epoch = |list: &[usize]| list.get(epoch).or(list.last()).copied();
        let from_layer = of_epoch(&stage.from_layer).context("fine_tune.from_layer is empty")?;
        let side = of_epoch(&stage.side).context("fine_tune.side is empty")?;
        let pass = Batches {
            batches: order.chunks(config.batch).collect(),
            epoch,
            epochs: stage.epochs,
            warm_up: stage.warm_up,
            title: format!("epoch {} of {}", epoch + 1, stage.epochs),
        };
        let device = self.device.clone();
        let forward =
            |network: &MobileNetLung, step: usize, batch: &[usize]| -> anyhow::Result<Tensor<2>> {
                let first = step * config.batch;
                let augmentation = &config.augmentation;
                let images = images.augmented(batch, &device, augmentation, side, &rng, first)?;
                Ok(network.forward(images))
            };
        let rates = [stage.head_learning_rate, stage.learning_rate];
        let (this, tally) = self.pass(&pass, from_layer, rates, &forward, &<[usize]>::to_vec)?;
        this.end_epoch(Stage::FineTune, epoch, Some(from_layer), &tally, start)
    }

    /// One pass over batches, with feature layers trained from `from_layer` on, and always head and attention. `rates` are the peak learning
    /// rates of these and of the body; `examples` says which examples a batch is of.
    fn pass(
        mut self,
        pass: &Batches<'_>,
        from_layer: usize,
        [head, body]: [f64; 2],
        forward: &Forward<'_, MobileNetLung>,
        examples: &dyn Fn(&[usize]) -> Vec<usize>,
    ) -> anyhow::Result<(Self, Tally)> {
        let config = &self.options.config;
        let frozen = |name: &str| body_layer(name).is_some_and(|layer| layer < from_layer);
        let (dataset, weights) = (self.training.images.dataset, &self.class_weights);
        let targets = |batch: &[usize]| -> Targets {
            let weight = |finding: usize| weights[finding];
            targets(dataset, &examples(batch), config.label_smoothing, &weight)
        };
        let scales = &self.scales;
        let rate = |name: &str, share: f64| {
            let scales = scales.get(name);
            Rate {
                rate: share * if scales.is_some() { body } else { head },
                decay: config.weight_decay,
                scales: scales.map(Vec::as_slice),
            }
        };
        let network = freeze(self.network, &frozen);
        let (network, tally) = fit(
            network,
            &mut self.optimizer,
            &self.device,
            pass,
            forward,
            &targets,
            &rate,
        )
        .map_err(|error| match error.downcast_ref::<Diverged>() {
            Some(_) => anyhow::anyhow!(diverged(self.options)),
            None => error,
        })?;
        self.network = network;
        Ok((self, tally))
    }

    /// Validates, logs, and writes the checkpoint.
    fn end_epoch(
        mut self,
        stage: Stage,
        epoch: usize,
        from_layer: Option<usize>,
        tally: &Tally,
        start: Instant,
    ) -> anyhow::Result<Self> {
        // A checkpoint of such weights could not be gone on with.
        anyhow::ensure!(self.optimizer.is_finite(), diverged(self.options));
        let validation = self.validate()?;
        let line = EpochLog {
            stage,
            epoch: epoch + 1,
            train_loss: tally.loss(),
            train_accuracy: tally.accuracy(),
            validation_loss: validation
                .as_ref()
                .map(|v| v.loss(&Calibration::none(self.class_weights.len()))),
            validation_accuracy: validation.as_ref().map(Outcomes::accuracy),
            validation_by_source: self.by_source(validation.as_ref()),
            from_layer,
            seconds: start.elapsed().as_secs_f64(),
        };
        let folder = self.training.folder;
        let mut log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join(LOG))?;
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
        self.position = Some(checkpoint::write(
            folder,
            (stage, epoch + 1),
            &state_dict(&self.network)?,
            &self.optimizer,
            log.metadata()?.len(),
            self.position.as_ref(),
        )?);
        self.epochs_done += 1;
        let epochs = read_epochs(folder)?;
        events::write(folder, &epochs)?;
        if let Some(left) = eta::left(&self.options.config, &epochs, self.training.more) {
            info!("{left}");
        }
        Ok(self)
    }

    fn validate(&self) -> anyhow::Result<Option<Outcomes>> {
        let Training { images, split, .. } = self.training;
        if split.validation.is_empty() {
            return Ok(None);
        }
        let network = self.network.clone().valid();
        let network = load_state_dict(network, &self.optimizer.average(), false)?;
        let device = self.device.clone().without_autodiff();
        let forward = |images| network.forward(images);
        images
            .outcomes(&forward, &split.validation, &device)
            .map(Some)
    }

    /// Share of the validation images of each data folder that were classified correctly.
    fn by_source(&self, validation: Option<&Outcomes>) -> BTreeMap<String, f64> {
        let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        let dataset = self.training.images.dataset;
        if let Some(outcomes) = validation {
            let answers = outcomes.logits.iter().zip(&outcomes.labels);
            for (index, (logits, label)) in outcomes.examples.iter().zip(answers) {
                let source = dataset.examples[*index].source.clone();
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

/// How heavy an image of each finding is.
fn class_weights(options: &TrainOptions, training: &Training<'_>) -> Vec<f32> {
    let Training { images, split, .. } = training;
    let mut counts = vec![0usize; images.dataset.findings.len()];
    for index in &split.train {
        counts[images.dataset.examples[*index].finding] += 1;
    }
    let weight = |count: &usize| match options.config.class_weights {
        true => split.train.len() as f32 / (counts.len() * (*count).max(1)) as f32,
        false => 1.0,
    };
    counts.iter().map(weight).collect()
}

/// What happened, and what to do, where numbers have grown beyond all bounds.
fn diverged(options: &TrainOptions) -> String {
    let (head, fine_tune) = (&options.config.head, &options.config.fine_tune);
    format!(
        "the loss is no longer a number: a learning rate is too high. Lower those of the stage in the file that --config names, \
         and repeat the command with --resume: it goes on from the last epoch that was whole. They are \
         head.learning_rate = {}, fine_tune.learning_rate = {}, fine_tune.head_learning_rate = {}",
        head.learning_rate, fine_tune.learning_rate, fine_tune.head_learning_rate
    )
}
