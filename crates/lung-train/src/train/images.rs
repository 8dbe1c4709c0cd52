//! Batches of a data set's images, as they are or changed at random.

use anyhow::Context as _;
use burn::tensor::{Device, Tensor, TensorData};
use mobilenet_lung::Preprocessing;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::outcomes::{Outcomes, rows};
use crate::augment::Augmentation;
use crate::data::{Dataset, Pixels};

/// Images a forward pass without gradients.
pub(super) const FORWARD_BATCH: usize = 16;

/// A data set with the pixels of those of its images that are wanted.
#[derive(Clone, Copy)]
pub(crate) struct Images<'a> {
    pub(crate) dataset: &'a Dataset,
    pub(crate) pixels: &'a Pixels,
}

impl Images<'_> {
    /// Images as they are, `[batch, 3, side, side]`.
    pub(super) fn plain(&self, indices: &[usize], device: &Device) -> anyhow::Result<Tensor<4>> {
        let side = self.pixels.preprocessing.side as usize;
        self.batch(indices, device, side, |pixels, preprocessing, _| {
            let reduced: Vec<f32> = pixels.iter().map(|p| f32::from(*p) / 255.0).collect();
            let grey = preprocessing.enlarge(&reduced);
            let mut out = Vec::with_capacity(grey.len() * 3);
            preprocessing.normalise_into(&grey, &mut out);
            out
        })
    }

    /// Images each changed at random, `[batch, 3, side, side]`; `first` is the number of the first of them within the
    /// stream of random numbers.
    pub(crate) fn augmented(
        &self,
        indices: &[usize],
        device: &Device,
        augmentation: &Augmentation,
        side: usize,
        rng: &ChaCha8Rng,
        first: usize,
    ) -> anyhow::Result<Tensor<4>> {
        self.batch(indices, device, side, |pixels, preprocessing, place| {
            // A stretch of the epoch's stream for each image, whichever thread it falls to.
            let mut rng = rng.clone();
            rng.set_word_pos(((first + place) as u128 + 1) << 24);
            augmentation.input(pixels, preprocessing, side, &mut rng)
        })
    }

    /// What a network without autodiff answers to images as they are; `forward` takes these to logits.
    pub(crate) fn outcomes(
        &self,
        forward: &dyn Fn(Tensor<4>) -> Tensor<2>,
        indices: &[usize],
        device: &Device,
    ) -> anyhow::Result<Outcomes> {
        let mut outcomes = Outcomes::default();
        for (index, logits) in indices.iter().zip(self.logits(forward, indices, device)?) {
            outcomes.push(*index, self.dataset.examples[*index].finding, logits);
        }
        Ok(outcomes)
    }

    /// The logits of images as they are, in their order.
    pub(crate) fn logits(
        &self,
        forward: &dyn Fn(Tensor<4>) -> Tensor<2>,
        indices: &[usize],
        device: &Device,
    ) -> anyhow::Result<Vec<Vec<f32>>> {
        let mut all = Vec::with_capacity(indices.len());
        for indices in indices.chunks(FORWARD_BATCH) {
            all.extend(rows(forward(self.plain(indices, device)?))?);
        }
        Ok(all)
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
