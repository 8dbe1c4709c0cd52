//! The bits of a scan, and the symbols that they are codes of.

/// A Huffman table (T.81, F.2.2.3): of each length the first code, the number of codes, and where their symbols begin.
#[derive(Clone)]
pub(super) struct Huffman {
    lengths: [(u32, u32, usize); 16],
    symbols: Vec<u8>,
}

impl Huffman {
    /// The table of so many codes of each length.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Self {
        let (mut code, mut from) = (0_u32, 0);
        let lengths = counts.map(|count| {
            let length = (code, u32::from(count), from);
            code = (code + u32::from(count)) << 1;
            from += usize::from(count);
            length
        });
        Self {
            lengths,
            symbols: symbols.to_vec(),
        }
    }
}

/// Why decoding stops.
pub(super) enum Stop {
    /// The data end.
    End,
    Damaged(&'static str),
}

/// The bits of a scan.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    held: u8,
    count: u8,
}

impl<'a> Bits<'a> {
    /// The bits of `bytes`, up to the next marker.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            held: 0,
            count: 0,
        }
    }

    /// Where the next byte is.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The next bit.
    pub(super) fn bit(&mut self) -> Result<u32, Stop> {
        if self.count == 0 {
            let byte = *self.bytes.get(self.at).ok_or(Stop::End)?;
            if byte == 0xff {
                // A zero follows where it is data, and else a marker.
                if self.bytes.get(self.at + 1) != Some(&0) {
                    return Err(Stop::End);
                }
                self.at += 1;
            }
            self.at += 1;
            (self.held, self.count) = (byte, 8);
        }
        self.count -= 1;
        Ok(u32::from(self.held >> self.count & 1))
    }

    /// The next bits, the highest first.
    pub(super) fn bits(&mut self, count: u8) -> Result<i32, Stop> {
        let mut bits = 0;
        for _ in 0..count {
            bits = bits << 1 | self.bit()?.cast_signed();
        }
        Ok(bits)
    }

    /// A number of so many bits, whose first says whether it is negative (T.81, F.2.2.1).
    pub(super) fn number(&mut self, count: u8) -> Result<i32, Stop> {
        let bits = self.bits(count)?;
        Ok(if count > 0 && bits < 1 << (count - 1) {
            bits - (1 << count) + 1
        } else {
            bits
        })
    }

    /// The next symbol.
    pub(super) fn symbol(&mut self, table: &Huffman) -> Result<u8, Stop> {
        let mut code = 0;
        for &(first, count, from) in &table.lengths {
            code = code << 1 | self.bit()?;
            let index = code.wrapping_sub(first);
            if index < count {
                let symbol = table.symbols.get(from + index as usize);
                return symbol
                    .copied()
                    .ok_or(Stop::Damaged("a code stands for nothing"));
            }
        }
        Err(Stop::Damaged("a code stands for nothing"))
    }

    /// Goes over a restart marker, which has to come next.
    pub(super) fn restart(&mut self) -> Result<(), Stop> {
        self.count = 0;
        while self.bytes.get(self.at) == Some(&0xff) && self.bytes.get(self.at + 1) == Some(&0xff) {
            self.at += 1;
        }
        match self.bytes.get(self.at..self.at + 2) {
            Some([0xff, 0xd0..=0xd7]) => {
                self.at += 2;
                Ok(())
            }
            Some([0xff, _]) | None => Err(Stop::End),
            _ => Err(Stop::Damaged("a restart is missing")),
        }
    }
}
