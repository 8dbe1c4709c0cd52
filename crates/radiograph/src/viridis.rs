//! Viridis, the false colour of matplotlib: how to recognise it and how to undo it.
//!
//! Data sets of X-rays have been published as `plt.imshow` shows them, in viridis, and then as JPEG. JPEG keeps the luma of
//! an image far better than its chroma, and luma rises along viridis from one end to the other. So a pixel is placed on the
//! curve by its luma first, and its chroma has a small say where the luma of neighbouring entries hardly differs.

use std::array;
use std::sync::LazyLock;

/// Viridis, from dark (0) to bright (255), as red, green and blue.
///
/// Source: `_viridis_data` in matplotlib's `_cm_listed.py`, which its authors put under CC0, times 255 and truncated as
/// matplotlib does when it writes an image.
#[rustfmt::skip]
pub(crate) const VIRIDIS: [[u8; 3]; 256] = [
    [68, 1, 84], [68, 2, 85], [68, 3, 87], [69, 5, 88], [69, 6, 90], [69, 8, 91], [70, 9, 92], [70, 11, 94],
    [70, 12, 95], [70, 14, 97], [71, 15, 98], [71, 17, 99], [71, 18, 101], [71, 20, 102], [71, 21, 103], [71, 22, 105],
    [71, 24, 106], [72, 25, 107], [72, 26, 108], [72, 28, 110], [72, 29, 111], [72, 30, 112], [72, 32, 113], [72, 33, 114],
    [72, 34, 115], [72, 35, 116], [71, 37, 117], [71, 38, 118], [71, 39, 119], [71, 40, 120], [71, 42, 121], [71, 43, 122],
    [71, 44, 123], [70, 45, 124], [70, 47, 124], [70, 48, 125], [70, 49, 126], [69, 50, 127], [69, 52, 127], [69, 53, 128],
    [69, 54, 129], [68, 55, 129], [68, 57, 130], [67, 58, 131], [67, 59, 131], [67, 60, 132], [66, 61, 132], [66, 62, 133],
    [66, 64, 133], [65, 65, 134], [65, 66, 134], [64, 67, 135], [64, 68, 135], [63, 69, 135], [63, 71, 136], [62, 72, 136],
    [62, 73, 137], [61, 74, 137], [61, 75, 137], [61, 76, 137], [60, 77, 138], [60, 78, 138], [59, 80, 138], [59, 81, 138],
    [58, 82, 139], [58, 83, 139], [57, 84, 139], [57, 85, 139], [56, 86, 139], [56, 87, 140], [55, 88, 140], [55, 89, 140],
    [54, 90, 140], [54, 91, 140], [53, 92, 140], [53, 93, 140], [52, 94, 141], [52, 95, 141], [51, 96, 141], [51, 97, 141],
    [50, 98, 141], [50, 99, 141], [49, 100, 141], [49, 101, 141], [49, 102, 141], [48, 103, 141], [48, 104, 141], [47, 105, 141],
    [47, 106, 141], [46, 107, 142], [46, 108, 142], [46, 109, 142], [45, 110, 142], [45, 111, 142], [44, 112, 142], [44, 113, 142],
    [44, 114, 142], [43, 115, 142], [43, 116, 142], [42, 117, 142], [42, 118, 142], [42, 119, 142], [41, 120, 142], [41, 121, 142],
    [40, 122, 142], [40, 122, 142], [40, 123, 142], [39, 124, 142], [39, 125, 142], [39, 126, 142], [38, 127, 142], [38, 128, 142],
    [38, 129, 142], [37, 130, 142], [37, 131, 141], [36, 132, 141], [36, 133, 141], [36, 134, 141], [35, 135, 141], [35, 136, 141],
    [35, 137, 141], [34, 137, 141], [34, 138, 141], [34, 139, 141], [33, 140, 141], [33, 141, 140], [33, 142, 140], [32, 143, 140],
    [32, 144, 140], [32, 145, 140], [31, 146, 140], [31, 147, 139], [31, 148, 139], [31, 149, 139], [31, 150, 139], [30, 151, 138],
    [30, 152, 138], [30, 153, 138], [30, 153, 138], [30, 154, 137], [30, 155, 137], [30, 156, 137], [30, 157, 136], [30, 158, 136],
    [30, 159, 136], [30, 160, 135], [31, 161, 135], [31, 162, 134], [31, 163, 134], [32, 164, 133], [32, 165, 133], [33, 166, 133],
    [33, 167, 132], [34, 167, 132], [35, 168, 131], [35, 169, 130], [36, 170, 130], [37, 171, 129], [38, 172, 129], [39, 173, 128],
    [40, 174, 127], [41, 175, 127], [42, 176, 126], [43, 177, 125], [44, 177, 125], [46, 178, 124], [47, 179, 123], [48, 180, 122],
    [50, 181, 122], [51, 182, 121], [53, 183, 120], [54, 184, 119], [56, 185, 118], [57, 185, 118], [59, 186, 117], [61, 187, 116],
    [62, 188, 115], [64, 189, 114], [66, 190, 113], [68, 190, 112], [69, 191, 111], [71, 192, 110], [73, 193, 109], [75, 194, 108],
    [77, 194, 107], [79, 195, 105], [81, 196, 104], [83, 197, 103], [85, 198, 102], [87, 198, 101], [89, 199, 100], [91, 200, 98],
    [94, 201, 97], [96, 201, 96], [98, 202, 95], [100, 203, 93], [103, 204, 92], [105, 204, 91], [107, 205, 89], [109, 206, 88],
    [112, 206, 86], [114, 207, 85], [116, 208, 84], [119, 208, 82], [121, 209, 81], [124, 210, 79], [126, 210, 78], [129, 211, 76],
    [131, 211, 75], [134, 212, 73], [136, 213, 71], [139, 213, 70], [141, 214, 68], [144, 214, 67], [146, 215, 65], [149, 215, 63],
    [151, 216, 62], [154, 216, 60], [157, 217, 58], [159, 217, 56], [162, 218, 55], [165, 218, 53], [167, 219, 51], [170, 219, 50],
    [173, 220, 48], [175, 220, 46], [178, 221, 44], [181, 221, 43], [183, 221, 41], [186, 222, 39], [189, 222, 38], [191, 223, 36],
    [194, 223, 34], [197, 223, 33], [199, 224, 31], [202, 224, 30], [205, 224, 29], [207, 225, 28], [210, 225, 27], [212, 225, 26],
    [215, 226, 25], [218, 226, 24], [220, 226, 24], [223, 227, 24], [225, 227, 24], [228, 227, 24], [231, 228, 25], [233, 228, 25],
    [236, 228, 26], [238, 229, 27], [241, 229, 28], [243, 229, 30], [246, 230, 31], [248, 230, 33], [250, 230, 34], [253, 231, 36],
];

