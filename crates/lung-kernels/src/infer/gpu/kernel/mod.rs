//! The arithmetic of one unit, as CubeCL compiles it for whatever the device speaks.
//!
//! Activations are channels-last and their channels padded with zeros to a multiple of `GROUP`, weights likewise, so
//! that no kernel asks whether a channel exists. Neighbouring units take neighbouring channels: what they read and
//! write lies side by side. Each unit holds [`Tile`](blocks::Tile) positions x channels in registers, so that every value it loads
//! serves several multiplications: on a GPU that runs in software, loads are what costs.
//!
//! Sizes are numbers at run time and tiles and strides constants, so that the network needs few pipelines, and those
//! are compiled once. Workgroup memory is not used: browsers clear it, which takes software adapters longer to
//! compile than all else; what units hand each other goes through a storage buffer and its barrier.

pub(super) mod blocks;
pub(super) mod gates;
