//! How all networks of a comparison are trained.

use anyhow::Context as _;
use mobilenet_lung::Preprocessing;
use serde::{Deserialize, Serialize};

use crate::augment::Augmentation;
use crate::config::TrainConfig;

/// The recipe of the model that ships.
const SHIPPED: &str = include_str!("../../recipes/lung-xray.toml");

/// The side of that model's images.
const SHIPPED_SIDE: usize = 224;

/// The networks' maps are halved five times.
const SIDE_STEP: usize = 32;

/// Which recipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecipeKind {
    /// One stage, the same for all.
    #[default]
    Plain,
    /// That of the model that ships: its augmentation, its draws, its average and its schedule. What is pretrained is frozen at first,
    /// and moves by steps relative to its size.
    Shipped,
}

/// What all networks have in common: one budget, one optimizer, one schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Which.
    #[serde(default)]
    pub kind: RecipeKind,
    /// Width and height of the networks' input.
    pub side: u32,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images a step.
    pub batch: usize,
    /// Peak learning rate of what starts from scratch: whole networks, heads, attention.
    pub fresh_learning_rate: f64,
    /// Peak learning rate of what somebody else has trained.
    pub learning_rate: f64,
    /// Share of the training in which the learning rates rise from 0 to their peaks; a cosine takes them back to 0.
    pub warm_up: f64,
    /// AdamW's decay of weights; biases and norms do not decay.
    pub weight_decay: f32,
    /// Share of each target that is spread over all classes, 0..1.
    pub label_smoothing: f32,
    /// Decay of the running average of the weights, per step, 0..1.
    pub average: f32,
    /// Random changes of training images.
    pub augmentation: Augmentation,
    /// Passes before these in which only what starts from scratch is trained, on images as they are, where the rest is pretrained.
    #[serde(default)]
    pub head_epochs: usize,
    /// How far an epoch draws alike from each stratum: see [`TrainConfig::balance`].
    #[serde(default)]
    pub balance: f64,
    /// Images that an epoch draws; 0 draws as many as there are.
    #[serde(default)]
    pub draws: usize,
    /// Sides of the training images as the training goes on, in parts of equal length, for a `side` of 224; none is that of the network's
    /// input.
    #[serde(default)]
    pub sides: Vec<usize>,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            kind: RecipeKind::Plain,
            side: 96,
            epochs: 10,
            batch: 32,
            fresh_learning_rate: 1e-3,
            learning_rate: 3e-4,
            warm_up: 0.15,
            weight_decay: 0.05,
            label_smoothing: 0.05,
            average: 0.98,
            augmentation: Augmentation::default(),
            head_epochs: 0,
            balance: 0.0,
            draws: 0,
            sides: Vec::new(),
        }
    }
}

impl Recipe {
    /// How images are made for it.
    pub(super) fn preprocessing(&self) -> Preprocessing {
        Preprocessing {
            side: self.side,
            detail: self.side,
            ..Preprocessing::IMAGENET
        }
    }

    /// The recipe of the model that ships, at its side and for as many epochs as that was trained.
    ///
    /// # Errors
    /// Never, but for a recipe in the source that is none.
    pub fn shipped() -> anyhow::Result<Self> {
        let config: TrainConfig =
            toml::from_str(SHIPPED).context("the recipe of the shipped model is damaged")?;
        let stage = &config.fine_tune;
        let side = |epoch: usize| stage.side.get(epoch).or(stage.side.last()).copied();
        Ok(Self {
            kind: RecipeKind::Shipped,
            side: SHIPPED_SIDE as u32,
            epochs: stage.epochs,
            batch: config.batch,
            fresh_learning_rate: stage.head_learning_rate,
            learning_rate: stage.learning_rate,
            warm_up: stage.warm_up,
            weight_decay: config.weight_decay,
            label_smoothing: config.label_smoothing,
            average: config.average,
            head_epochs: config.head.epochs,
            balance: config.balance,
            draws: config.draws,
            sides: (0..stage.epochs).filter_map(side).collect(),
            augmentation: config.augmentation,
        })
    }

    /// Width and height of the training images of an epoch, at least `least`.
    pub(super) fn side_of(&self, epoch: usize, least: usize) -> usize {
        let side = self.side as usize;
        let place = epoch * self.sides.len() / self.epochs.max(1);
        match self.sides.get(place) {
            Some(share) if *share < SHIPPED_SIDE => {
                let steps = share * side + SHIPPED_SIDE * SIDE_STEP / 2;
                let steps = steps / (SHIPPED_SIDE * SIDE_STEP);
                (steps * SIDE_STEP).max(least).min(side)
            }
            _ => side,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_recipe_is_that_of_the_model() {
        let recipe = Recipe::shipped().unwrap();
        let config: TrainConfig = toml::from_str(SHIPPED).unwrap();
        assert_eq!(recipe.augmentation, config.augmentation);
        assert_eq!(recipe.average, config.average);
        let sides: Vec<usize> = (0..recipe.epochs)
            .map(|epoch| recipe.side_of(epoch, 1))
            .collect();
        assert_eq!(sides[..config.fine_tune.side.len()], config.fine_tune.side);
        assert_eq!(sides[recipe.epochs - 1], 224);
    }

    #[test]
    fn a_shorter_training_goes_through_the_same_sides() {
        let recipe = Recipe {
            epochs: 5,
            side: 112,
            ..Recipe::shipped().unwrap()
        };
        let sides: Vec<usize> = (0..5).map(|epoch| recipe.side_of(epoch, 1)).collect();
        assert_eq!(sides, [96, 96, 96, 112, 112]);
        assert_eq!(recipe.side_of(0, 100), 100);
        assert_eq!(Recipe::default().side_of(0, 1), 96);
    }
}
