//! Length-limited canonical Huffman codes.
//!
//! A code is given by its lengths alone. Code words are dealt in canonical order: by length, then
//! by symbol value; each is the one before plus one, shifted left when the length grows.

mod build;
mod decode;

pub use decode::Decoder;

use thresh_regs::{MAX_CODE_LENGTH, TABLE_SYMBOLS};

/// The lengths of a code's words: index is the symbol, 0 means that the symbol has no word. There
/// are no zeros at the end, so equal codes compare equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeLengths(Vec<u8>);

/// Lengths that are no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// More symbols than a table holds.
    #[error("got a code of {got} symbols, a table holds at most {TABLE_SYMBOLS}")]
    TooManySymbols {
        /// Symbols.
        got: usize,
    },
    /// A word longer than the decoder reads.
    #[error("got a code word of {got} bits for symbol {symbol}, the longest is {MAX_CODE_LENGTH}")]
    TooLong {
        /// The symbol.
        symbol: usize,
        /// Its length in bits.
        got: u8,
    },
    /// Kraft's sum is not one.
    #[error(
        "the code words take {got} of {expected} places of the code tree; a code fills it exactly, \
         except that a single symbol has length 1"
    )]
    Kraft {
        /// Sum of 2^(15 - length).
        got: u32,
        /// 2^15.
        expected: u32,
    },
}

impl CodeLengths {
    /// The code with these lengths.
    ///
    /// # Errors
    /// If they are no prefix code that fills the code tree; see [`CodeError`]. A single symbol has
    /// length 1; no symbols at all are allowed.
    pub fn new(mut lengths: Vec<u8>) -> Result<Self, CodeError> {
        while lengths.last() == Some(&0) {
            lengths.pop();
        }
        if lengths.len() > TABLE_SYMBOLS {
            return Err(CodeError::TooManySymbols { got: lengths.len() });
        }
        let long = |&(_, &length): &(usize, &u8)| u32::from(length) > MAX_CODE_LENGTH;
        if let Some((symbol, &got)) = lengths.iter().enumerate().find(long) {
            return Err(CodeError::TooLong { symbol, got });
        }
        let used = || lengths.iter().filter(|&&length| length > 0);
        let got = used()
            .map(|&length| 1u32 << (MAX_CODE_LENGTH - u32::from(length)))
            .sum();
        let expected = 1 << MAX_CODE_LENGTH;
        let fits = match used().count() {
            0 => true,
            1 => used().all(|&length| length == 1),
            _ => got == expected,
        };
        if fits {
            Ok(CodeLengths(lengths))
        } else {
            Err(CodeError::Kraft { got, expected })
        }
    }

    /// The shortest code for symbols that occur so often; symbols that never occur get no word.
    ///
    /// # Panics
    /// If there are more than [`TABLE_SYMBOLS`] frequencies.
    pub fn from_frequencies(frequencies: &[u64]) -> Self {
        assert!(
            frequencies.len() <= TABLE_SYMBOLS,
            "more symbols than a table holds"
        );
        let lengths = build::package_merge(frequencies, MAX_CODE_LENGTH as usize);
        CodeLengths::new(lengths).expect("package-merge gives a full code")
    }

    /// The length of every symbol, up to the last that has a word.
    pub fn lengths(&self) -> &[u8] {
        &self.0
    }

    /// Number of symbols that have a word.
    pub fn symbols(&self) -> usize {
        self.0.iter().filter(|&&length| length > 0).count()
    }

    /// The symbol of a code that has no other: its word is empty.
    pub fn only(&self) -> Option<u8> {
        let last = self.0.len().checked_sub(1)?;
        (self.symbols() == 1).then_some(last as u8)
    }

    /// Number of words of each length in bits; index is the length.
    pub fn counts(&self) -> [u16; MAX_CODE_LENGTH as usize + 1] {
        let mut counts = [0; MAX_CODE_LENGTH as usize + 1];
        if self.only().is_some() {
            counts[0] = 1;
            return counts;
        }
        for &length in self.0.iter().filter(|&&length| length > 0) {
            counts[usize::from(length)] += 1;
        }
        counts
    }

    /// The symbols that have a word, in canonical order.
    pub fn canonical(&self) -> Vec<u8> {
        (1..=MAX_CODE_LENGTH as u8)
            .flat_map(|length| {
                self.0
                    .iter()
                    .enumerate()
                    .filter(move |&(_, &l)| l == length)
                    .map(|(s, _)| s as u8)
            })
            .collect()
    }

    /// `(word, length)` of every symbol, where it has one. Index is the symbol.
    pub fn words(&self) -> Vec<Option<(u16, u8)>> {
        let mut words = vec![None; self.0.len()];
        if let Some(symbol) = self.only() {
            words[usize::from(symbol)] = Some((0, 0));
            return words;
        }
        let mut next = 0u32;
        let mut last = 0;
        for symbol in self.canonical() {
            let length = self.0[usize::from(symbol)];
            next <<= length - last;
            words[usize::from(symbol)] = Some((next as u16, length));
            next += 1;
            last = length;
        }
        words
    }

    /// Bits that symbols with these frequencies take, or `None` if one of them has no word.
    pub fn cost(&self, frequencies: &[u64]) -> Option<u64> {
        let length = |symbol: usize| match self.0.get(symbol).copied().unwrap_or(0) {
            0 => None,
            _ if self.only().is_some() => Some(0),
            bits => Some(u64::from(bits)),
        };
        frequencies
            .iter()
            .enumerate()
            .filter(|&(_, &n)| n > 0)
            .try_fold(0, |sum, (symbol, &n)| Some(sum + n * length(symbol)?))
    }
}

#[cfg(test)]
mod tests;
