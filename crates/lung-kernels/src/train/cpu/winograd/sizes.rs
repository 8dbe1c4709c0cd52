//! Tiles, and where they pay.

use super::super::direct::lanes;
use crate::train::shape::Shape;

/// Outputs of a tile in one direction.
pub(super) const TILE: usize = 4;
/// Inputs of a tile in one direction, and places of a transformed tile.
pub(super) const REACH: usize = TILE + 2;
/// Places of a transformed tile.
pub(super) const PLACES: usize = REACH * REACH;

/// Vectors of channels that are summed up at a time.
pub(super) const WIDE: usize = 2;

/// Tiles that make it worth transforming the weight: it becomes four times as large.
const ENOUGH_TILES: usize = 128;
/// Channels on either side that make it worth transforming the maps.
const ENOUGH_CHANNELS: usize = 32;
/// Channels are a multiple of this, so that they fill vectors of any processor.
const CHANNELS: usize = 16;
/// Numbers of a vector at least: a gradient of the weight is summed up for four channels at a time.
const LANES: usize = 4;

/// Tiles of a map in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tiles {
    pub(super) down: usize,
    pub(super) across: usize,
}

impl Tiles {
    pub(super) fn of(height: usize, width: usize) -> Self {
        Self {
            down: height.div_ceil(TILE),
            across: width.div_ceil(TILE),
        }
    }

    pub(super) fn count(self) -> usize {
        self.down * self.across
    }
}

/// Whether this way is the faster one, by the sizes alone, so that sums come out the same whatever the number of threads.
pub(in super::super) fn pays(shape: &Shape) -> bool {
    let channels = |count: usize| count >= ENOUGH_CHANNELS && count.is_multiple_of(CHANNELS);
    let maps = |height: usize, width: usize| {
        let tiles = Tiles::of(height, width).count();
        // A map that does not fill its tiles saves less.
        tiles * shape.batch >= ENOUGH_TILES && tiles * PLACES * 2 <= height * width * 9
    };
    shape.side == 3
        && shape.stride == 1
        && (LANES..=CHANNELS).contains(&lanes())
        && channels(shape.input)
        && channels(shape.output)
        && maps(shape.height, shape.width)
        && maps(shape.height_out, shape.width_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Geometry};

    fn pays_for(input: [usize; 4], output: usize, side: usize, stride: usize) -> bool {
        let geometry = Geometry {
            stride,
            padding: side / 2,
            groups: 1,
            activation: Activation::Relu,
        };
        let shape = Shape::new(input, [output, input[1], side, side], geometry);
        pays(&shape.expect("a convolution of this crate"))
    }

    #[test]
    fn it_is_taken_where_it_was_measured_to_be_faster() {
        // ResNet18, VGG11, DenseNet121 and SqueezeNet at 224 pixels.
        assert!(pays_for([16, 64, 56, 56], 64, 3, 1));
        assert!(pays_for([16, 256, 14, 14], 256, 3, 1));
        assert!(pays_for([16, 64, 112, 112], 128, 3, 1));
        assert!(pays_for([16, 128, 14, 14], 32, 3, 1));
        assert!(pays_for([16, 48, 13, 13], 192, 3, 1));
        // Too few tiles for so large a weight, too few channels, not whole vectors, another stride or side.
        assert!(!pays_for([16, 512, 7, 7], 512, 3, 1));
        assert!(!pays_for([16, 16, 55, 55], 64, 3, 1));
        assert!(!pays_for([16, 40, 28, 28], 40, 3, 1));
        assert!(!pays_for([16, 64, 56, 56], 128, 3, 2));
        assert!(!pays_for([16, 64, 56, 56], 64, 5, 1));
        // Rows of one line fill a quarter of their tiles.
        assert!(!pays_for([16, 64, 1, 128], 64, 3, 1));
    }
}
