//! What was mended so that a file could be read.

use std::cell::Cell;

/// One way in which a file is not as the standard wants it, though its image is all there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repair {
    /// Values whose kind is missing or unknown, or written as it is not elsewhere in the file.
    Kinds,
    /// A length that is not that of the value.
    Lengths,
    /// A sequence or an item without its end.
    Open,
    /// Bytes that belong to no element.
    Strays,
    /// Something else than an end behind the last fragment of the image.
    Fragments,
    /// A transfer syntax that is missing or unknown.
    Syntax,
    /// Pixels that are stored otherwise than the transfer syntax says.
    Claim,
    /// Elements that are deflated otherwise than the transfer syntax says.
    Deflated,
    /// Another file around this one.
    Wrapped,
    /// Numbers of bits that contradict the pixels.
    Bits,
    /// Numbers of channels that contradict the pixels.
    Channels,
    /// An image without its last marker.
    End,
}

impl Repair {
    const ALL: [(Self, &'static str); 12] = [
        (Self::Wrapped, "it lay within another file"),
        (Self::Syntax, "its transfer syntax is missing or unknown"),
        (Self::Deflated, "it is deflated otherwise than it says"),
        (Self::Kinds, "kinds of values are missing or unknown"),
        (Self::Lengths, "a length is wrong"),
        (Self::Open, "a sequence has no end"),
        (Self::Strays, "there are bytes between its elements"),
        (Self::Fragments, "the end of its fragments is damaged"),
        (Self::Claim, "its pixels are stored otherwise than it says"),
        (
            Self::Bits,
            "it contradicts itself in how many bits its pixels have",
        ),
        (
            Self::Channels,
            "it contradicts itself in how many channels its pixels have",
        ),
        (Self::End, "its compressed image has no end marker"),
    ];
}

/// The repairs of a file.
#[derive(Debug, Default)]
pub(super) struct Repairs(Cell<u16>);

impl Repairs {
    pub(super) fn note(&self, repair: Repair) {
        self.0.set(self.0.get() | 1 << repair as u16);
    }

    /// One clause for each, or `None` if there was nothing to mend.
    pub(super) fn words(&self) -> Option<String> {
        let words: Vec<_> = Repair::ALL
            .iter()
            .filter(|(repair, _)| self.0.get() >> *repair as u16 & 1 == 1)
            .map(|&(_, words)| words)
            .collect();
        (!words.is_empty()).then(|| words.join("; "))
    }
}
