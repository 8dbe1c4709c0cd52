//! JPEG in the kinds that its standard allows and few encoders write: each the brightness that was put into it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::jpeg::{Channel, Join, grey, join, segments};
use common::{Random, chest, decode, levels, no_panic};
use radiograph::{DecodeError, Radiograph, phantom};

const WIDTH: u32 = 120;
const HEIGHT: u32 = 104;

/// Smooth levels, so that what is sampled less often can be told.
fn plane(width: u32, height: u32, step: u32) -> Vec<u8> {
    (0..width * height)
        .map(|at| {
            let (x, y) = (at % width * WIDTH / width, at / width * HEIGHT / height);
            (60 + (x * step + y * 2) % 512 / 4) as u8
        })
        .collect()
}

fn mean_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let sum: f32 = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).sum();
    255.0 * sum / found.len() as f32
}

/// Three channels, sampled as `sampling` says, each in scans of its own.
fn channels(sampling: [(u8, u8); 3], progressive: bool, restart: u16) -> Vec<Channel> {
    let most = (
        u32::from(sampling.map(|pair| pair.0).into_iter().max().unwrap()),
        u32::from(sampling.map(|pair| pair.1).into_iter().max().unwrap()),
    );
    sampling
        .iter()
        .enumerate()
        .map(|(index, &(across, down))| {
            let width = (WIDTH * u32::from(across)).div_ceil(most.0);
            let height = (HEIGHT * u32::from(down)).div_ceil(most.1);
            let levels = if index == 0 {
                plane(width, height, 3)
            } else {
                vec![128; (width * height) as usize]
            };
            Channel {
                file: grey(&levels, width, height, progressive, restart),
                sampling: (across, down),
            }
        })
        .collect()
}

fn usual() -> Join {
    Join {
        width: WIDTH,
        height: HEIGHT,
        order: vec![0, 1, 2],
        late_height: false,
        end: true,
    }
}

fn expected() -> Vec<f32> {
    plane(WIDTH, HEIGHT, 3)
        .iter()
        .map(|&level| f32::from(level) / 255.0)
        .collect()
}

#[test]
fn a_scan_for_each_channel_in_any_order_and_however_sampled() {
    for sampling in [
        [(1, 1), (1, 1), (1, 1)],
        [(2, 1), (1, 1), (1, 1)],
        [(1, 2), (1, 1), (1, 1)],
        [(2, 2), (1, 1), (1, 1)],
        [(4, 1), (1, 1), (1, 1)],
        [(2, 2), (2, 1), (1, 2)],
    ] {
        for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
            for progressive in [false, true] {
                for restart in [0, 7] {
                    let file = join(
                        &channels(sampling, progressive, restart),
                        &Join {
                            order: order.to_vec(),
                            ..usual()
                        },
                    );
                    let what = format!("{sampling:?} {order:?} {progressive} {restart}");
                    let result = Radiograph::decode(&file);
                    let decoded = result.unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_eq!(
                        (decoded.width(), decoded.height()),
                        (WIDTH, HEIGHT),
                        "{what}"
                    );
                    // What JPEG at quality 95 loses, and rounding.
                    let difference = mean_difference(decoded.luma(), &expected());
                    assert!(difference < 1.0, "{what}: {difference}");
                }
            }
        }
    }
}

#[test]
fn chroma_that_is_sampled_more_often_than_luminance() {
    for (sampling, tolerance) in [
        ([(1, 1), (2, 1), (1, 1)], 1.5),
        ([(1, 1), (2, 2), (2, 2)], 1.5),
        ([(3, 1), (2, 1), (1, 1)], 1.0),
        ([(1, 3), (1, 2), (1, 1)], 1.0),
    ] {
        let decoded = decode(&join(&channels(sampling, false, 0), &usual()));
        let difference = mean_difference(decoded.luma(), &expected());
        // Where luminance itself is sampled less often, a pixel is up to one place away from its sample.
        assert!(difference < tolerance, "{sampling:?}: {difference}");
    }
}

#[test]
fn a_height_that_stands_behind_the_first_scan() {
    for progressive in [false, true] {
        for end in [false, true] {
            let one = grey(&plane(WIDTH, HEIGHT, 3), WIDTH, HEIGHT, progressive, 0);
            let alone = [Channel {
                file: one.clone(),
                sampling: (1, 1),
            }];
            let late = Join {
                late_height: true,
                order: vec![0],
                end,
                ..usual()
            };
            let decoded = decode(&join(&alone, &late));
            let difference = mean_difference(decoded.luma(), decode(&one).luma());
            // Another rounding.
            assert!(difference < 0.5, "{progressive} {end}: {difference}");
            let three = channels([(2, 2), (1, 1), (1, 1)], progressive, 0);
            let late = Join {
                late_height: true,
                end,
                ..usual()
            };
            let difference = mean_difference(decode(&join(&three, &late)).luma(), &expected());
            assert!(difference < 1.0, "{progressive} {end}: {difference}");
        }
    }
    // Nowhere at all.
    let mut file = grey(&plane(WIDTH, HEIGHT, 3), WIDTH, HEIGHT, false, 0);
    let frame = file
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    file[frame + 5..frame + 7].fill(0);
    assert_eq!(
        Radiograph::decode(&file).unwrap_err().code(),
        "corrupt-file"
    );
}

