//! What a scan is coded with.

use crate::dicom::codec::markers;
use crate::dicom::flaw::Flaw;

/// What a stream may set itself (T.87, C.2.4.1.1); 0 is the default.
#[derive(Default)]
pub(super) struct Preset {
    maxval: i32,
    thresholds: [i32; 3],
    reset: i32,
}

impl Preset {
    pub(super) fn from_values(values: &[u8]) -> Result<Self, Flaw> {
        let number = |index: usize| markers::u16_be(values, 2 * index).map(i32::from);
        Ok(Self {
            maxval: number(0)?,
            thresholds: [number(1)?, number(2)?, number(3)?],
            reset: number(4)?,
        })
    }
}

/// What a scan is coded with (T.87, A.2.1 and C.2.4.1.1).
pub(super) struct Parameters {
    pub(super) maxval: i32,
    pub(super) near: i32,
    pub(super) range: i32,
    pub(super) qbpp: u32,
    pub(super) limit: u32,
    pub(super) thresholds: [i32; 3],
    pub(super) reset: i32,
}

impl Parameters {
    pub(super) fn new(precision: u8, near: u8, preset: &Preset) -> Result<Self, Flaw> {
        const SENSELESS: Flaw = Flaw::Corrupt("the parameters of its scan make no sense");
        let most = (1 << precision) - 1;
        let maxval = if preset.maxval == 0 {
            most
        } else {
            preset.maxval
        };
        let near = i32::from(near);
        if maxval > most || near > maxval / 2 {
            return Err(SENSELESS);
        }
        let range = (maxval + 2 * near) / (2 * near + 1) + 1;
        let bits = |values: i32| 32 - (values - 1).leading_zeros();
        let bpp = bits(maxval + 1).max(2);
        let clamp = |value: i32, low: i32| {
            if value > maxval || value < low {
                low
            } else {
                value
            }
        };
        let basic = if maxval >= 128 {
            let factor = (maxval.min(4095) + 128) / 256;
            [factor + 2, 4 * factor + 3, 17 * factor + 4]
        } else {
            let factor = 256 / (maxval + 1);
            [
                (3 / factor).max(2),
                (7 / factor).max(3),
                (21 / factor).max(4),
            ]
        };
        let mut thresholds = [0; 3];
        let mut low = near + 1;
        for (index, threshold) in thresholds.iter_mut().enumerate() {
            *threshold = match preset.thresholds[index] {
                0 => clamp(basic[index] + [3, 5, 7][index] * near, low),
                given => given,
            };
            if *threshold < low || *threshold > maxval.max(low) {
                return Err(SENSELESS);
            }
            low = *threshold;
        }
        let reset = if preset.reset == 0 { 64 } else { preset.reset };
        // Far more than anybody sets; and sums of as many errors fit in 32 bits.
        if !(3..=4096).contains(&reset) {
            return Err(SENSELESS);
        }
        Ok(Self {
            maxval,
            near,
            range,
            qbpp: bits(range),
            limit: 2 * (bpp + bpp.max(8)),
            thresholds,
            reset,
        })
    }

    /// Which of the nine regions a gradient is in, -4 to 4 (A.3.3).
    pub(super) fn region(&self, gradient: i32) -> i32 {
        let [t1, t2, t3] = self.thresholds;
        let size = gradient.abs();
        let region = if size <= self.near {
            0
        } else if size < t1 {
            1
        } else if size < t2 {
            2
        } else if size < t3 {
            3
        } else {
            4
        };
        region * gradient.signum()
    }

    /// # Errors
    /// If no sample can be so far from its prediction.
    pub(super) fn check(&self, error: i32) -> Result<i32, Flaw> {
        if error.abs() > self.range {
            return Err(Flaw::Corrupt("one of its samples is out of range"));
        }
        Ok(error)
    }

    /// The sample that is `error` from its prediction (A.4.5 and A.8).
    pub(super) fn sample(&self, predicted: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let mut value = predicted + error * step;
        if value < -self.near {
            value += self.range * step;
        } else if value > self.maxval + self.near {
            value -= self.range * step;
        }
        value.clamp(0, self.maxval)
    }
}