/// How much more a difference in luma counts than one in chroma. Measured on chest X-rays put through viridis and JPEG:
/// mean errors in levels of 0..255 are, at weights of 1, 4, 16 and luma alone, 2.3, 1.4, 0.9, 0.9 for quality 75 with
/// chroma at half resolution, and 0.46, 0.40, 0.46, 0.54 for quality 95 with all of it.
const LUMA_WEIGHT: f32 = 16.0;

/// How far from the curve, in chroma levels of 0..255, a pixel may lie. On the same images 95% lie within 12, down to JPEG
/// quality 50. Viridis is nowhere less than 34 from grey.
const NEAR: f32 = 20.0;

/// The share of pixels that has to be near the curve. The rest may be a margin or lettering.
const NEAR_SHARE: f32 = 0.9;

/// How much of the curve, in entries, the middle 90% of the near pixels have to cover. A photograph in shades of one
/// colour can lie on the curve, but only on a short piece of it.
const SPREAD: usize = 40;

/// Pixels that are looked at to recognise viridis; more would not make it surer.
const SAMPLE: usize = 1 << 16;

/// What is known of an entry of viridis.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// Luma and chroma, as JPEG has them: Y 0..255, Cb and Cr about 0.
    ycc: [f32; 3],
    /// Their change from one entry to the next, here.
    slope: [f32; 3],
    /// One over the squared length of the slope, luma weighted.
    per_length: f32,
}

/// The curve, and for every luma the entry that is nearest to it.
struct Curve {
    entries: [Entry; 256],
    by_luma: [u8; 256],
}

static CURVE: LazyLock<Curve> = LazyLock::new(|| {
    let ycc: [[f32; 3]; 256] = array::from_fn(|index| ycc(VIRIDIS[index]));
    let entries = array::from_fn(|index| {
        // Over several entries, because one step of 8-bit colours is mostly rounding.
        let (from, to) = (index.saturating_sub(3), (index + 3).min(255));
        let slope: [f32; 3] =
            array::from_fn(|channel| (ycc[to][channel] - ycc[from][channel]) / (to - from) as f32);
        let length = LUMA_WEIGHT * slope[0] * slope[0] + slope[1] * slope[1] + slope[2] * slope[2];
        Entry {
            ycc: ycc[index],
            slope,
            per_length: 1.0 / length,
        }
    });
    let by_luma = array::from_fn(|luma| {
        let away = |index: &u8| (ycc[usize::from(*index)][0] - luma as f32).abs();
        (0..=255)
            .min_by(|a, b| away(a).total_cmp(&away(b)))
            .unwrap_or_default()
    });
    Curve { entries, by_luma }
});

