//! Frames: words to bytes and back.

use thresh_regs::uart::{CRC_GOOD, ESCAPE, ESCAPE_XOR, FLAG, MAX_WORDS};

const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);

/// Bytes of a frame between its flags, at most: first word, data, CRC.
const MAX_BYTES: usize = 4 * (1 + MAX_WORDS + 1);

/// The bytes of a frame of `words`: flag, words and their CRC with escapes, flag.
pub fn encode(words: &[u32]) -> Vec<u8> {
    let plain: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let crc = CRC.checksum(&plain).to_le_bytes();
    let mut bytes = Vec::with_capacity(plain.len() + crc.len() + 8);
    bytes.push(FLAG);
    for byte in plain.into_iter().chain(crc) {
        if byte == FLAG || byte == ESCAPE {
            bytes.extend([ESCAPE, byte ^ ESCAPE_XOR]);
        } else {
            bytes.push(byte);
        }
    }
    bytes.push(FLAG);
    bytes
}

/// What lies between two flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Words whose CRC is right.
    Good(Vec<u32>),
    /// Anything else.
    Damaged,
}

/// Bytes to frames. It begins with the first flag.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    started: bool,
    escaped: bool,
    bytes: Vec<u8>,
}

impl Decoder {
    /// Takes a byte; gives the frame that it ends.
    pub fn push(&mut self, byte: u8) -> Option<Frame> {
        match byte {
            FLAG => self.end(),
            _ if !self.started => None,
            ESCAPE => {
                self.escaped = true;
                None
            }
            _ => {
                let mask = if self.escaped { ESCAPE_XOR } else { 0 };
                self.escaped = false;
                // One too many is enough to know that it is too long.
                if self.bytes.len() <= MAX_BYTES {
                    self.bytes.push(byte ^ mask);
                }
                None
            }
        }
    }

    fn end(&mut self) -> Option<Frame> {
        let bytes = std::mem::take(&mut self.bytes);
        let escaped = std::mem::take(&mut self.escaped);
        if !std::mem::replace(&mut self.started, true) || (bytes.is_empty() && !escaped) {
            return None;
        }
        let sized = bytes.len().is_multiple_of(4) && (8..=MAX_BYTES).contains(&bytes.len());
        if escaped || !sized || CRC.checksum(&bytes) != CRC_GOOD {
            return Some(Frame::Damaged);
        }
        let words = bytes[..bytes.len() - 4].as_chunks::<4>().0;
        Some(Frame::Good(
            words.iter().map(|&word| u32::from_le_bytes(word)).collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Frame> {
        bytes
            .iter()
            .filter_map(|&byte| decoder.push(byte))
            .collect()
    }

    #[test]
    fn frames_come_back_whatever_they_hold() {
        let mut decoder = Decoder::default();
        for words in [
            vec![0],
            vec![0x7e7e_7e7e, 0x7d7d_7d7d, 0x5e5d_7d7e],
            (0..=MAX_WORDS as u32)
                .map(|i| i.wrapping_mul(0x9e37_79b9))
                .collect(),
        ] {
            let bytes = encode(&words);
            let inner = &bytes[1..bytes.len() - 1];
            assert!(!inner.contains(&FLAG));
            assert_eq!(decode(&mut decoder, &bytes), [Frame::Good(words)]);
        }
    }

    #[test]
    fn every_damaged_bit_is_found_and_the_next_frame_is_read() {
        let bytes = encode(&[0x0102_0304, 0x7e00_7d00, 3]);
        let mut found = 0;
        for bit in 8..8 * (bytes.len() - 1) {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let mut decoder = Decoder::default();
            let frames = decode(&mut decoder, &damaged);
            assert!(
                frames.iter().all(|frame| *frame == Frame::Damaged),
                "bit {bit}"
            );
            found += frames.len();
            let again = decode(&mut decoder, &bytes);
            assert!(matches!(again[..], [Frame::Good(_)]), "bit {bit}");
        }
        assert!(found > 8 * (bytes.len() - 3), "{found}");
    }

    #[test]
    fn what_is_too_short_too_long_or_cut_off_is_damaged() {
        let long = encode(&vec![7; MAX_WORDS + 2]);
        let (mut cut, mut ends_escaped) = (encode(&[1, 2]), encode(&[1, 2]));
        cut.drain(3..7);
        let end = ends_escaped.len() - 1;
        ends_escaped.insert(end, ESCAPE);
        let short = [FLAG, 1, 2, 3, 4, FLAG];
        for bytes in [&long[..], &cut, &ends_escaped, &short] {
            let mut decoder = Decoder::default();
            assert_eq!(decode(&mut decoder, bytes), [Frame::Damaged], "{bytes:?}");
        }
        let mut decoder = Decoder::default();
        assert_eq!(decode(&mut decoder, &[1, 2, FLAG, FLAG, FLAG]), []);
    }
}
