//! The side that answers.

use super::{Answer, ERROR, FORMATS, Numbers, PLANE, Question, SAMPLES, Samples, Stream, Wanted};
use crate::plane::Plane;
use crate::{DecodeError, Format, Limits};

impl Question {
    /// `None` of what no build of this version asks.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut numbers = Numbers(bytes);
        let (kind, which) = (numbers.byte()?, numbers.byte()?);
        let size = [numbers.word()?, numbers.word()?, numbers.word()?];
        let wanted = match (kind, which) {
            (PLANE, _) => Wanted::Plane(*FORMATS.get(usize::from(which))?),
            (SAMPLES, 0) => Wanted::Samples(Stream::JpegLs, size),
            (SAMPLES, 1) => Wanted::Samples(Stream::Jpeg2000, size),
            _ => return None,
        };
        let limits = Limits {
            max_bytes: numbers.long()?,
            max_pixels: numbers.long()?,
            max_decoded_bytes: numbers.long()?,
            min_side: numbers.word()?,
            max_aspect: f64::from_bits(numbers.long()?),
        };
        numbers.0.is_empty().then_some(Self { wanted, limits })
    }
}

impl Answer {
    pub(crate) fn of_plane(plane: Plane, images: u32) -> Self {
        let Plane {
            width,
            height,
            luma,
            bits,
            false_colour,
            orientation,
        } = plane;
        let mut head = vec![PLANE];
        head.extend([width, height, images].map(u32::to_le_bytes).as_flattened());
        head.extend([bits, orientation, u8::from(false_colour)]);
        Self {
            head,
            luma,
            cells: Vec::new(),
        }
    }

    pub(crate) fn of_samples(samples: Samples, cells: Vec<u16>) -> Self {
        let flags = [u8::from(samples.signed), u8::from(samples.ended)];
        Self {
            head: [&[SAMPLES, samples.precision], &flags[..]].concat(),
            luma: Vec::new(),
            cells,
        }
    }

    pub(crate) fn of_error(error: DecodeError) -> Self {
        let none = (Format::Luma, 0, 0, 0, String::new());
        let (code, (format, width, height, limit, detail)) = match error {
            DecodeError::Unsupported { format, detail } => (0, (format, 0, 0, 0, detail)),
            DecodeError::Corrupt { format, detail } => (1, (format, 0, 0, 0, detail)),
            DecodeError::TooManyPixels {
                width,
                height,
                limit,
            } => (2, (Format::Luma, width, height, limit, String::new())),
            DecodeError::TooMuchMemory { limit } => (3, (Format::Luma, 0, 0, limit, String::new())),
            DecodeError::TooSmall {
                width,
                height,
                limit,
            } => {
                let limit = u64::from(limit);
                (4, (Format::Luma, width, height, limit, String::new()))
            }
            DecodeError::BadShape { width, height } => {
                (5, (Format::Luma, width, height, 0, String::new()))
            }
            // Readers give no others.
            _ => (u8::MAX, none),
        };
        let mut head = vec![ERROR, code, format as u8];
        head.extend([width, height].map(u32::to_le_bytes).as_flattened());
        head.extend(limit.to_le_bytes());
        head.extend(detail.as_bytes());
        Self {
            head,
            ..Self::default()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    #[test]
    fn a_question_arrives_as_it_was_asked() {
        let limits = Limits {
            max_pixels: 1 << 40,
            max_aspect: 3.5,
            ..Limits::default()
        };
        for wanted in [
            Wanted::Plane(Format::Tiff),
            Wanted::Samples(Stream::JpegLs, [70_000, 2, 3]),
            Wanted::Samples(Stream::Jpeg2000, [3500, 4300, 1]),
        ] {
            let question = Question {
                wanted,
                limits: limits.clone(),
            };
            let bytes = question.to_bytes();
            assert_eq!(Question::from_bytes(&bytes), Some(question));
            assert_eq!(Question::from_bytes(&bytes[1..]), None);
        }
    }

    #[test]
    fn pixels_arrive_with_what_is_said_of_them() {
        let plane = Plane {
            width: 2,
            height: 3,
            luma: vec![0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
            bits: 16,
            false_colour: true,
            orientation: 6,
        };
        let answer = Answer::of_plane(plane, 7);
        assert!(answer.clone().into_samples(&mut []).is_err());
        let (plane, images) = answer.into_plane().unwrap();
        assert_eq!((plane.width, plane.height, images), (2, 3, 7));
        assert_eq!((plane.bits, plane.orientation), (16, 6));
        assert!(plane.false_colour && plane.luma[5] == 0.5);

        let samples = Samples {
            precision: 12,
            signed: true,
            ended: false,
        };
        let answer = Answer::of_samples(samples, vec![1, 2, 3]);
        let mut cells = [0; 3];
        assert_eq!(answer.clone().into_samples(&mut cells), Ok(samples));
        assert_eq!(cells, [1, 2, 3]);
        assert_eq!(
            answer.into_samples(&mut [0; 2]),
            Err(DecodeError::ReaderMissing)
        );
    }

    #[test]
    fn errors_arrive_word_for_word() {
        let detail = "compressed by LZMA".to_owned();
        let format = Format::Tiff;
        for error in [
            DecodeError::Unsupported {
                format,
                detail: detail.clone(),
            },
            DecodeError::Corrupt { format, detail },
            DecodeError::TooManyPixels {
                width: 70_000,
                height: 2,
                limit: 3,
            },
            DecodeError::TooMuchMemory { limit: 1 << 33 },
            DecodeError::TooSmall {
                width: 1,
                height: 2,
                limit: 32,
            },
            DecodeError::BadShape {
                width: 1,
                height: 2,
            },
        ] {
            let answer = Answer::of_error(error.clone());
            assert_eq!(answer.into_plane().err(), Some(error));
        }
        let other = Answer::of_error(DecodeError::Empty).into_plane();
        assert_eq!(other.err(), Some(DecodeError::ReaderMissing));
    }
}
