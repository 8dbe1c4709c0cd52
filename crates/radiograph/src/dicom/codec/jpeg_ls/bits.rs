//! The bits of a scan, and the numbers that they code.

use crate::dicom::flaw::Flaw;
use crate::error::CUT_SHORT;

/// The bits of a scan, up to the next marker. The byte behind one of ones has seven bits.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    /// The next bits, from the highest on.
    bits: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            bits: 0,
            count: 0,
        }
    }

    #[inline]
    fn fill(&mut self) {
        while self.count <= 56 {
            let Some(&byte) = self.bytes.get(self.at) else {
                return;
            };
            let after_ones = self.at > 0 && self.bytes[self.at - 1] == 0xff;
            if byte == 0xff && self.bytes.get(self.at + 1).is_none_or(|&next| next >= 0x80) {
                return;
            }
            let width = if after_ones { 7 } else { 8 };
            self.bits |= u64::from(byte) << (64 - width) >> self.count;
            self.at += 1;
            self.count += width;
        }
    }

    /// Returns the next `count` bits, up to 16.
    #[inline]
    pub(super) fn take(&mut self, count: u32) -> Result<i32, Flaw> {
        if self.count < count {
            self.fill();
            if self.count < count {
                return Err(Flaw::Corrupt(CUT_SHORT));
            }
        }
        if count == 0 {
            return Ok(0);
        }
        let taken = (self.bits >> (64 - count)) as i32;
        self.bits <<= count;
        self.count -= count;
        Ok(taken)
    }

    /// Returns how many zeros there are before the next one, which is taken too; at most `most` are allowed.
    #[inline]
    pub(super) fn zeros(&mut self, most: u32) -> Result<u32, Flaw> {
        let mut zeros = 0;
        loop {
            if self.count == 0 {
                self.fill();
                if self.count == 0 {
                    return Err(Flaw::Corrupt(CUT_SHORT));
                }
            }
            let found = self.bits.leading_zeros().min(self.count);
            zeros += found;
            if zeros > most {
                return Err(Flaw::Corrupt("it holds a code that is too long"));
            }
            if found < self.count {
                // The shift is by 64 where the one is the last bit.
                self.bits = self.bits << found << 1;
                self.count -= found + 1;
                return Ok(zeros);
            }
            self.bits = 0;
            self.count = 0;
        }
    }
}

/// Returns the next number, Golomb-coded with parameter `k` in at most `limit` bits (A.5.3).
#[inline]
pub(super) fn golomb(bits: &mut Bits<'_>, k: u32, limit: u32, qbpp: u32) -> Result<i32, Flaw> {
    let most = limit.saturating_sub(qbpp + 1);
    let zeros = bits.zeros(most)?;
    if zeros < most {
        // Neither overflows: at most 64 zeros, and `k` of at most 24.
        Ok(((zeros << k).cast_signed()) + take_wide(bits, k)?)
    } else {
        Ok(bits.take(qbpp)? + 1)
    }
}

/// Returns the next `count` bits, up to 24.
#[inline]
fn take_wide(bits: &mut Bits<'_>, count: u32) -> Result<i32, Flaw> {
    let high = count.saturating_sub(16);
    Ok(bits.take(high)? << 16 | bits.take(count - high)?)
}
