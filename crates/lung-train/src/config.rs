//! Everything that decides how a model is trained, as a TOML file may set it.

use std::path::Path;

use anyhow::{Context as _, bail};
use mobilenet_lung::Preprocessing;
use mobilenet_lung::network::{AttentionConfig, FEATURE_LAYERS, MobileNetLungConfig};
use serde::{Deserialize, Serialize};

use crate::augment::Augmentation;
use crate::data::{Described, FOLDS, Shown as _};

/// Share of the images of each finding whose prediction set is to hold it.
pub const COVERAGE: f64 = 0.9;

/// How a model is trained. Every field has a default; a TOML file names those that differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Seed of everything random: split, weights, order, augmentation, dropout.
    pub seed: u64,
    /// The fold that is neither trained nor validated on, 0..=4.
    pub test_fold: usize,
    /// Share of the other folds' groups that validates, 0..1.
    pub validation: f64,
    /// Also train without each of the other folds: what these trainings answer to the fold that they were not given, many
    /// more images than any one training could spare, is what probabilities, prediction sets and refusals are calibrated on.
    pub cross_fit: bool,
    /// Images a step.
    pub batch: usize,
    /// Side of the square that every radiograph is reduced to before anything else, 32..=224:
    /// see [`Preprocessing::detail`](mobilenet_lung::Preprocessing::detail).
    pub detail: u32,
    /// Weigh each class by the inverse of its frequency.
    pub class_weights: bool,
    /// How far an epoch draws alike from each stratum (finding, origin and data folder), 0..=1: a stratum's share of the
    /// draws goes with its number of images to the power of `1 - balance`.
    pub balance: f64,
    /// Images that an epoch draws; 0 draws as many as there are to train on.
    pub draws: usize,
    /// Share of each target that is spread over all classes, 0..1.
    pub label_smoothing: f32,
    /// From before data sets were described: the share of viral pneumonia in the target of a folder of bacterial ones, 0..1, in
    /// the place of the built-in one. A `dataset.toml` says it itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bacterial_as_viral: Option<f32>,
    /// How much each answer weighs when the model is calibrated.
    pub calibration: CalibrationWeights,
    /// AdamW's decay of weights (biases do not decay).
    pub weight_decay: f32,
    /// Probability that a feature is dropped before the head, 0..1.
    pub dropout: f64,
    /// Decay of the running average of the weights, per step, 0..1; 0 keeps the last weights.
    pub average: f32,
    /// Kind, place and width of the attention.
    pub attention: AttentionConfig,
    /// Random changes of training images.
    pub augmentation: Augmentation,
    /// First stage: head and last attention on the features of a frozen backbone, computed once.
    pub head: HeadStage,
    /// Second stage: the whole network, from the last feature layers down.
    pub fine_tune: FineTuneStage,
}

/// How much each answer weighs when a model is calibrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CalibrationWeights {
    /// As often as training draws its kind. Images whose target is divided are left out.
    Drawn,
    /// Origins alike, and within each of them its classes.
    Clinic,
}

/// Head and last attention on cached features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadStage {
    /// Passes over the cached features; 0 leaves the stage out.
    pub epochs: usize,
    /// AdamW's peak learning rate.
    pub learning_rate: f64,
}

