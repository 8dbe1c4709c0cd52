//! From coefficients to pixels.

/// Where the coefficients of a block are, in the order in which they are coded.
#[rustfmt::skip]
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// How much of frequency `u` there is at place `x`, at `8 * u + x`.
pub(super) fn cosines() -> [f32; 64] {
    std::array::from_fn(|at| {
        let (u, x) = (at / 8, at % 8);
        let scale = if u == 0 { 0.125_f32.sqrt() } else { 0.5 };
        scale * ((2 * x + 1) as f32 * u as f32 * std::f32::consts::PI / 16.0).cos()
    })
}

/// The pixels of a block of 8 x 8 (T.81, A.3.3), rows of `plane` being `stride` apart.
pub(super) fn transform(
    block: &[i16; 64],
    table: &[u16; 64],
    cosines: &[f32; 64],
    plane: &mut [u8],
    stride: usize,
) {
    let mut values = [0_f32; 64];
    for (&place, &quantiser) in ZIGZAG.iter().zip(table) {
        let place = usize::from(place);
        values[place] = f32::from(block[place]) * f32::from(quantiser);
    }
    // `as` saturates.
    let level = |value: f32| (value + 128.5) as u8;
    if values[1..].iter().all(|&value| value == 0.0) {
        for row in plane.chunks_mut(stride).take(8) {
            row[..8].fill(level(values[0] / 8.0));
        }
        return;
    }
    let mut rows = [0_f32; 64];
    for v in 0..8 {
        for x in 0..8 {
            rows[8 * v + x] = (0..8).map(|u| values[8 * v + u] * cosines[8 * u + x]).sum();
        }
    }
    for (y, row) in plane.chunks_mut(stride).take(8).enumerate() {
        for (x, place) in row[..8].iter_mut().enumerate() {
            *place = level((0..8).map(|v| rows[8 * v + x] * cosines[8 * v + y]).sum());
        }
    }
}
