//! Weights as the kernels read them: the output channel innermost, channels padded with zeros.

use super::geometry::padded;
use super::kernel::gates::SPATIAL_SIDE;

/// A convolution's or a matrix's numbers, output channels first, and its bias.
#[derive(Clone, Copy, Debug)]
pub struct Linear<'a> {
    /// `[output, ...]`
    pub weight: &'a [f32],
    /// `[output]`
    pub bias: &'a [f32],
}

impl Linear<'_> {
    /// Appends `[depth, padded(output)]` and the padded bias.
    ///
    /// # Panics
    /// When the weight is not `[output, depth]` with as many outputs as the bias has.
    fn append(self, depth: usize, into: &mut Vec<f32>) {
        let output = self.bias.len();
        assert_eq!(self.weight.len(), output * depth, "weights do not fit");
        let width = padded(output);
        let start = into.len();
        into.resize(start + (depth + 1) * width, 0.0);
        let packed = &mut into[start..];
        for (o, row) in self.weight.chunks_exact(depth.max(1)).enumerate() {
            for (k, value) in row.iter().enumerate() {
                packed[k * width + o] = *value;
            }
        }
        packed[depth * width..][..output].copy_from_slice(self.bias);
    }
}

/// For [`super::stem`]: `[output, input, 3, 3]` of `input` planes.
///
/// # Panics
/// Like every function here, when there are not as many numbers as the shapes have places.
pub fn pack_stem(stem: Linear<'_>, input: usize) -> Vec<f32> {
    let mut packed = Vec::new();
    stem.append(input * 9, &mut packed);
    packed
}

/// For [`super::block`]: `[hidden, 1, 3, 3]`, `[output, hidden]` and, where the block expands, `[expanded, output]`.
///
/// # Panics
/// As [`pack_stem`].
pub fn pack_block(
    depthwise: Linear<'_>,
    project: Linear<'_>,
    expand: Option<Linear<'_>>,
) -> Vec<f32> {
    let mut packed = Vec::new();
    depthwise.append(9, &mut packed);
    project.append(depthwise.bias.len(), &mut packed);
    if let Some(expand) = expand {
        expand.append(project.bias.len(), &mut packed);
    }
    packed
}

/// For [`super::channel_gate`]: `[hidden, channels]` and `[channels, hidden]`.
///
/// # Panics
/// As [`pack_stem`].
pub fn pack_channel_gate(reduce: Linear<'_>, expand: Linear<'_>) -> Vec<f32> {
    let (channels, hidden) = (expand.bias.len(), reduce.bias.len());
    let mut packed = Vec::new();
    reduce.append(channels, &mut packed);
    expand.append(hidden, &mut packed);
    packed
}

/// For [`super::position_gate`]: `[1, 2, 7, 7]` and one bias.
///
/// # Panics
/// As [`pack_stem`].
pub fn pack_position_gate(gate: Linear<'_>) -> Vec<f32> {
    let taps = 2 * SPATIAL_SIDE * SPATIAL_SIDE;
    assert_eq!(
        (gate.weight.len(), gate.bias.len()),
        (taps, 1),
        "weights do not fit"
    );
    [gate.weight, gate.bias].concat()
}
