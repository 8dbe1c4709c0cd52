//! How a radiograph lies within its frame: cut closer, or with a margin around it.
//!
//! People crop radiographs, photograph them, and print them on pages. None of that changes what they show.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::random::{normal, up_to, within};

/// How far the frame of a training image may differ. All zero leaves frames as they are.
///
/// A framed image is stretched to its own darkest and brightest pixel again, as
/// [`Preprocessing`](mobilenet_lung::Preprocessing) does with a file that somebody else has cropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Framing {
    /// Probability that all four sides are cut alike, or get a margin alike, 0..=1.
    pub zoom_probability: f32,
    /// Most that such a zoom cuts off each side, or adds to it, as a share of the side, below 0.4.
    pub zoom: f32,
    /// Probability that the sides are cut independently of each other, 0..=1.
    pub crop_probability: f32,
    /// Most that is cut off one side, as a share of the side, below 0.4.
    pub crop: f32,
    /// Probability of a margin on some sides, 0..=1: black, grey, white, noisy, mirrored or repeated.
    pub margin_probability: f32,
    /// Widest margin of one side, as a share of the image's side, below 1.
    pub margin: f32,
}

impl Framing {
    /// Frames stay as they are.
    pub const NONE: Self = Self {
        zoom_probability: 0.0,
        zoom: 0.0,
        crop_probability: 0.0,
        crop: 0.0,
        margin_probability: 0.0,
        margin: 0.0,
    };

    /// Whether any frame may change.
    pub fn changes(&self) -> bool {
        [
            self.zoom_probability,
            self.crop_probability,
            self.margin_probability,
        ]
        .iter()
        .any(|probability| *probability > 0.0)
    }

    /// A random frame; `None`, and no number drawn, where none may change.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> Option<Frame> {
        if !self.changes() {
            return None;
        }
        let mut frame = Frame {
            cut: [0.0; 4],
            margin: [0.0; 4],
            fill: Fill::draw(rng),
        };
        if rng.random_bool(f64::from(self.zoom_probability)) {
            let zoom = within(self.zoom, rng);
            frame.cut = [zoom.max(0.0); 4];
            frame.margin = [(-zoom).max(0.0); 4];
        }
        if rng.random_bool(f64::from(self.crop_probability)) {
            for cut in &mut frame.cut {
                // Every second side, so that a cut of one side alone is as common as one of all.
                if rng.random_bool(0.5) {
                    *cut = cut.max(up_to(self.crop, rng));
                }
            }
        }
        if rng.random_bool(f64::from(self.margin_probability)) {
            let widths = margins(self.margin, rng);
            for (margin, width) in frame.margin.iter_mut().zip(widths) {
                *margin = margin.max(width);
            }
        }
        Some(frame)
    }
}

/// Margins `[left, right, top, bottom]`: of one side, of two opposite ones (another aspect), of all alike, or each its own.
fn margins(widest: f32, rng: &mut impl Rng) -> [f32; 4] {
    let width = up_to(widest, rng);
    match rng.random_range(0..4) {
        0 => {
            let mut margins = [0.0; 4];
            margins[rng.random_range(0..4)] = width;
            margins
        }
        1 => match rng.random_bool(0.5) {
            true => [width, width, 0.0, 0.0],
            false => [0.0, 0.0, width, width],
        },
        2 => [width; 4],
        _ => [0; 4].map(|_| up_to(widest, rng)),
    }
}

/// One frame around a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    /// What is cut off `[left, right, top, bottom]`, as shares of the side.
    cut: [f32; 4],
    /// What is then added there, as shares of what is left.
    margin: [f32; 4],
    /// What a margin shows.
    fill: Fill,
}

/// What a margin shows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fill {
    /// A plain grey, 0..=1.
    Plain(f32),
    /// Normal noise about a grey.
    Noise { mean: f32, deviation: f32 },
    /// The picture, mirrored at its edge.
    Mirrored,
    /// The edge of the picture, repeated.
    Repeated,
}

impl Fill {
    fn draw(rng: &mut impl Rng) -> Self {
        match rng.random_range(0..10) {
            // What viewers and scanners leave beside a picture is mostly black.
            0..4 => Self::Plain(0.0),
            4..6 => Self::Plain(rng.random_range(0.05..0.95)),
            6 => Self::Plain(1.0),
            7 => Self::Noise {
                mean: rng.random_range(0.0..1.0),
                deviation: rng.random_range(0.01..0.2),
            },
            8 => Self::Mirrored,
            _ => Self::Repeated,
        }
    }
}