/// The network from its last feature layers down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FineTuneStage {
    /// Passes over the images; 0 leaves the stage out.
    pub epochs: usize,
    /// Peak learning rate of the feature layers, relative to the size of each channel's weights.
    pub learning_rate: f64,
    /// Peak learning rate of head and attention.
    pub head_learning_rate: f64,
    /// Share of the stage in which the learning rate rises from 0 to its peak; a cosine takes it back to 0.
    pub warm_up: f64,
    /// The first feature layer (0..=18) that is trained in each epoch; the last entry holds from there on.
    pub from_layer: Vec<usize>,
    /// Stop once the validation loss has not fallen for this many epochs; 0 never does. Trainings without a fold, which validate
    /// nothing, stop where the model did.
    pub patience: usize,
    /// Side of the training images in each epoch, 64..=224 in steps of 32; the last entry holds from there on. Small
    /// ones cost less; validation and everything after it is at 224.
    pub side: Vec<usize>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            test_fold: 0,
            validation: 0.1,
            cross_fit: true,
            batch: 32,
            detail: 160,
            class_weights: false,
            balance: 0.3,
            draws: 0,
            label_smoothing: 0.05,
            bacterial_as_viral: None,
            calibration: CalibrationWeights::Drawn,
            weight_decay: 0.05,
            dropout: 0.2,
            average: 0.99,
            attention: AttentionConfig::default(),
            augmentation: Augmentation::default(),
            head: HeadStage::default(),
            fine_tune: FineTuneStage::default(),
        }
    }
}

impl Default for HeadStage {
    fn default() -> Self {
        Self {
            epochs: 2,
            learning_rate: 1e-3,
        }
    }
}

impl Default for FineTuneStage {
    fn default() -> Self {
        Self {
            epochs: 12,
            learning_rate: 5e-3,
            head_learning_rate: 1e-3,
            warm_up: 0.1,
            from_layer: vec![0],
            patience: 0,
            side: vec![224],
        }
    }
}