/// Coloured files as encoders write them.
fn ordinary() -> Vec<(&'static str, Vec<u8>)> {
    let chest = chest(112);
    let rgb: Vec<u8> = levels(&chest)
        .iter()
        .flat_map(|&level| [level, level / 2, level / 3])
        .collect();
    let encode = |progressive, restart| {
        let mut file = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut file, 90);
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
        encoder.set_progressive(progressive);
        if restart > 0 {
            encoder.set_restart_interval(restart);
        }
        encoder
            .encode(&rgb, 112, 112, jpeg_encoder::ColorType::Rgb)
            .unwrap();
        file
    };
    vec![
        ("grey", phantom::jpeg(&chest, 90).unwrap()),
        ("turned", phantom::jpeg_turned(&chest, 90, 8).unwrap()),
        ("baseline", encode(false, 0)),
        ("restarts", encode(false, 5)),
        ("progressive", encode(true, 0)),
        ("progressive with restarts", encode(true, 5)),
    ]
}

#[test]
fn without_an_end_marker_it_is_the_same_picture() {
    for (what, file) in ordinary() {
        let whole = decode(&file);
        for cut in [1, 2] {
            let decoded = decode(&file[..file.len() - cut]);
            assert_eq!(decoded.luma(), whole.luma(), "{what}");
            assert_eq!(decoded.source(), whole.source(), "{what}");
        }
        // Zeros, as a disk fills up, and a few words.
        for behind in [&[0; 300][..], b"what came next\x17 on the disk"] {
            let padded = [&file[..file.len() - 2], behind].concat();
            assert_eq!(decode(&padded).luma(), whole.luma(), "{what}");
        }
        // Much of anything else would be an image that is larger than its header says.
        let more = [&file[..file.len() - 2], &[0x55; 30_000]].concat();
        assert_eq!(
            Radiograph::decode(&more).unwrap_err().code(),
            "corrupt-file"
        );
    }
}

#[test]
fn one_that_is_cut_off_says_how_much_is_missing() {
    for (what, file) in ordinary() {
        let scans: Vec<_> = file
            .windows(2)
            .enumerate()
            .filter(|(_, pair)| *pair == [0xff, 0xda])
            .collect();
        let from = scans[0].0 + 20;
        for share in [0.1, 0.5, 0.9] {
            let length = from + ((file.len() - from) as f64 * share) as usize;
            let error = Radiograph::decode(&file[..length]).unwrap_err();
            let said = error.to_string();
            assert!(
                said.contains("it ends before its image does, of which"),
                "{what}: {said}"
            );
            let missing: f64 = said
                .split("of which ")
                .nth(1)
                .and_then(|rest| rest.split('%').next())
                .map_or(0.0, |number| {
                    number.trim_start_matches("less than ").parse().unwrap()
                });
            assert!(missing > 0.0 && missing <= 100.0, "{what}: {said}");
            if scans.len() == 1 {
                // Blocks take about as many bytes each; margins fewer.
                assert!(
                    (missing / 100.0 - (1.0 - share)).abs() < 0.3,
                    "{what}: {said} at {share}"
                );
            }
        }
    }
}

#[test]
fn processes_that_cannot_be_read_are_named() {
    let file = phantom::jpeg(&chest(48), 90).unwrap();
    let frame = file
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    for (marker, precision, name) in [
        (0xc3, 8, "lossless JPEG"),
        (0xc3, 16, "lossless JPEG"),
        (0xc5, 8, "hierarchical JPEG"),
        (0xc9, 8, "arithmetic coding"),
        (0xca, 8, "arithmetic coding"),
        (0xcb, 8, "lossless JPEG"),
        (0xf7, 8, "JPEG-LS"),
        (0xc0, 12, "12 bits (precision 12"),
        (0xc1, 12, "12 bits (precision 12"),
        (0xc2, 12, "12 bits (precision 12"),
    ] {
        let mut other = file.clone();
        other[frame + 1] = marker;
        other[frame + 4] = precision;
        let error = Radiograph::decode(&other).unwrap_err();
        assert!(matches!(error, DecodeError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_file_of_several_pictures_says_how_many() {
    let file = phantom::jpeg(&chest(48), 90).unwrap();
    // The directory of a multi-picture file: version, and a number of images.
    let mut note = b"MPF\0II*\0\x08\0\0\0\x01\0\x01\xb0\x04\0\x01\0\0\0\x02\0\0\0\0\0\0\0".to_vec();
    let mut segment = vec![0xff, 0xe2];
    segment.extend_from_slice(&(note.len() as u16 + 2).to_be_bytes());
    segment.append(&mut note);
    let both = [&file[..2], &segment, &file[2..], &file].concat();
    let decoded = decode(&both);
    assert_eq!(decoded.luma(), decode(&file).luma());
    assert!(decoded.cautions()[0].to_string().contains("holds 2 images"));
    assert!(!segments(&file).is_empty());
}

#[test]
fn flipped_bits_never_reach_the_slow_decoder_as_a_panic() {
    let mut random = Random(11);
    for sampling in [[(2, 2), (1, 1), (1, 1)], [(1, 1), (2, 1), (1, 2)]] {
        for progressive in [false, true] {
            for end in [false, true] {
                let late = Join {
                    late_height: true,
                    end,
                    ..usual()
                };
                let file = join(&channels(sampling, progressive, 9), &late);
                for round in 0..300 {
                    let mut broken = file.clone();
                    for _ in 0..=random.below(4) {
                        let near = broken.len().min(if random.below(2) == 0 {
                            700
                        } else {
                            usize::MAX
                        });
                        let at = random.below(near);
                        broken[at] ^= 1 << random.below(8);
                    }
                    no_panic(&format!("round {round}"), &Radiograph::decode(&broken));
                }
            }
        }
    }
}
