//! The second pass over elements, for files that the strict one cannot read: each element is taken for what it is if another
//! one, or the end, is where it says that it ends.

use std::cell::Cell;

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::element::{Element, ITEM, ITEM_END, MAX_DEPTH, SEQUENCE_END};
use super::repairs::{Repair, Repairs};

/// Before every tag.
pub(super) const FIRST: Tag = Tag(0, 0);
const UNDEFINED: u32 = u32::MAX;
/// Looks at elements for each byte of a file: few are looked at more than once or twice.
const LOOKS_PER_BYTE: usize = 4;
/// And for a file at most, so that it has an end where sequences open within sequences.
const MOST_LOOKS: usize = 40_000_000;
/// Elements that have to stand one behind the other where none of them names its kind.
const CHAIN: u32 = 3;

/// What an element may be.
#[derive(Clone, Copy)]
struct Head {
    tag: Tag,
    vr: VR,
    /// Where its value begins.
    start: usize,
    /// `None` where it is not given.
    length: Option<usize>,
    /// Whether it names its kind, as the standard wants it.
    explicit: bool,
}

impl Head {
    fn end(&self) -> Option<usize> {
        self.start.checked_add(self.length?)
    }
}

/// What there is at a place.
enum Step<'a> {
    Element(Element<'a>, usize),
    /// A sequence without an end: what is in it stands by itself.
    Enter(usize),
}

/// A walk over elements.
pub(super) struct Walk<'a, 'r> {
    bytes: &'a [u8],
    big: bool,
    /// Whether elements name their kinds, as a rule.
    explicit: bool,
    repairs: &'r Repairs,
    looks: Cell<usize>,
}

impl<'a, 'r> Walk<'a, 'r> {
    pub(super) fn new(bytes: &'a [u8], big: bool, explicit: bool, repairs: &'r Repairs) -> Self {
        let looks = Cell::new(
            LOOKS_PER_BYTE
                .saturating_mul(bytes.len())
                .clamp(1 << 12, MOST_LOOKS),
        );
        Self {
            bytes,
            big,
            explicit,
            repairs,
            looks,
        }
    }

    /// Whether an element of one of the first groups stands at `at`, and something sensible behind it.
    pub(super) fn begins(&self, at: usize) -> bool {
        matches!(self.tag(at), Some(Tag(2..=0x10, element)) if element <= 0x3000)
            && self.plausible(at, FIRST, FIRST, CHAIN)
    }

