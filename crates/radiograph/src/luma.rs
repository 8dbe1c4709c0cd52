//! Decoded pixels of any kind, turned into upright brightness.

/// Rec. 601 luma as JPEG uses it, in thousandths: Y = 0.299 R + 0.587 G + 0.114 B.
const WEIGHTS: [u32; 3] = [299, 587, 114];

/// Returns an 8-bit level for a brightness of `0..=1`, to the nearest.
pub(crate) fn to_u8(value: f32) -> u8 {
    // `as` saturates, and the value is within 0..=1 anyway.
    (value * 255.0 + 0.5) as u8
}

/// Returns the brightness of an 8-bit pixel, `0..=1`. Equal channels give exactly `value / 255`.
pub(crate) fn rgb8(r: u8, g: u8, b: u8) -> f32 {
    let sum = WEIGHTS[0] * u32::from(r) + WEIGHTS[1] * u32::from(g) + WEIGHTS[2] * u32::from(b);
    // The sum and 255000 are below 2^24, so this is one correctly rounded division, the same as value / 255.
    sum as f32 / 255_000.0
}

/// Returns the brightness of a 16-bit pixel, `0..=1`. Equal channels give exactly `value / 65535`.
pub(crate) fn rgb16(r: u16, g: u16, b: u16) -> f32 {
    if r == g && g == b {
        return f32::from(r) / 65535.0;
    }
    let sum = WEIGHTS[0] * u32::from(r) + WEIGHTS[1] * u32::from(g) + WEIGHTS[2] * u32::from(b);
    (f64::from(sum) / 65_535_000.0) as f32
}

/// Returns the brightness of a floating-point pixel, in the unit of its channels.
pub(crate) fn rgb32(r: f32, g: f32, b: f32) -> f32 {
    if r == g && g == b {
        return r;
    }
    (0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b)) as f32
}

/// Returns the brightness of an 8-bit level, `0..=1`.
pub(crate) fn of8(level: u8) -> f32 {
    f32::from(level) / 255.0
}

/// Returns the brightness of a 16-bit level, `0..=1`.
pub(crate) fn of16(level: u16) -> f32 {
    f32::from(level) / 65535.0
}

/// Returns the 16-bit channels in the bytes of a pixel, which are in the order of the machine, as decoders give them.
pub(crate) fn words<const BYTES: usize, const CHANNELS: usize>(
    pixel: [u8; BYTES],
) -> [u16; CHANNELS] {
    std::array::from_fn(|channel| u16::from_ne_bytes([pixel[2 * channel], pixel[2 * channel + 1]]))
}

/// Where each pixel of a stored image goes in the upright one.
///
/// Turning while converting takes no second copy of the image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placement {
    width: usize,
    height: usize,
    turned: bool,
    flip_x: bool,
    flip_y: bool,
}

impl Placement {
    /// For a stored image of `width` x `height` with an EXIF `orientation`; anything but 2 to 8 is upright.
    pub(crate) fn new(width: usize, height: usize, orientation: u8) -> Self {
        // Flips are of the stored image, before it is transposed.
        let (turned, flip_x, flip_y) = match orientation {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, false, true),
            7 => (true, true, true),
            8 => (true, true, false),
            _ => (false, false, false),
        };
        Self {
            width,
            height,
            turned,
            flip_x,
            flip_y,
        }
    }

    /// Returns width and height of the upright image.
    pub(crate) fn upright(&self) -> (u32, u32) {
        // Both came from `u32`.
        let (width, height) = if self.turned {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        };
        (width as u32, height as u32)
    }

    /// Writes the brightness of every stored pixel of `BYTES` bytes to its place in `luma`.
    pub(crate) fn fill<const BYTES: usize>(
        &self,
        raw: &[u8],
        luma: &mut [f32],
        brightness: impl Fn([u8; BYTES]) -> f32,
    ) {
        let (pixels, _) = raw.as_chunks::<BYTES>();
        self.fill_by(luma, |pixel| brightness(pixels[pixel]));
    }

    /// The same for pixels that are known by their number, row by row as stored.
    pub(crate) fn fill_by(&self, luma: &mut [f32], brightness: impl Fn(usize) -> f32) {
        for row in 0..self.height {
            let y = if self.flip_y {
                self.height - 1 - row
            } else {
                row
            };
            let (from, step) = if self.turned {
                (y, self.height)
            } else {
                (y * self.width, 1)
            };
            for column in 0..self.width {
                let x = if self.flip_x {
                    self.width - 1 - column
                } else {
                    column
                };
                luma[from + x * step] = brightness(row * self.width + column);
            }
        }
    }
}

/// Brings brightness of any unit, floating-point or 32-bit, into `0..=1`.
///
/// Values that are all within `0..=1` stay as they are; others are stretched from the smallest to the largest, as there
/// is no telling what they were meant to be. What is not a number is black.
pub(crate) fn normalise(luma: &mut [f32]) {
    let finite = || luma.iter().copied().filter(|value| value.is_finite());
    let low = finite().fold(f32::INFINITY, f32::min);
    let high = finite().fold(f32::NEG_INFINITY, f32::max);
    let (from, range) = if low >= 0.0 && high <= 1.0 {
        (0.0, 1.0)
    } else {
        (f64::from(low), f64::from(high) - f64::from(low))
    };
    for value in luma {
        *value = if value.is_nan() || range <= 0.0 {
            0.0
        } else {
            ((f64::from(*value) - from) / range).clamp(0.0, 1.0) as f32
        };
    }
}

/// Returns `values` of `from` width and height as many as `to`, each between its neighbours. No side may be shorter than it was:
/// `thumbnail` of `image` does that, but leaves every second row of an enlarged picture too dark.
pub(crate) fn enlarge<T: Copy>(
    values: Vec<T>,
    from: [u32; 2],
    to: [u32; 2],
    mix: impl Fn(T, T, f32) -> T,
) -> Vec<T> {
    if from == to || values.is_empty() {
        return values;
    }
    // For each place the one before it, the one behind it, and how far between them it is.
    let places = |from: u32, to: u32| -> Vec<(usize, usize, f32)> {
        let (last, scale) = (from - 1, f64::from(from) / f64::from(to));
        let place = |at: u32| {
            let exact = ((f64::from(at) + 0.5) * scale - 0.5).clamp(0.0, f64::from(last));
            let before = exact as u32;
            (
                before as usize,
                last.min(before + 1) as usize,
                exact.fract() as f32,
            )
        };
        (0..to).map(place).collect()
    };
    let (columns, rows) = (places(from[0], to[0]), places(from[1], to[1]));
    let mut larger = Vec::with_capacity(columns.len() * rows.len());
    for &(above, below, down) in &rows {
        let row = |row: usize| &values[row * from[0] as usize..][..from[0] as usize];
        let (above, below) = (row(above), row(below));
        for &(left, right, across) in &columns {
            let upper = mix(above[left], above[right], across);
            let lower = mix(below[left], below[right], across);
            larger.push(mix(upper, lower, down));
        }
    }
    larger
}
