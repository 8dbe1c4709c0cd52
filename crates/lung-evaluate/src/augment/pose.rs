//! The affine map of an augmented image: where the patient lies in the picture.

use mobilenet_lung::Preprocessing;
use rand::Rng;

use super::framing::{Frame, Place};
use super::random::within;

/// How far a pose may go from the one in the file.
pub(super) struct Reach {
    /// Degrees to either side.
    pub(super) rotation: f32,
    /// Enlargement or reduction, as a share.
    pub(super) scale: f32,
    /// Width against height, as a share.
    pub(super) stretch: f32,
    /// In either direction, as a share of the side.
    pub(super) shift: f32,
}

/// How the patient lies in the picture.
#[derive(Clone, Copy)]
pub(super) struct Pose {
    pub(super) sin: f32,
    pub(super) cos: f32,
    /// What a share of the width, and of the height, is multiplied by.
    pub(super) spread: [f32; 2],
    /// Shift to the right and down, as shares of the side.
    pub(super) shift: [f32; 2],
    pub(super) mirror: bool,
}

impl Pose {
    pub(super) fn draw(reach: &Reach, rng: &mut impl Rng) -> Self {
        let angle = within(reach.rotation, rng).to_radians();
        let scale = 1.0 + within(reach.scale, rng);
        let stretch = 1.0 + within(reach.stretch, rng);
        let shift = [0; 2].map(|_| within(reach.shift, rng));
        let (sin, cos) = angle.sin_cos();
        Self {
            sin,
            cos,
            spread: [1.0 / (scale * stretch), stretch / scale],
            shift,
            mirror: false,
        }
    }
}

/// A square picture whose patient lies in it otherwise.
pub(super) struct Picture<'a> {
    pub(super) source: &'a [f32],
    pub(super) detail: usize,
    pub(super) pose: Pose,
}

impl Picture<'_> {
    /// The intensity at a place measured from the centre, as shares of the side.
    fn at(&self, u: f32, v: f32) -> f32 {
        let Pose {
            sin,
            cos,
            spread: [wide, high],
            shift: [dx, dy],
            mirror,
        } = self.pose;
        let last = self.detail - 1;
        let v = v - dy;
        let mut u = u - dx;
        if mirror {
            u = -u;
        }
        let place = |share: f32| ((share + 0.5) * self.detail as f32 - 0.5).clamp(0.0, last as f32);
        let sx = place((cos * u + sin * v) * wide);
        let sy = place((cos * v - sin * u) * high);
        let (x0, y0) = (sx as usize, sy as usize);
        let (x1, y1) = ((x0 + 1).min(last), (y0 + 1).min(last));
        let (fx, fy) = (sx - x0 as f32, sy - y0 as f32);
        let at = |y: usize, x: usize| self.source[y * self.detail + x];
        let top = at(y0, x0) + (at(y0, x1) - at(y0, x0)) * fx;
        let bottom = at(y1, x0) + (at(y1, x1) - at(y1, x0)) * fx;
        top + (bottom - top) * fy
    }

    /// The whole picture, `[side * side]`.
    pub(super) fn whole(&self, side: usize) -> Vec<f32> {
        let share = |at: usize| (at as f32 + 0.5) / side as f32 - 0.5;
        (0..side * side)
            .map(|i| self.at(share(i % side), share(i / side)))
            .collect()
    }

    /// What a frame shows, `[side * side]`, stretched to its own range.
    pub(super) fn framed(&self, frame: &Frame, side: usize, rng: &mut impl Rng) -> Vec<f32> {
        let reach = frame.reach();
        let shrinks = (reach.iter().zip(self.pose.spread))
            .map(|(reach, spread)| reach * spread * self.detail as f32 / side as f32)
            .fold(0.0, f32::max);
        // Where pixels are skipped, each is the mean of four places, in the way of the filter that reduces files.
        let taps = if shrinks > 1.2 { 2 } else { 1 };
        let mut out = Vec::with_capacity(side * side);
        for i in 0..side * side {
            let mut sum = 0.0;
            for tap in 0..taps * taps {
                let share = |pixel: usize, tap: usize| {
                    (pixel as f32 + (tap as f32 + 0.5) / taps as f32) / side as f32
                };
                sum += match frame.at(
                    share(i % side, tap % taps),
                    share(i / side, tap / taps),
                    rng,
                ) {
                    Place::Picture(x, y) => self.at(x - 0.5, y - 0.5),
                    Place::Margin(grey) => grey,
                };
            }
            out.push(sum / (taps * taps) as f32);
        }
        Preprocessing::stretch(&mut out);
        out
    }
}
