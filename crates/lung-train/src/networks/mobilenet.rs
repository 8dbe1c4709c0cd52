//! What MobileNetV2 and MobileNet-Lung cost: the networks themselves are [`mobilenet_lung::network`]'s.

use mobilenet_lung::architecture::SPATIAL_KERNEL;
use mobilenet_lung::network::{Attention, MobileNetLung};

use super::layers::{Walk, Walked};

/// A walk through the whole network, from an image of this side.
pub(super) fn walk(network: &MobileNetLung, side: usize) -> Walk {
    let attended = |walk: Walk, attention: &Option<Attention>| match attention {
        Some(attention) => attention.walk(walk),
        None => walk,
    };
    let mut walk = network.stem.walk(Walk::new(side));
    for block in &network.blocks {
        if let Some(expand) = &block.expand {
            walk = expand.walk(walk);
        }
        walk = block.project.walk(block.depthwise.walk(walk));
        walk = attended(walk, &block.attention);
    }
    walk = attended(network.last.walk(walk), &network.attention);
    let [findings, features] = network.head.weight.lazy_shape().dims();
    walk.costs(findings * features)
}

impl Walked for Attention {
    /// The gates' own multiply-adds: the two layers on the mean, for CBAM on the maximum too, and its spatial kernel.
    fn walk(&self, walk: Walk) -> Walk {
        let [hidden, channels] = self.reduce_weight.lazy_shape().dims();
        let layers = 2 * channels * hidden;
        walk.costs(match self.spatial_weight {
            None => layers,
            Some(_) => 2 * layers + 2 * SPATIAL_KERNEL * SPATIAL_KERNEL * walk.side * walk.side,
        })
    }
}
