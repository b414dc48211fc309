//! The column stream of one PE: for each column a count, then a run and a code for each entry.

use crate::bits::{BitReader, BitWriter};
use crate::huffman::{CodeLengths, Decoder};
use thresh_regs::{COUNT_CONTINUES, STEP_BITS, TABLE_SYMBOLS, Table};

/// A stored entry: its row is the row of the entry before, plus one, plus `step`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Zero run before it, in rows.
    pub step: u8,
    /// Index of its weight in the codebook.
    pub code: u8,
}

/// The longest zero run before an entry.
pub const MAX_STEP: usize = (1 << STEP_BITS) - 1;

/// What is wrong with a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The bits end, or are no code word.
    #[error(
        "column {column}: the stream ends, or holds no code word of its {table:?} table, at bit {bit}; pack the network again"
    )]
    Symbol {
        /// Column.
        column: usize,
        /// Table that the symbol should be of.
        table: Table,
        /// Where, in bits from the stream's start.
        bit: usize,
    },
    /// A row that the PE does not have.
    #[error("column {column} reaches row {row}, the PE has {rows}; pack the network again")]
    Row {
        /// Column.
        column: usize,
        /// The row.
        row: usize,
        /// Rows of the PE.
        rows: usize,
    },
    /// A code without a weight.
    #[error(
        "column {column} has code {code}, the codebook has {codes} weights; pack the network again"
    )]
    Code {
        /// Column.
        column: usize,
        /// The code.
        code: u8,
        /// Weights of the codebook.
        codes: usize,
    },
    /// More entries than a weight store has words.
    #[error(
        "column {column} brings entry {limit}, where the weight store ends; pack the network again"
    )]
    Entries {
        /// Column.
        column: usize,
        /// Entries that fit.
        limit: usize,
    },
}

/// The symbols of `columns`, with their tables, in stream order.
pub fn symbols(columns: &[Vec<Entry>]) -> impl Iterator<Item = (Table, u8)> + '_ {
    let whole = usize::from(COUNT_CONTINUES);
    columns.iter().flat_map(move |column| {
        (0..=column.len() / whole).flat_map(move |part| {
            let rest = &column[part * whole..];
            let entries = &rest[..rest.len().min(whole)];
            let pairs = entries
                .iter()
                .flat_map(|e| [(Table::Run, e.step), (Table::Code, e.code)]);
            std::iter::once((Table::Count, entries.len() as u8)).chain(pairs)
        })
    })
}

/// The stream of `columns`: its bytes and its length in bits.
///
/// # Panics
/// If a symbol has no word in its table.
pub fn encode(columns: &[Vec<Entry>], tables: &[CodeLengths; 3]) -> (Vec<u8>, usize) {
    let words = tables.each_ref().map(CodeLengths::words);
    let mut writer = BitWriter::default();
    for (table, symbol) in symbols(columns) {
        let word = words[table as usize].get(usize::from(symbol)).copied();
        let Some((word, length)) = word.flatten() else {
            panic!("symbol {symbol} of the {table:?} table has no word");
        };
        writer.put(u32::from(word), u32::from(length));
    }
    let bits = writer.len();
    (writer.into_bytes(), bits)
}

/// What a stream decodes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Entries of each column.
    pub columns: Vec<Vec<Entry>>,
    /// Bits that the symbols of each table took, by [`Table`].
    pub bits: [usize; 3],
}

impl Decoded {
    /// Number of entries.
    pub fn entries(&self) -> usize {
        self.columns.iter().map(Vec::len).sum()
    }
}

/// Limits of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Columns that it holds.
    pub columns: usize,
    /// Rows of the PE.
    pub rows: usize,
    /// Codes of the codebook.
    pub codes: usize,
    /// Entries that it may have.
    pub entries: usize,
}

/// Decodes a stream of which at most `bits` bits are there.
///
/// # Errors
/// If it is malformed or goes beyond `limits`; see [`StreamError`].
pub fn decode(
    bytes: &[u8],
    bits: usize,
    tables: &[Decoder; 3],
    limits: Limits,
) -> Result<Decoded, StreamError> {
    decode_from(&mut BitReader::new(bytes, bits), tables, limits)
}

pub(crate) fn decode_from(
    reader: &mut BitReader<'_>,
    tables: &[Decoder; 3],
    limits: Limits,
) -> Result<Decoded, StreamError> {
    let start = reader.position();
    let mut decoded = Decoded::default();
    let mut entries = 0;
    for column in 0..limits.columns {
        let mut symbol = |table: Table, bits: &mut [usize; 3]| {
            let before = reader.position();
            let bit = before - start;
            let symbol = tables[table as usize]
                .read(reader)
                .ok_or(StreamError::Symbol { column, table, bit })?;
            bits[table as usize] += reader.position() - before;
            Ok(symbol)
        };
        let mut list = Vec::new();
        let mut next_row = 0;
        loop {
            let count = symbol(Table::Count, &mut decoded.bits)?;
            for _ in 0..count {
                if entries == limits.entries {
                    return Err(StreamError::Entries {
                        column,
                        limit: limits.entries,
                    });
                }
                let step = symbol(Table::Run, &mut decoded.bits)?;
                let row = next_row + usize::from(step);
                if row >= limits.rows {
                    return Err(StreamError::Row {
                        column,
                        row,
                        rows: limits.rows,
                    });
                }
                let code = symbol(Table::Code, &mut decoded.bits)?;
                if usize::from(code) >= limits.codes {
                    return Err(StreamError::Code {
                        column,
                        code,
                        codes: limits.codes,
                    });
                }
                list.push(Entry { step, code });
                next_row = row + 1;
                entries += 1;
            }
            if count != COUNT_CONTINUES {
                break;
            }
        }
        decoded.columns.push(list);
    }
    Ok(decoded)
}

/// The entries of a column whose non-zeros are at `rows`, rising, each with its code. Runs that a
/// step cannot hold are broken by padding zeros of code `zero`.
///
/// # Panics
/// If rows do not rise, or a padding zero is needed and `zero` is `None`; see [`needs_padding`].
pub fn column(rows: impl IntoIterator<Item = (usize, u8)>, zero: Option<u8>) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut next = 0;
    for (row, code) in rows {
        let mut run = row.checked_sub(next).expect("rows of a column rise");
        while run > MAX_STEP {
            let code = zero.expect("a run that overflows needs the code of a zero");
            entries.push(Entry {
                step: MAX_STEP as u8,
                code,
            });
            run -= MAX_STEP + 1;
        }
        entries.push(Entry {
            step: run as u8,
            code,
        });
        next = row + 1;
    }
    entries
}

/// Whether a column with non-zeros at `rows`, rising, has a run that a step cannot hold.
pub fn needs_padding(rows: impl IntoIterator<Item = usize>) -> bool {
    let mut next = 0;
    rows.into_iter()
        .any(|row| row - std::mem::replace(&mut next, row + 1) > MAX_STEP)
}

/// How often each symbol of each table occurs in `columns`, added to `frequencies`.
pub fn count(columns: &[Vec<Entry>], frequencies: &mut Frequencies) {
    for (table, symbol) in symbols(columns) {
        frequencies[table as usize][usize::from(symbol)] += 1;
    }
}

/// How often each symbol of each table occurs, by [`Table`].
pub type Frequencies = [[u64; TABLE_SYMBOLS]; 3];

/// Frequencies of nothing.
pub const NO_FREQUENCIES: Frequencies = [[0; TABLE_SYMBOLS]; 3];

#[cfg(test)]
mod tests;
