//! Transaction layer packets as 32-bit words, in the form in which the endpoint takes and gives them.

use std::fmt;

/// What a request asks for; the value is format (of a 3-word header) and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Read memory.
    MemoryRead = 0x00,
    /// Read memory and lock it, of which only old bridges know.
    LockedRead = 0x01,
    /// Write memory.
    MemoryWrite = 0x40,
    /// Read an I/O port.
    IoRead = 0x02,
    /// Write an I/O port.
    IoWrite = 0x42,
    /// Read the configuration space.
    ConfigRead = 0x04,
    /// Write the configuration space.
    ConfigWrite = 0x44,
    /// Add, and give what was there.
    FetchAdd = 0x4c,
}

impl Kind {
    /// Whether it has a payload.
    pub fn writes(self) -> bool {
        self as u32 & 0x40 != 0
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it asks for.
    pub kind: Kind,
    /// Byte address, a multiple of 4.
    pub address: u64,
    /// Whether its header has 64 address bits.
    pub wide: bool,
    /// Words, 1 to 1024.
    pub length: usize,
    /// Byte enables of the first word.
    pub first: u8,
    /// Byte enables of the last word; 0 where that is the first.
    pub last: u8,
    /// Payload, `length` words if it writes.
    pub payload: Vec<u32>,
    /// Bus, device, function that asks.
    pub requester: u16,
    /// Its number.
    pub tag: u8,
    /// Traffic class, 0 to 7.
    pub class: u8,
    /// Attributes, 3 bits.
    pub attributes: u8,
    /// The payload is poisoned.
    pub poisoned: bool,
    /// A digest, if one follows.
    pub digest: Option<u32>,
}

impl Request {
    /// A request for `length` bytes at `address`; `bytes` is what it writes, else none.
    ///
    /// # Panics
    /// If `length` is 0.
    pub fn span(kind: Kind, address: u64, length: usize, bytes: &[u8]) -> Request {
        assert!(length > 0, "a span has a byte at least");
        let (lead, base) = ((address % 4) as usize, address & !3);
        let words = (lead + length).div_ceil(4);
        let first = (0xf << lead) as u8 & 0xf;
        let last = 0xf >> (4 * words - lead - length);
        let mut payload = vec![0; 4 * words];
        payload[lead..lead + bytes.len()].copy_from_slice(bytes);
        let payload = payload
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")));
        Request {
            kind,
            address: base,
            wide: false,
            length: words,
            first: if words == 1 { first & last } else { first },
            last: if words == 1 { 0 } else { last },
            payload: if kind.writes() {
                payload.collect()
            } else {
                vec![]
            },
            requester: 0,
            tag: 0,
            class: 0,
            attributes: 0,
            poisoned: false,
            digest: None,
        }
    }

    /// The packet.
    pub fn words(&self) -> Vec<u32> {
        let bit = |set: bool, place: u32| u32::from(set) << place;
        let attributes = u32::from(self.attributes);
        let mut words = vec![
            (self.kind as u32) << 24
                | bit(self.wide, 29)
                | u32::from(self.class) << 20
                | attributes >> 2 << 18
                | bit(self.digest.is_some(), 15)
                | bit(self.poisoned, 14)
                | (attributes & 3) << 12
                | (self.length as u32 & 0x3ff),
            u32::from(self.requester) << 16
                | u32::from(self.tag) << 8
                | u32::from(self.last) << 4
                | u32::from(self.first),
        ];
        if self.wide {
            words.push((self.address >> 32) as u32);
        }
        words.push(self.address as u32);
        words.extend(&self.payload);
        words.extend(self.digest);
        words
    }
}

/// A completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Whether it is one of a locked read.
    pub locked: bool,
    /// 0 done, 1 unsupported.
    pub status: u8,
    /// Who answers.
    pub completer: u16,
    /// Who asked.
    pub requester: u16,
    /// The request's number.
    pub tag: u8,
    /// Traffic class and attributes, as in the request.
    pub class: u8,
    /// Attributes, 3 bits.
    pub attributes: u8,
    /// Bytes that are still to come, its own among them.
    pub bytes: usize,
    /// Low bits of the address of its first byte.
    pub lower: u8,
    /// Its data.
    pub data: Vec<u32>,
}

/// Why a packet is no completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoCompletion(Vec<u32>);

impl fmt::Display for NoCompletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no completion: {:08x?}", self.0)
    }
}

impl TryFrom<&[u32]> for Completion {
    type Error = NoCompletion;

    /// Takes a packet apart; every bit that has no meaning must be zero.
    fn try_from(words: &[u32]) -> Result<Completion, NoCompletion> {
        let wrong = || NoCompletion(words.to_vec());
        let [first, second, third, data @ ..] = words else {
            return Err(wrong());
        };
        let with_data = match first >> 24 & 0xfe {
            0x0a => false,
            0x4a => true,
            _ => return Err(wrong()),
        };
        let completion = Completion {
            locked: first >> 24 & 1 != 0,
            status: (second >> 13 & 7) as u8,
            completer: (second >> 16) as u16,
            requester: (third >> 16) as u16,
            tag: (third >> 8) as u8,
            class: (first >> 20 & 7) as u8,
            attributes: (first >> 12 & 3 | first >> 18 << 2 & 4) as u8,
            bytes: match second & 0xfff {
                0 => 4096,
                bytes => bytes as usize,
            },
            lower: (third & 0x7f) as u8,
            data: data.to_vec(),
        };
        let length = (first & 0x3ff) as usize;
        let reserved = first & 0x808b_cc00 | second & 0x1000 | third & 0x80;
        let lengths_agree = length == data.len() && with_data != data.is_empty();
        if reserved == 0 && lengths_agree {
            Ok(completion)
        } else {
            Err(wrong())
        }
    }
}
