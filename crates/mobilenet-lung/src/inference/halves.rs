//! One image on two threads that share no memory, such as two workers of a page: each computes half of the rows of every map, and hands
//! the other the row at the border between them.

use std::mem::swap;
use std::ops::Range;

use lung_kernels::infer::cpu::{Map, Residual};

use super::cpu::{CpuNetwork, INPUT, SIDE};
use super::parameters::Inference;
use super::tail::embedding;

/// Numbers that one of the halves hands over at most: of the last map, 3 rows of 7 positions with 1280 channels.
pub const LONGEST_EXCHANGE: usize = 3 * 7 * 1280;

/// The thread that computes the other half.
pub trait Partner {
    /// Tells it that an input will be handed over soon: a thread that sleeps takes a while to wake.
    fn call(&mut self) {}

    /// Hands over the input, `[3, 224, 224]`, for [`CpuNetwork::assist`].
    fn begin(&mut self, input: &[f32]);

    /// Hands over `own`, at most [`LONGEST_EXCHANGE`] numbers, and waits for what the partner hands over at the same exchange, which has
    /// the length of `other`. An image takes 19.
    ///
    /// # Errors
    /// [`PartnerLost`] when that does not come in time: then neither half is of use.
    fn exchange(&mut self, own: &[f32], other: &mut [f32]) -> Result<(), PartnerLost>;
}

/// The other half has not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other half of the image has not come in time")]
pub struct PartnerLost;

/// Which rows of every map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Upper,
    Lower,
}

impl Half {
    /// Its rows of a map of this height. The upper half has the more of an odd number: what it hands over is the less.
    fn rows(self, height: usize) -> Range<usize> {
        let border = height.div_ceil(2);
        match self {
            Self::Upper => 0..border,
            Self::Lower => border..height,
        }
    }

    /// Hands the row at the border over, and takes the other's.
    fn share(self, map: &mut Map, partner: &mut dyn Partner) -> Result<(), PartnerLost> {
        let border = map.height().div_ceil(2);
        let (above, below) = (border - 1..border, border..border + 1);
        let (own, other) = match self {
            Self::Upper => (above, below),
            Self::Lower => (below, above),
        };
        let own = map.rows(own).to_vec();
        partner.exchange(&own, map.rows_mut(other))
    }
}

impl CpuNetwork {
    /// Whether an image can be divided: no attention before the last layer needs a whole map.
    pub fn has_halves(&self) -> bool {
        self.blocks.iter().all(|block| block.attention.is_none())
    }

    /// As [`infer`](Self::infer), with a partner that runs [`assist`](Self::assist) on the same input and weights; the result is the
    /// same, bit for bit.
    ///
    /// `None` when `input` has another length, or the network has no halves.
    ///
    /// # Errors
    /// [`PartnerLost`] as the partner says.
    pub fn infer_with(
        &self,
        input: &[f32],
        partner: &mut dyn Partner,
    ) -> Result<Option<Inference>, PartnerLost> {
        if !self.can_divide(input) {
            return Ok(None);
        }
        self.with_maps(|maps| {
            partner.begin(input);
            self.half(Half::Upper, input, maps, partner)?;
            let [map, last] = maps;
            Ok(Some(Inference {
                evidence: self.tail.evidence(last),
                embedding: embedding(map),
            }))
        })
    }

    /// The half that [`infer_with`](Self::infer_with) leaves to its partner; `None` as there.
    ///
    /// # Errors
    /// [`PartnerLost`] as the partner says.
    pub fn assist(
        &self,
        input: &[f32],
        partner: &mut dyn Partner,
    ) -> Result<Option<()>, PartnerLost> {
        if !self.can_divide(input) {
            return Ok(None);
        }
        self.with_maps(|maps| self.half(Half::Lower, input, maps, partner))
            .map(Some)
    }

    fn can_divide(&self, input: &[f32]) -> bool {
        input.len() == INPUT && self.has_halves()
    }

    /// The output of the last block and that of the last layer: of the upper half all of it.
    fn half(
        &self,
        half: Half,
        input: &[f32],
        [map, next]: &mut [Map; 2],
        partner: &mut dyn Partner,
    ) -> Result<(), PartnerLost> {
        let rows = half.rows(SIDE / 2);
        self.stem.forward_rows(input, SIDE, SIDE, rows, map);
        for block in &self.blocks {
            half.share(map, partner)?;
            let height = map.height().div_ceil(block.layers.stride());
            let (residual, rows): (Residual, _) = (block.residual, half.rows(height));
            block.layers.forward_rows(map, residual, rows, next);
            swap(map, next);
        }
        let rows = half.rows(map.height());
        self.last.forward_rows(map, rows, next);
        for whole in [map, next] {
            let lower = Half::Lower.rows(whole.height());
            match half {
                Half::Upper => partner.exchange(&[], whole.rows_mut(lower))?,
                Half::Lower => partner.exchange(whole.rows(lower), &mut [])?,
            }
        }
        Ok(())
    }
}