/// What lies at a place of the frame.
pub(super) enum Place {
    /// A place of the picture, both coordinates 0..=1.
    Picture(f32, f32),
    /// A margin of this grey.
    Margin(f32),
}

impl Frame {
    /// Share of the picture's width and height that one share of the frame's shows.
    pub(super) fn reach(&self) -> [f32; 2] {
        [0, 2].map(|side| {
            (1.0 + self.margin[side] + self.margin[side + 1])
                * (1.0 - self.cut[side] - self.cut[side + 1])
        })
    }

    /// What lies at a place of the frame, both coordinates 0..=1.
    pub(super) fn at(&self, x: f32, y: f32, rng: &mut impl Rng) -> Place {
        let left = |share: f32, side: usize| {
            share * (1.0 + self.margin[side] + self.margin[side + 1]) - self.margin[side]
        };
        let (mut x, mut y) = (left(x, 0), left(y, 2));
        let inside = 0.0..=1.0;
        if !(inside.contains(&x) && inside.contains(&y)) {
            match self.fill {
                Fill::Plain(grey) => return Place::Margin(grey),
                Fill::Noise { mean, deviation } => {
                    return Place::Margin((mean + deviation * normal(rng)).clamp(0.0, 1.0));
                }
                Fill::Mirrored => (x, y) = (mirrored(x), mirrored(y)),
                Fill::Repeated => (x, y) = (x.clamp(0.0, 1.0), y.clamp(0.0, 1.0)),
            }
        }
        let whole = |share: f32, side: usize| {
            self.cut[side] + share * (1.0 - self.cut[side] - self.cut[side + 1])
        };
        Place::Picture(whole(x, 0), whole(y, 2))
    }
}