/// JPEG's luma and chroma of a colour (JFIF 1.02), chroma about 0.
fn ycc(rgb: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = rgb.map(f32::from);
    [
        0.299 * r + 0.587 * g + 0.114 * b,
        -0.168_736 * r - 0.331_264 * g + 0.5 * b,
        0.5 * r - 0.418_688 * g - 0.081_312 * b,
    ]
}

impl Curve {
    /// Returns where on the curve a colour is, in entries (0..=255), and how far from it its chroma.
    fn place(&self, rgb: [u8; 3]) -> (f32, f32) {
        let colour = ycc(rgb);
        let mut at = f32::from(self.by_luma[(colour[0] + 0.5) as usize]);
        // Twice along the tangent (Gauss-Newton): the curve bends little over the few entries in question.
        for _ in 0..2 {
            let nearest = at + 0.5;
            let entry = &self.entries[(nearest as usize).min(255)];
            let base = f32::from((nearest as usize).min(255) as u8);
            let off: [f32; 3] = array::from_fn(|channel| colour[channel] - entry.ycc[channel]);
            let along = LUMA_WEIGHT * off[0] * entry.slope[0]
                + off[1] * entry.slope[1]
                + off[2] * entry.slope[2];
            at = (base + along * entry.per_length).clamp(0.0, 255.0);
        }
        let entry = &self.entries[((at + 0.5) as usize).min(255)];
        let (cb, cr) = (colour[1] - entry.ycc[1], colour[2] - entry.ycc[2]);
        // Luma beyond the ends of the curve, as in white margins, counts as much as chroma does.
        let beyond = (colour[0] - entry.ycc[0]).abs();
        (at, (cb * cb + cr * cr + beyond * beyond).sqrt())
    }
}

/// Whether `pixels` are in viridis: nearly all lie near its curve, and they cover a good part of it.
pub(crate) fn recognise(pixels: impl ExactSizeIterator<Item = [u8; 3]>) -> bool {
    // An odd step, so as not to look at the same few columns of every row.
    let step = (pixels.len() / SAMPLE) | 1;
    let curve = &*CURVE;
    let mut looked_at = 0_usize;
    let mut near = [0_usize; 256];
    for rgb in pixels.step_by(step) {
        looked_at += 1;
        let (at, distance) = curve.place(rgb);
        if distance <= NEAR {
            near[(at + 0.5) as usize & 255] += 1;
        }
    }
    let total: usize = near.iter().sum();
    if looked_at == 0 || (total as f32) < NEAR_SHARE * looked_at as f32 {
        return false;
    }
    let entry_of_share = |share: f32| {
        let mut left = share * total as f32;
        near.iter()
            .position(|&count| {
                left -= count as f32;
                left <= 0.0
            })
            .unwrap_or(255)
    };
    entry_of_share(0.95) >= entry_of_share(0.05) + SPREAD
}

/// Returns the brightness, `0..=1`, that viridis shows as `rgb`: exact for its own colours, near for what JPEG made of them.
pub(crate) fn undo(rgb: [u8; 3]) -> f32 {
    let (at, _) = CURVE.place(rgb);
    let index = (at + 0.5) as usize & 255;
    // A colour of the table itself is an entry and not something between two.
    let exact =
        (index.saturating_sub(2)..=(index + 2).min(255)).find(|&entry| VIRIDIS[entry] == rgb);
    exact.map_or(at, |entry| entry as f32) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_of_viridis_gives_an_entry_of_that_colour() {
        for (index, &colour) in VIRIDIS.iter().enumerate() {
            let found = (undo(colour) * 255.0 + 0.5) as usize;
            // Truncated to 8 bits, a few neighbours are the same colour.
            assert!(
                found == index || VIRIDIS[found] == colour,
                "{index} is taken for {found}"
            );
        }
    }

    #[test]
    fn no_grey_is_near_the_curve() {
        for level in 0..=255 {
            let (_, distance) = CURVE.place([level; 3]);
            assert!(distance > NEAR * 1.5, "{level} is {distance} away");
        }
    }
}