impl TrainConfig {
    /// Reads a TOML file; what it leaves out keeps its default.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown or ill-typed field, a value out of range.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.shown()))?;
        let config: Self = toml::from_str(&text)
            .with_context(|| format!("{} is not a training configuration", path.shown()))?;
        config.check()?;
        Ok(config)
    }

    /// How radiographs become inputs.
    pub fn preprocessing(&self) -> Preprocessing {
        Preprocessing {
            detail: self.detail,
            ..Preprocessing::IMAGENET
        }
    }

    /// What folders count as, where the configuration has a say in that.
    pub(crate) fn described(&self, described: Described) -> Described {
        match (self.bacterial_as_viral, &described.path) {
            (Some(share), None) => Described {
                description: described.description.with_bacterial_as_viral(share),
                path: None,
            },
            _ => described,
        }
    }

    /// The network that is trained, of this many findings.
    pub fn network(&self, findings: usize) -> MobileNetLungConfig {
        MobileNetLungConfig {
            findings,
            attention: self.attention,
            dropout: self.dropout,
            ..MobileNetLungConfig::default()
        }
    }

    /// Refuses values out of range.
    ///
    /// # Errors
    /// One sentence naming the field and what it may be.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.test_fold >= FOLDS {
            bail!(
                "test_fold is {}, but folds are 0 to {}",
                self.test_fold,
                FOLDS - 1
            );
        }
        self.check_steps()?;
        self.check_shares()?;
        self.check_rates()?;
        if !(32..=Preprocessing::IMAGENET.side).contains(&self.detail) {
            bail!("detail is {}; it must be 32 to 224", self.detail);
        }
        self.check_framing()?;
        self.check_layers()?;
        Ok(())
    }

    /// Refuses steps without an image, and patience without a loss to be watched.
    fn check_steps(&self) -> anyhow::Result<()> {
        if self.batch == 0 {
            bail!("batch is 0; it must be at least 1");
        }
        if self.fine_tune.patience > 0 && self.validation == 0.0 {
            bail!(
                "fine_tune.patience is {}, but validation is 0: without validation images no loss can stall",
                self.fine_tune.patience
            );
        }
        Ok(())
    }

    fn check_shares(&self) -> anyhow::Result<()> {
        let bacterial = self.bacterial_as_viral.map_or(0.0, f64::from);
        let shares = [
            ("validation", self.validation),
            ("label_smoothing", f64::from(self.label_smoothing)),
            ("bacterial_as_viral", bacterial),
            ("dropout", self.dropout),
            ("average", f64::from(self.average)),
            ("fine_tune.warm_up", self.fine_tune.warm_up),
            ("augmentation.scale", f64::from(self.augmentation.scale)),
            ("augmentation.stretch", f64::from(self.augmentation.stretch)),
            ("augmentation.shift", f64::from(self.augmentation.shift)),
            ("augmentation.noise", f64::from(self.augmentation.noise)),
            ("augmentation.clutter", f64::from(self.augmentation.clutter)),
            (
                "augmentation.recompress",
                f64::from(self.augmentation.recompress),
            ),
            (
                "augmentation.framing.margin",
                f64::from(self.augmentation.framing.margin),
            ),
            (
                "augmentation.tone.shading",
                f64::from(self.augmentation.tone.shading),
            ),
            (
                "augmentation.contrast",
                f64::from(self.augmentation.contrast),
            ),
            (
                "augmentation.brightness",
                f64::from(self.augmentation.brightness),
            ),
        ];
        for (name, value) in shares {
            if !(0.0..1.0).contains(&value) {
                bail!("{name} is {value}; it must be at least 0 and below 1");
            }
        }
        Ok(())
    }

    fn check_rates(&self) -> anyhow::Result<()> {
        let rates = [
            ("head.learning_rate", self.head.learning_rate),
            ("fine_tune.learning_rate", self.fine_tune.learning_rate),
            (
                "fine_tune.head_learning_rate",
                self.fine_tune.head_learning_rate,
            ),
            ("weight_decay", f64::from(self.weight_decay)),
            ("augmentation.gamma", f64::from(self.augmentation.gamma)),
            (
                "augmentation.tone.sharpen",
                f64::from(self.augmentation.tone.sharpen),
            ),
            ("augmentation.blur", f64::from(self.augmentation.blur)),
            (
                "augmentation.rotation",
                f64::from(self.augmentation.rotation),
            ),
        ];
        for (name, value) in rates {
            if !(value.is_finite() && value >= 0.0) {
                bail!("{name} is {value}; it must be a number of at least 0");
            }
        }
        Ok(())
    }

    /// Refuses what leaves nothing of a picture, and probabilities that are none.
    fn check_framing(&self) -> anyhow::Result<()> {
        let framing = &self.augmentation.framing;
        let probabilities = [
            ("balance", self.balance),
            (
                "augmentation.framing.zoom_probability",
                f64::from(framing.zoom_probability),
            ),
            (
                "augmentation.framing.crop_probability",
                f64::from(framing.crop_probability),
            ),
            (
                "augmentation.framing.margin_probability",
                f64::from(framing.margin_probability),
            ),
        ];
        for (name, value) in probabilities {
            if !(0.0..=1.0).contains(&value) {
                bail!("{name} is {value}; it must be 0 to 1");
            }
        }
        // Cut by as much from both sides, a fifth of the picture is left.
        for (name, value) in [("zoom", framing.zoom), ("crop", framing.crop)] {
            if !(0.0..0.4).contains(&value) {
                bail!(
                    "augmentation.framing.{name} is {value}; it must be at least 0 and below 0.4"
                );
            }
        }
        let curve = self.augmentation.tone.curve;
        if !(0.0..0.5).contains(&curve) {
            bail!("augmentation.tone.curve is {curve}; it must be at least 0 and below 0.5");
        }
        Ok(())
    }

    /// Refuses sides and layers that the network does not have.
    fn check_layers(&self) -> anyhow::Result<()> {
        let sides = &self.fine_tune.side;
        if sides.is_empty()
            || sides
                .iter()
                .any(|side| !(64..=224).contains(side) || side % 32 != 0)
        {
            bail!("fine_tune.side must list at least one side, each 64 to 224 in steps of 32");
        }
        if self.attention.reduction == 0 {
            bail!("attention.reduction is 0; it must be at least 1");
        }
        if self.fine_tune.from_layer.is_empty()
            || self
                .fine_tune
                .from_layer
                .iter()
                .any(|layer| *layer >= FEATURE_LAYERS)
        {
            bail!(
                "fine_tune.from_layer must list at least one feature layer, each 0 to {}",
                FEATURE_LAYERS - 1
            );
        }
        Ok(())
    }
}