/// A share beyond 0..=1 by less than 1, mirrored back at the edge.
fn mirrored(share: f32) -> f32 {
    let share = share.abs();
    if share > 1.0 { 2.0 - share } else { share }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use mobilenet_lung::Preprocessing;

    use super::*;
    use crate::augment::pose::{Picture, Pose};

    const SIDE: usize = 64;

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(7)
    }

    fn show(source: &[f32], side: usize, frame: &Frame) -> Vec<f32> {
        let pose = Pose {
            sin: 0.0,
            cos: 1.0,
            spread: [1.0; 2],
            shift: [0.0; 2],
            mirror: false,
        };
        let picture = Picture {
            source,
            detail: side,
            pose,
        };
        picture.framed(frame, side, &mut rng())
    }

    fn framed(frame: Frame) -> Vec<f32> {
        let pixels: Vec<u8> = (0..SIDE * SIDE)
            .map(|i| (40 + (i % SIDE) * 2 + (i / SIDE)) as u8)
            .collect();
        let source: Vec<f32> = pixels.iter().map(|p| f32::from(*p) / 255.0).collect();
        show(&source, SIDE, &frame)
    }

    fn frame(cut: [f32; 4], margin: [f32; 4], fill: Fill) -> Frame {
        Frame { cut, margin, fill }
    }

    #[test]
    fn no_framing_draws_no_number() {
        let (mut a, mut b) = (rng(), rng());
        assert_eq!(Framing::NONE.draw(&mut a), None);
        assert_eq!(a.random::<u64>(), b.random::<u64>());
    }

    #[test]
    fn a_cut_picture_is_what_preprocessing_makes_of_the_cut_file() {
        // A smooth picture, cut by somebody else, and by us after the reduction.
        let (large, side) = (320u32, 64u32);
        let smooth = |x: f32, y: f32| 0.3 + 0.2 * (5.0 * x).sin() + 0.2 * (4.0 * y).cos() * x;
        let picture = |cut: [u32; 4]| {
            let (width, height) = (large - cut[0] - cut[1], large - cut[2] - cut[3]);
            let luma = (0..width * height)
                .map(|i| {
                    let at = |i: u32, cut: u32| (i + cut) as f32 / large as f32;
                    smooth(at(i % width, cut[0]), at(i / width, cut[2]))
                })
                .collect();
            radiograph::Radiograph::from_luma(width, height, luma).unwrap()
        };
        let preprocessing = Preprocessing {
            detail: side,
            side,
            ..Preprocessing::IMAGENET
        };
        let cut = [32, 16, 0, 48];
        let want = preprocessing.squash(&picture(cut));
        let source = preprocessing.reduce(&picture([0; 4]));
        let cut = cut.map(|pixels| pixels as f32 / large as f32);
        let got = show(
            &source,
            side as usize,
            &frame(cut, [0.0; 4], Fill::Plain(0.0)),
        );
        for (got, want) in got.iter().zip(want) {
            // Both interpolate; at the edges one has lost a little of what the other sees.
            assert!((got - want).abs() < 0.03, "{got} {want}");
        }
    }

    #[test]
    fn a_margin_is_where_it_belongs_and_the_rest_is_stretched_to_the_range() {
        for grey in [0.0, 1.0] {
            let out = framed(frame([0.0; 4], [0.25, 0.0, 0.0, 0.0], Fill::Plain(grey)));
            // A quarter beside a whole is a fifth of the frame.
            let edge = SIDE / 5;
            let far = |x: usize, y: usize| (out[y * SIDE + x] - grey).abs();
            assert!((0..SIDE).all(|y| far(edge - 1, y) < 1e-6));
            assert!((0..SIDE).all(|y| far(edge + 1, y) > 0.01));
            let (low, high) = range(&out);
            assert!(low == 0.0 && (high - 1.0).abs() < 1e-6, "{low} {high}");
        }
    }

    #[test]
    fn mirrored_and_repeated_margins_continue_the_picture() {
        let margin = [0.25, 0.25, 0.0, 0.0];
        for fill in [Fill::Mirrored, Fill::Repeated] {
            let out = framed(frame([0.0; 4], margin, fill));
            let row = &out[32 * SIDE..33 * SIDE];
            let steps = row.windows(2).map(|pair| (pair[1] - pair[0]).abs());
            // The picture's own steps are 3 of its 190 grey levels over 64 pixels and half again as much squeezed.
            assert!(steps.fold(0.0, f32::max) < 0.03, "{fill:?}: {row:?}");
        }
        let out = framed(frame([0.0; 4], margin, Fill::Mirrored));
        let row = &out[32 * SIDE..33 * SIDE];
        // The left edge of the picture lies a sixth into the frame.
        assert!((row[8] - row[12]).abs() < 0.02, "{row:?}");
        let out = framed(frame([0.0; 4], margin, Fill::Repeated));
        assert_eq!(out[32 * SIDE], out[32 * SIDE + 8]);
    }

    #[test]
    fn frames_stay_within_their_limits_and_use_them() {
        let framing = Framing {
            zoom_probability: 0.5,
            zoom: 0.2,
            crop_probability: 0.5,
            crop: 0.2,
            margin_probability: 0.5,
            margin: 0.25,
        };
        let mut rng = rng();
        let frames: Vec<Frame> = (0..4000).filter_map(|_| framing.draw(&mut rng)).collect();
        assert_eq!(frames.len(), 4000);
        let most = |of: fn(&Frame) -> f32| frames.iter().map(of).fold(0.0, f32::max);
        let widest = most(|frame| frame.margin.into_iter().fold(0.0, f32::max));
        let deepest = most(|frame| frame.cut.into_iter().fold(0.0, f32::max));
        assert!((0.24..=0.25).contains(&widest), "{widest}");
        assert!((0.19..=0.2).contains(&deepest), "{deepest}");
        let share = |of: &dyn Fn(&Frame) -> bool| {
            frames.iter().filter(|frame| of(frame)).count() as f32 / frames.len() as f32
        };
        // Zoomed in (a quarter), and all four sides at least 10% (half of those), and seldom by chance.
        let close = share(&|frame| frame.cut.iter().all(|cut| *cut >= 0.1));
        assert!((0.1..0.2).contains(&close), "{close}");
        let one_side = share(&|frame| frame.cut.iter().filter(|cut| **cut > 0.0).count() == 1);
        assert!((0.05..0.2).contains(&one_side), "{one_side}");
        let untouched = share(&|frame| frame.cut == [0.0; 4] && frame.margin == [0.0; 4]);
        assert!((0.1..0.2).contains(&untouched), "{untouched}");
        let letterboxed = share(&|frame| {
            let [left, right, top, bottom] = frame.margin;
            left == right && top == bottom && left != top
        });
        assert!(letterboxed > 0.05, "{letterboxed}");
    }

    fn range(image: &[f32]) -> (f32, f32) {
        let low = image.iter().copied().fold(f32::INFINITY, f32::min);
        (low, image.iter().copied().fold(f32::NEG_INFINITY, f32::max))
    }
}
