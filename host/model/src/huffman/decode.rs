//! A decoder that needs the lengths only: it grows the code tree and walks it bit by bit.

use super::CodeLengths;
use crate::bits::BitReader;

/// What a node's branch leads to.
#[derive(Clone, Copy, Debug)]
enum Branch {
    Nothing,
    Node(u16),
    Symbol(u8),
}

/// Bits that are looked up at once; longer words are walked to.
const LOOKUP_BITS: u32 = 9;

/// The code tree; node 0 is the root.
#[derive(Clone, Debug)]
pub struct Decoder {
    nodes: Vec<[Branch; 2]>,
    only: Option<u8>,
    /// By the next bits: the symbol whose word they begin with, and its length; 0 if it is longer than these,
    /// or there is none.
    lookup: Vec<(u8, u8)>,
}

impl Decoder {
    /// The tree of a code.
    pub fn new(code: &CodeLengths) -> Self {
        let mut decoder = Decoder {
            nodes: vec![[Branch::Nothing; 2]],
            only: code.only(),
            lookup: vec![(0, 0); 1 << LOOKUP_BITS],
        };
        // Canonical words are the leaves from left to right, ordered by depth: so each symbol takes
        // the leftmost free place at its depth.
        for symbol in code.canonical() {
            let depth = code.lengths()[usize::from(symbol)];
            let placed = decoder.place(0, depth, symbol);
            debug_assert!(placed, "a code whose lengths were checked fits its tree");
        }
        for (symbol, word) in code.words().into_iter().enumerate() {
            if let Some((word, length @ 1..)) = word
                && let Some(left) = LOOKUP_BITS.checked_sub(length.into())
            {
                let first = usize::from(word) << left;
                decoder.lookup[first..first + (1 << left)].fill((symbol as u8, length));
            }
        }
        decoder
    }

    fn place(&mut self, node: usize, depth: u8, symbol: u8) -> bool {
        for side in 0..2 {
            let branch = self.nodes[node][side];
            match branch {
                Branch::Nothing if depth == 1 => {
                    self.nodes[node][side] = Branch::Symbol(symbol);
                    return true;
                }
                Branch::Nothing => {
                    let child = self.nodes.len();
                    self.nodes.push([Branch::Nothing; 2]);
                    self.nodes[node][side] = Branch::Node(child as u16);
                    return self.place(child, depth - 1, symbol);
                }
                Branch::Node(child)
                    if depth > 1 && self.place(usize::from(child), depth - 1, symbol) =>
                {
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    /// The next symbol of `reader`; `None` when the bits end or are no code word.
    pub(crate) fn read(&self, reader: &mut BitReader<'_>) -> Option<u8> {
        if self.only.is_some() {
            return self.only;
        }
        if let Some(bits) = reader.peek(LOOKUP_BITS)
            && let (symbol, length @ 1..) = self.lookup[bits as usize]
        {
            reader.skip(length.into());
            return Some(symbol);
        }
        self.symbol(|| reader.bit())
    }

    /// The next symbol of a bit string. `next` gives the next bit, `None` at the end.
    ///
    /// Gives `None` when the bits end or are no code word. A symbol that has no other beside it takes none.
    pub fn symbol(&self, mut next: impl FnMut() -> Option<u32>) -> Option<u8> {
        if self.only.is_some() {
            return self.only;
        }
        let mut node = 0;
        loop {
            match self.nodes[node][next()? as usize & 1] {
                Branch::Nothing => return None,
                Branch::Node(child) => node = usize::from(child),
                Branch::Symbol(symbol) => return Some(symbol),
            }
        }
    }
}
