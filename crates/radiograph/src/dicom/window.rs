//! Which values are shown, and how bright.

use serde::{Deserialize, Serialize};

/// Which values are shown from black to white, or from white to black in `MONOCHROME1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// The value in the middle of the greys, in the unit of the values.
    pub centre: f64,
    /// From the value that is black to the one that is white; more than 0.
    pub width: f64,
    /// What is between them.
    pub shape: WindowShape,
    /// Where it comes from.
    pub origin: WindowOrigin,
}

/// How brightness grows within a window (PS3.3, C.11.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowShape {
    /// Evenly, over one value less than the width.
    Linear,
    /// Evenly, over the width.
    LinearExact,
    /// Steeply in the middle and less and less towards both ends, and somewhat beyond them.
    Sigmoid,
    /// As a table in the file says; centre and width are those of the table.
    Table,
}

/// Where a window comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowOrigin {
    /// The first that the file gives.
    File,
    /// From the least to the greatest value of a pixel, because the file gives none that shows anything.
    Pixels,
    /// The caller's: [`Radiograph::with_window`](crate::Radiograph::with_window).
    Caller,
}

impl Window {
    /// Whether it can be shown at all.
    pub(super) fn is_sound(&self) -> bool {
        let least = if self.shape == WindowShape::Linear {
            1.0
        } else {
            1e-6
        };
        self.centre.is_finite() && self.width.is_finite() && self.width >= least
    }

    /// The same, exact where the standard's formula makes no sense: it takes half a value and one of the width, which are not
    /// small where values are fractions.
    pub(super) fn fitting(self, unit: f64) -> Self {
        let fine = self.width < 1.0 || (unit < 0.1 && self.width < 16.0);
        match self.shape {
            WindowShape::Linear if fine => Self {
                shape: WindowShape::LinearExact,
                ..self
            },
            _ => self,
        }
    }

    /// The brightness of a value, `0..=1`.
    pub(super) fn brightness(&self, value: f64) -> f64 {
        let Self { centre, width, .. } = *self;
        match self.shape {
            WindowShape::Linear if width <= 1.0 => f64::from(u8::from(value > centre - 0.5)),
            WindowShape::Linear => ((value - (centre - 0.5)) / (width - 1.0) + 0.5).clamp(0.0, 1.0),
            WindowShape::LinearExact | WindowShape::Table => {
                ((value - centre) / width + 0.5).clamp(0.0, 1.0)
            }
            WindowShape::Sigmoid => 1.0 / (1.0 + (-4.0 * (value - centre) / width).exp()),
        }
    }
}
