//! A feature map, channels last.

use std::ops::Range;

use super::vectors::padded;

/// A feature map, channels last: `[height, width, channels]`, each position padded with zeros to whole vectors.
#[derive(Clone, Debug, Default)]
pub struct Map {
    height: usize,
    width: usize,
    channels: usize,
    pitch: usize,
    values: Vec<f32>,
}

impl Map {
    /// A map of zeros.
    pub fn zeros(height: usize, width: usize, channels: usize) -> Self {
        let mut map = Self::default();
        map.reshape(height, width, channels);
        map
    }

    /// From channels first, `[channels, height, width]`.
    ///
    /// # Panics
    /// When `values` has another length than that.
    pub fn from_planes(values: &[f32], channels: usize, height: usize, width: usize) -> Self {
        let area = height * width;
        assert_eq!(values.len(), channels * area, "values of the planes");
        let mut map = Self::zeros(height, width, channels);
        for (position, there) in map.values.chunks_exact_mut(map.pitch).enumerate() {
            for (channel, value) in there[..channels].iter_mut().enumerate() {
                *value = values[channel * area + position];
            }
        }
        map
    }

    /// Channels first, `[channels, height, width]`.
    pub fn to_planes(&self) -> Vec<f32> {
        let area = self.height * self.width;
        let mut planes = vec![0.0; self.channels * area];
        for (position, there) in self.positions().enumerate() {
            for (channel, value) in there.iter().enumerate() {
                planes[channel * area + position] = *value;
            }
        }
        planes
    }

    /// Makes it a map of this shape, in the memory that it has where that is enough. What it holds then is unspecified,
    /// but for the padding, which is zero or finite.
    pub fn reshape(&mut self, height: usize, width: usize, channels: usize) {
        let pitch = padded(channels);
        self.values.resize(height * width * pitch, 0.0);
        (self.height, self.width, self.channels, self.pitch) = (height, width, channels, pitch);
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Channels, without the padding.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The channels of each position, row by row.
    pub fn positions(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        let channels = self.channels;
        self.values
            .chunks_exact(self.pitch.max(1))
            .map(move |there| &there[..channels])
    }

    /// The channels of each position, row by row.
    pub fn positions_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [f32]> {
        let channels = self.channels;
        self.values
            .chunks_exact_mut(self.pitch.max(1))
            .map(move |there| &mut there[..channels])
    }

    /// Rows with the padding of their positions, to be handed to a map of the same shape on a processor of the same kind.
    ///
    /// # Panics
    /// When there are no such rows.
    pub fn rows(&self, rows: Range<usize>) -> &[f32] {
        let across = self.width * self.pitch;
        &self.values[rows.start * across..rows.end * across]
    }

    /// As [`rows`](Self::rows), to be written.
    ///
    /// # Panics
    /// When there are no such rows.
    pub fn rows_mut(&mut self, rows: Range<usize>) -> &mut [f32] {
        let across = self.width * self.pitch;
        &mut self.values[rows.start * across..rows.end * across]
    }

    /// Numbers from one position to the next.
    pub(crate) fn pitch(&self) -> usize {
        self.pitch
    }

    /// Everything, with the padding.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Everything, with the padding.
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}
