//! Tables of values: of colours, of what is measured and of what is shown.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::elements::Elements;
use super::flaw::Flaw;

/// A table of colours (PS3.3, C.7.6.3.1.5 and 6).
pub(super) struct Palette {
    first: u16,
    /// Red, green and blue, `0..=1`.
    colours: Vec<[f32; 3]>,
}

impl Palette {
    pub(super) fn from_elements(elements: &Elements<'_>) -> Result<Self, Flaw> {
        if elements.has(tags::SEGMENTED_RED_PALETTE_COLOR_LOOKUP_TABLE_DATA) {
            return Err(Flaw::Unsupported("a table of colours in segments"));
        }
        let broken = Flaw::Corrupt("its table of colours is damaged");
        let channels = [
            (
                tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
            (
                tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
            (
                tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
                tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            ),
        ];
        let mut first_entry = 0;
        let mut colours = Vec::new();
        for (channel, (descriptor, data)) in channels.into_iter().enumerate() {
            let table =
                LookupTable::from_elements(elements, descriptor, data).ok_or(broken.clone())?;
            first_entry = table.first;
            colours.resize(table.entries.len().max(colours.len()), [0.0; 3]);
            let most = f32::from(table.most);
            for (colour, &entry) in colours.iter_mut().zip(&table.entries) {
                colour[channel] = f32::from(entry) / most;
            }
        }
        Ok(Self {
            first: first_entry,
            colours,
        })
    }

    /// The colour of an entry; the first and the last reach beyond the ends.
    pub(super) fn colour(&self, entry: u16) -> [f32; 3] {
        let index = usize::from(entry.saturating_sub(self.first));
        self.colours[index.min(self.colours.len() - 1)]
    }
}

/// A table of values, as there are for colours, for what is measured and for what is shown (PS3.3, C.11.1.1).
pub(super) struct LookupTable {
    /// What its first entry is for, as it is written: 16 bits that may have a sign.
    pub(super) first: u16,
    /// At least one.
    pub(super) entries: Vec<u16>,
    /// The greatest value that an entry may have; at least 1.
    pub(super) most: u16,
}

impl LookupTable {
    /// `None` if it is not there or damaged.
    pub(super) fn from_elements(
        elements: &Elements<'_>,
        descriptor: Tag,
        data: Tag,
    ) -> Option<Self> {
        let mut described = elements.shorts(descriptor)?;
        let (count, first, bits) = (described.next()?, described.next()?, described.next()?);
        // There is no 65536 in 16 bits.
        let count = if count == 0 {
            65536
        } else {
            usize::from(count)
        };
        let bytes = elements.bytes(data)?;
        let entries: Vec<u16> = if bits <= 8 && bytes.len() < 2 * count {
            bytes
                .iter()
                .take(count)
                .map(|&byte| u16::from(byte))
                .collect()
        } else {
            elements.words(bytes).take(count).collect()
        };
        if entries.len() < count {
            return None;
        }
        let said = u16::MAX >> (16 - bits.clamp(1, 16));
        // More than it says, where it says too little.
        let most = said.max(entries.iter().copied().max().unwrap_or(0));
        Some(Self {
            first,
            entries,
            most,
        })
    }
}