    /// The elements from `at` on, up to the pixel data, for which `wanted`, or of group 2 alone; and where they end.
    pub(super) fn elements(
        &self,
        mut at: usize,
        meta: bool,
        mut wanted: impl FnMut(Element<'a>),
    ) -> usize {
        let mut last = FIRST;
        while let Some(tag) = self.tag(at) {
            if meta && tag.group() != 2 {
                break;
            }
            if tag == tags::PIXEL_DATA {
                wanted(self.pixels(at));
                return self.bytes.len();
            }
            if tag.group() == ITEM.group() {
                self.repairs.note(Repair::Open);
                at += 8;
                continue;
            }
            match self.element(at, last, FIRST, 0) {
                Some(Step::Element(element, next)) => {
                    wanted(element);
                    last = tag;
                    at = next;
                }
                Some(Step::Enter(inner)) => at = inner,
                None => match self.resume(at, last) {
                    Some(next) => {
                        self.repairs.note(Repair::Strays);
                        at = next;
                    }
                    None => break,
                },
            }
        }
        at
    }

    fn word(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    /// The tag at `at`, where there is room for an element, and looks are left.
    fn tag(&self, at: usize) -> Option<Tag> {
        self.bytes.get(at..)?.get(..8)?;
        self.looks.set(self.looks.get().checked_sub(1)?);
        Some(Tag(self.word(at)?, self.word(at + 2)?))
    }

    /// What the element at `at` may be, the likeliest first.
    fn heads(&self, at: usize, tag: Tag) -> impl Iterator<Item = Head> + use<> {
        let kind = [4, 5].map(|index| self.bytes.get(at + index).copied().unwrap_or(0));
        let known = known_kind(kind).filter(|_| tag.group() != ITEM.group());
        let head = |start: usize, length: Option<u32>, explicit| {
            length.map(|length| Head {
                tag,
                vr: known.unwrap_or(VR::UN),
                start,
                length: (length != UNDEFINED).then_some(length as usize),
                explicit,
            })
        };
        let wide = known.is_some_and(is_wide);
        let implicit =
            head(at + 8, self.long(at + 4), false).map(|head| Head { vr: VR::UN, ..head });
        // As a kind that is not known is written: it may be a new one, or none at all.
        let named = known.is_some()
            || kind == [0, 0]
            || kind.iter().all(|byte| matches!(byte, b' '..=b'~'));
        let named = named && tag.group() != ITEM.group();
        let short = head(
            at + 8,
            self.word(at + 6).map(u32::from),
            known.is_some() && !wide,
        );
        let long = head(
            at + 12,
            self.long(at + 8).filter(|_| self.word(at + 6) == Some(0)),
            wide,
        );
        let (first, other) = if wide { (long, short) } else { (short, long) };
        let (first, other) = (first.filter(|_| named), other.filter(|_| named));
        let order = match known {
            Some(_) => [first, implicit, other],
            None => [implicit, first, other],
        };
        order.into_iter().flatten()
    }

    /// Whether an element that follows `after`, within a sequence called `around`, may stand at `at`: it, or one of up to
    /// `chain` that follow it, has to name its kind, or the file has to end there.
    fn plausible(&self, at: usize, after: Tag, around: Tag, chain: u32) -> bool {
        let rest = self.bytes.get(at..).unwrap_or_default();
        if rest.len() < 8 {
            return at <= self.bytes.len() && rest.iter().all(|&byte| byte == 0);
        }
        let Some(tag) = self.tag(at) else {
            return false;
        };
        let length = self.long(at + 4).unwrap_or(0);
        let room = |head: &Head| head.end().is_none_or(|end| end <= self.bytes.len());
        match tag {
            ITEM_END | SEQUENCE_END => return length == 0 || length == UNDEFINED,
            ITEM => return length == UNDEFINED || (length as usize) <= rest.len() - 8,
            _ => {}
        }
        if tag <= after && (around == FIRST || tag <= around) || tag.group() == 0 {
            return false;
        }
        if tag == tags::PIXEL_DATA && !self.explicit {
            // However long it says that it is.
            return true;
        }
        self.heads(at, tag).any(|head| {
            if head.explicit && (room(&head) || tag == tags::PIXEL_DATA) {
                return true;
            }
            match head.end() {
                None => matches!(self.tag(head.start), Some(ITEM | SEQUENCE_END)),
                Some(end) if chain == 0 => end <= self.bytes.len(),
                Some(end) => room(&head) && self.plausible(end, tag, around, chain - 1),
            }
        })
    }

    /// The element at `at`, behind `last` and within a sequence called `around`.
    fn element(&self, at: usize, last: Tag, around: Tag, depth: usize) -> Option<Step<'a>> {
        let tag = self.tag(at)?;
        let found = |head: Head, end: usize, next: usize, repair: Option<Repair>| {
            if let Some(repair) = repair {
                self.repairs.note(repair);
            }
            if head.explicit != self.explicit {
                self.repairs.note(Repair::Kinds);
            }
            Some(Step::Element(
                Element {
                    tag: head.tag,
                    vr: head.vr,
                    value: self.bytes.get(head.start..end).unwrap_or_default(),
                    open: head.length.is_none(),
                    cut: false,
                },
                next,
            ))
        };
        let after = tag.max(last);
        let fits = |at: usize| self.plausible(at, after, around, CHAIN);
        for head in self.heads(at, tag) {
            let Some(end) = head.end() else {
                if head.length.is_none()
                    && matches!(self.tag(head.start), Some(ITEM | SEQUENCE_END))
                    && let Some((end, next)) = self.close(head.start, tag, depth + 1)
                {
                    return found(head, end, next, None);
                }
                continue;
            };
            if end > self.bytes.len() {
                continue;
            }
            if fits(end) {
                return found(head, end, end, None);
            }
            // Made even, but not counted so.
            if end % 2 == 1 && fits(end + 1) {
                return found(head, end, end + 1, Some(Repair::Lengths));
            }
        }
        // A sequence of another length than it says, or one without an end.
        for head in self.heads(at, tag) {
            if !matches!(self.tag(head.start), Some(ITEM | SEQUENCE_END)) {
                continue;
            }
            if head.length.is_some()
                && let Some((end, next)) = self.close(head.start, tag, depth + 1)
            {
                return found(head, end, next, Some(Repair::Lengths));
            }
            if around == FIRST {
                return Some(Step::Enter(head.start));
            }
        }
        None
    }

    /// Returns where the items from `at` on, of a sequence called `around`, end, and where the next element is.
    fn close(&self, mut at: usize, around: Tag, depth: usize) -> Option<(usize, usize)> {
        if depth > MAX_DEPTH {
            return None;
        }
        loop {
            let length = self.long(at.checked_add(4)?);
            match self.tag(at)? {
                SEQUENCE_END => {
                    if length != Some(0) {
                        self.repairs.note(Repair::Open);
                    }
                    return Some((at, at + 8));
                }
                ITEM_END => {
                    self.repairs.note(Repair::Open);
                    at += 8;
                }
                ITEM => {
                    let start = at + 8;
                    let end = match length? {
                        UNDEFINED => None,
                        length => start.checked_add(length as usize),
                    };
                    let fits = end.filter(|&end| self.plausible(end, around, around, CHAIN));
                    at = match fits {
                        Some(end) => end,
                        None => self.close_item(start, around, depth)?,
                    };
                }
                _ if self.plausible(at, around, FIRST, CHAIN) => {
                    self.repairs.note(Repair::Open);
                    return Some((at, at));
                }
                _ => return None,
            }
        }
    }

    /// Returns where what follows an item is, whose elements begin at `at`.
    fn close_item(&self, mut at: usize, around: Tag, depth: usize) -> Option<usize> {
        let mut last = FIRST;
        loop {
            let tag = self.tag(at)?;
            match tag {
                ITEM_END => return Some(at + 8),
                // The item has no end of its own.
                SEQUENCE_END | ITEM => {
                    self.repairs.note(Repair::Open);
                    return Some(at);
                }
                // Nor has the sequence: tags grow within an item.
                _ if tag <= last && tag > around => {
                    self.repairs.note(Repair::Open);
                    return Some(at);
                }
                _ => {}
            }
            let Step::Element(_, next) = self.element(at, last, around, depth)? else {
                return None;
            };
            last = tag;
            at = next;
        }
    }

    /// The pixel data at `at`, which is the last element that matters: with all that there is of it.
    fn pixels(&self, at: usize) -> Element<'a> {
        let rest = |head: &Head| self.bytes.len().saturating_sub(head.start);
        let sound = |head: &Head| head.length.is_none_or(|length| length <= rest(head));
        let heads = || self.heads(at, tags::PIXEL_DATA);
        let pixels = |head: &Head| head.explicit && matches!(head.vr, VR::OB | VR::OW | VR::UN);
        // One that names its kind is what it is, however long it says that it is; and so is one that names none among others that do not.
        let head = heads()
            .find(pixels)
            .or_else(|| heads().find(|head| !self.explicit && !head.explicit))
            .or_else(|| heads().find(|head| head.explicit))
            .or_else(|| heads().find(sound))
            .or_else(|| heads().next());
        let Some(head) = head else {
            return Element {
                tag: tags::PIXEL_DATA,
                vr: VR::UN,
                value: &[],
                open: false,
                cut: true,
            };
        };
        if head.explicit != self.explicit {
            self.repairs.note(Repair::Kinds);
        }
        if !sound(&head) {
            self.repairs.note(Repair::Lengths);
        }
        let length = head.length.unwrap_or(usize::MAX).min(rest(&head));
        Element {
            tag: tags::PIXEL_DATA,
            vr: head.vr,
            value: self
                .bytes
                .get(head.start..head.start + length)
                .unwrap_or_default(),
            open: head.length.is_none(),
            cut: !sound(&head),
        }
    }

