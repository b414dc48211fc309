//! Bit strings, most significant bit first, and the numbers written in them.

/// Appends fields to a bit string.
#[derive(Clone, Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    bits: usize,
}

impl BitWriter {
    /// Number of bits written.
    pub fn len(&self) -> usize {
        self.bits
    }

    /// Appends the low `width` bits of `value`, highest first; `width` is at most 32.
    pub fn put(&mut self, value: u32, width: u32) {
        let mut left = width;
        while left > 0 {
            let free = 8 - (self.bits % 8) as u32;
            if free == 8 {
                self.bytes.push(0);
            }
            let take = left.min(free);
            left -= take;
            let part = value >> left & ((1 << take) - 1);
            let last = self.bytes.len() - 1;
            self.bytes[last] |= (part << (free - take)) as u8;
            self.bits += take as usize;
        }
    }

    /// Appends bytes.
    pub fn put_bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.put(u32::from(byte), 8);
        }
    }

    /// Appends a variable-length number: groups of seven bits, lowest first, each in a byte whose
    /// highest bit says that another follows.
    pub fn put_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.put(value & 0x7f | 0x80, 8);
            value >>= 7;
        }
        self.put(value, 8);
    }

    /// Appends `value >= 1` in Elias gamma code: as many zeros as it has bits after the first, then
    /// its bits.
    pub fn put_gamma(&mut self, value: u32) {
        let width = 32 - value.leading_zeros();
        self.put(0, width - 1);
        self.put(value, width);
    }

    /// Appends `value` in Rice code: a one for each `2^low`, a zero, then its `low` lowest bits.
    pub fn put_rice(&mut self, value: u32, low: u32) {
        (0..value >> low).for_each(|_| self.put(1, 1));
        self.put(0, 1);
        self.put(value & ((1 << low) - 1), low);
    }

    /// The bytes; the last one is filled up with zeros.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Takes fields from a bit string. Every method gives `None` at the end of the string.
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
    end: usize,
}

impl<'a> BitReader<'a> {
    /// A reader of the first `bits` bits of `bytes`, or of all there are.
    pub fn new(bytes: &'a [u8], bits: usize) -> Self {
        BitReader {
            bytes,
            position: 0,
            end: bits.min(bytes.len() * 8),
        }
    }

    /// Number of bits read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Number of bits left.
    pub fn left(&self) -> usize {
        self.end - self.position
    }

    /// The next bit.
    pub fn bit(&mut self) -> Option<u32> {
        if self.position >= self.end {
            return None;
        }
        let bit = self.bytes[self.position / 8] >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(u32::from(bit))
    }

    /// The next `width` bits, at most 16, which stay.
    pub fn peek(&self, width: u32) -> Option<u32> {
        if self.left() < width as usize {
            return None;
        }
        let at = self.position / 8;
        let byte = |i: usize| u32::from(self.bytes.get(at + i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let behind = 24 - (self.position % 8) as u32 - width;
        Some(bits >> behind & ((1 << width) - 1))
    }

    /// Passes over `width` bits that [`BitReader::peek`] has shown.
    pub fn skip(&mut self, width: u32) {
        self.position = (self.position + width as usize).min(self.end);
    }

    /// The next `width` bits, at most 32.
    pub fn take(&mut self, width: u32) -> Option<u32> {
        if self.left() < width as usize {
            return None;
        }
        let mut value = 0u64;
        let mut left = width;
        while left > 0 {
            let free = 8 - (self.position % 8) as u32;
            let take = left.min(free);
            let part = self.bytes[self.position / 8] >> (free - take) & (0xff >> (8 - take));
            value = value << take | u64::from(part);
            left -= take;
            self.position += take as usize;
        }
        Some(value as u32)
    }

    /// The next `count` bytes.
    pub fn take_bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        if self.left() / 8 < count {
            return None;
        }
        (0..count)
            .map(|_| self.take(8).map(|byte| byte as u8))
            .collect()
    }

    /// The next variable-length number, see [`BitWriter::put_varint`].
    pub fn take_varint(&mut self) -> Option<u32> {
        let mut value = 0u64;
        for shift in (0..35).step_by(7) {
            let byte = self.take(8)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(value).ok();
            }
        }
        None
    }

    /// The next number in Rice code with `low` lowest bits, at most 15, if it is below 2^16.
    pub fn take_rice(&mut self, low: u32) -> Option<u32> {
        let mut high = 0;
        while self.bit()? == 1 {
            high += 1;
            if high >> (16 - low) != 0 {
                return None;
            }
        }
        Some(high << low | self.take(low)?)
    }

    /// The next number in Elias gamma code.
    pub fn take_gamma(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some(1 << zeros | self.take(zeros)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fields_round_trip(fields in prop::collection::vec((any::<u32>(), 0u32..=32, 0..3), 0..50)) {
            let cut = |value: u32, width: u32| (u64::from(value) & ((1u64 << width) - 1)) as u32;
            let mut writer = BitWriter::default();
            for &(value, width, kind) in &fields {
                match kind {
                    0 => writer.put(cut(value, width), width),
                    1 => writer.put_varint(cut(value, width)),
                    _ => writer.put_gamma(cut(value, width).max(1)),
                }
            }
            let bits = writer.len();
            let bytes = writer.into_bytes();
            let mut reader = BitReader::new(&bytes, bits);
            for (value, width, kind) in fields {
                let value = cut(value, width);
                let width = if kind == 0 { width } else { 0 };
                prop_assert_eq!(reader.peek(width.min(16)).is_some(), true);
                match kind {
                    0 if width <= 16 => {
                        prop_assert_eq!(reader.peek(width), Some(value));
                        reader.skip(width);
                    }
                    0 => prop_assert_eq!(reader.take(width), Some(value)),
                    1 => prop_assert_eq!(reader.take_varint(), Some(value)),
                    _ => prop_assert_eq!(reader.take_gamma(), Some(value.max(1))),
                }
            }
            prop_assert_eq!(reader.bit(), None);
        }
    }
}
