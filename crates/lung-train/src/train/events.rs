//! The log of a training as TensorBoard reads it: `events.out.tfevents.0.lung` in its folder.
//!
//! A record is its length, a checksum of that, a message and a checksum of that (TensorFlow's `tensorflow/core/lib/io/record_writer.h`);
//! the messages are those of `event.proto` and `summary.proto`, as far as scalars need them. The file is made anew of the whole
//! log after each epoch, so that a run which was killed and resumed has each epoch once.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use super::log::{EpochLog, Stage};
use crate::files::write_atomically;

/// The file's name: TensorBoard looks for `tfevents` in it.
const EVENTS: &str = "events.out.tfevents.0.lung";

/// What the first record says of the file.
const VERSION: &str = "brain.Event:2";

/// Where the time of the first record begins: after its length, a checksum and the field's number.
const TIME: std::ops::Range<usize> = 13..21;

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, optional, tag = "1")]
    wall_time: Option<f64>,
    #[prost(int64, optional, tag = "2")]
    step: Option<i64>,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, optional, tag = "1")]
    tag: Option<String>,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// Writes the epochs of a training into its folder. A step is an epoch, those of both stages counted on.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(folder: &Path, epochs: &[EpochLog]) -> anyhow::Result<()> {
    let path = folder.join(EVENTS);
    // Records that are there already stay as they are: TensorBoard goes on reading where it was.
    let begun = fs::read(&path).ok().and_then(|bytes| {
        let time = bytes.get(TIME)?.try_into().ok()?;
        Some(f64::from_le_bytes(time))
    });
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0.0, |time| time.as_secs_f64());
    let spent: f64 = epochs.iter().map(|epoch| epoch.seconds).sum();
    write_atomically(&path, &encode(epochs, begun.unwrap_or(now - spent)))
}

/// The file of some epochs that began at a time, in seconds since 1970.
fn encode(epochs: &[EpochLog], begun: f64) -> Vec<u8> {
    let mut file = Vec::new();
    let first = Event {
        wall_time: Some(begun),
        file_version: Some(VERSION.to_owned()),
        ..Event::default()
    };
    record(&first, &mut file);
    let mut time = begun;
    for (place, epoch) in epochs.iter().enumerate() {
        time += epoch.seconds;
        let stage = match epoch.stage {
            Stage::Head => "head",
            Stage::FineTune => "fine-tune",
        };
        let scalars = [
            ("loss/train", Some(epoch.train_loss)),
            ("loss/validation", epoch.validation_loss),
            ("accuracy/train", Some(epoch.train_accuracy)),
            ("accuracy/validation", epoch.validation_accuracy),
            ("seconds", Some(epoch.seconds)),
        ];
        let mut value: Vec<Value> = (scalars.into_iter())
            .filter_map(|(tag, scalar)| Some(scalar_of(format!("{stage}/{tag}"), scalar?)))
            .collect();
        let by_source = epoch.validation_by_source.iter();
        value.extend(by_source.map(|(source, share)| {
            scalar_of(format!("{stage}/accuracy/validation/{source}"), *share)
        }));
        let event = Event {
            wall_time: Some(time),
            step: Some(place as i64 + 1),
            summary: Some(Summary { value }),
            ..Event::default()
        };
        record(&event, &mut file);
    }
    file
}

fn scalar_of(tag: String, value: f64) -> Value {
    Value {
        tag: Some(tag),
        simple_value: Some(value as f32),
    }
}

fn record(event: &Event, file: &mut Vec<u8>) {
    let message = event.encode_to_vec();
    let length = (message.len() as u64).to_le_bytes();
    file.extend(length);
    file.extend(masked(&length).to_le_bytes());
    file.extend(&message);
    file.extend(masked(&message).to_le_bytes());
}

/// The checksum as records have it: turned and moved, since checksums of data that holds checksums are weak.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: a file has a few kilobytes.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(!0, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_that_are_published() {
        // RFC 3720, appendix B.4, and the check value of the CRC catalogue.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn the_file_is_byte_for_byte_what_the_format_asks_for() {
        let epoch = EpochLog {
            stage: Stage::FineTune,
            epoch: 1,
            train_loss: 0.5,
            train_accuracy: 1.0,
            validation_loss: None,
            validation_accuracy: None,
            validation_by_source: Default::default(),
            from_layer: None,
            seconds: 2.0,
        };
        let file = encode(&[epoch], 1.0);
        // Put together by hand from the definitions of the messages.
        let first = [&b"\x09\0\0\0\0\0\0\xf0\x3f\x1a\x0d"[..], b"brain.Event:2"].concat();
        let value = |tag: &str, bytes: [u8; 4]| {
            let inner = [
                &[0x0a, tag.len() as u8][..],
                tag.as_bytes(),
                &[0x15],
                &bytes,
            ]
            .concat();
            [&[0x0a, inner.len() as u8][..], &inner].concat()
        };
        let values = [
            value("fine-tune/loss/train", 0.5f32.to_le_bytes()),
            value("fine-tune/accuracy/train", 1.0f32.to_le_bytes()),
            value("fine-tune/seconds", 2.0f32.to_le_bytes()),
        ]
        .concat();
        let head = b"\x09\0\0\0\0\0\0\x08\x40\x10\x01\x2a";
        let second = [&head[..], &[values.len() as u8], &values].concat();
        let mut want = Vec::new();
        for message in [first, second] {
            let length = (message.len() as u64).to_le_bytes();
            want.extend(length);
            want.extend(masked(&length).to_le_bytes());
            want.extend(&message);
            want.extend(masked(&message).to_le_bytes());
        }
        assert_eq!(file, want);
        assert_eq!(f64::from_le_bytes(file[TIME].try_into().unwrap()), 1.0);
    }
}