    /// Where elements go on behind bytes at `at` that are none: with two that follow one another, or the pixel data.
    fn resume(&self, at: usize, last: Tag) -> Option<usize> {
        let pixels = match self.big {
            true => [0x7f, 0xe0, 0, 0x10],
            false => [0xe0, 0x7f, 0x10, 0],
        };
        let rest = self.bytes.get(at + 2..)?;
        let found = rest.windows(8).enumerate().find(|&(offset, bytes)| {
            // Most bytes are none, which is seen at once.
            let kind = [bytes[4], bytes[5]];
            if bytes.starts_with(&pixels) {
                return !self.explicit || matches!(&kind, b"OB" | b"OW" | b"UN");
            }
            if self.explicit != known_kind(kind).is_some() {
                return false;
            }
            let at = at + 2 + offset;
            let Some(tag) = self.tag(at) else {
                return false;
            };
            tag > last
                && tag.group() <= tags::PIXEL_DATA.group()
                && self.heads(at, tag).next().is_some_and(|head| {
                    let follows = |end| self.plausible(end, tag, FIRST, CHAIN);
                    head.end().is_some_and(follows)
                })
        });
        found.map(|(offset, _)| at + 2 + offset)
    }
}

/// The kind of value that two bytes name.
fn known_kind(kind: [u8; 2]) -> Option<VR> {
    // Most bytes name none, which is seen at once.
    let letters = kind.iter().all(u8::is_ascii_uppercase);
    letters.then(|| VR::from_binary(kind)).flatten()
}

/// Whether the length of such a value has four bytes, behind two that are zero (PS3.5, 7.1.2).
fn is_wide(vr: VR) -> bool {
    matches!(
        vr,
        VR::OB
            | VR::OD
            | VR::OF
            | VR::OL
            | VR::OV
            | VR::OW
            | VR::SQ
            | VR::SV
            | VR::UC
            | VR::UN
            | VR::UR
            | VR::UT
            | VR::UV
    )
}
