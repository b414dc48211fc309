//! The pass descriptor: what the engine needs to know to run one pass.

use crate::acts_per_word;

/// Words of 32 bits in a descriptor.
pub const DESCRIPTOR_WORDS: usize = 16;

/// A field of the descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorField {
    /// Name, as in [`PassDescriptor`].
    pub name: &'static str,
    /// Index of the word that holds it.
    pub word: u32,
    /// Lowest bit.
    pub lsb: u32,
    /// Number of bits.
    pub width: u32,
    /// Meaning, with its unit.
    pub doc: &'static str,
}

macro_rules! descriptor {
    ($($name:ident: $type:ty, $word:literal, $lsb:literal, $width:literal, $doc:literal;)*) => {
        /// Every field of the descriptor, by place.
        pub const DESCRIPTOR_FIELDS: &[DescriptorField] = &[
            $(DescriptorField { name: stringify!($name), word: $word, lsb: $lsb, width: $width, doc: $doc },)*
        ];

        /// One pass: a sweep of the input activations through one resident set of weights into one
        /// window of outputs.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct PassDescriptor {
            $(#[doc = $doc] pub $name: $type,)*
        }

        impl PassDescriptor {
            /// The words that the engine reads.
            ///
            /// # Errors
            /// The first field whose value does not fit, with that value.
            pub fn to_words(&self) -> Result<[u32; DESCRIPTOR_WORDS], (DescriptorField, u32)> {
                let mut words = [0u32; DESCRIPTOR_WORDS];
                for (field, value) in DESCRIPTOR_FIELDS.iter().zip([$(u32::from(self.$name)),*]) {
                    if u64::from(value) >= 1 << field.width {
                        return Err((*field, value));
                    }
                    words[field.word as usize] |= value << field.lsb;
                }
                Ok(words)
            }

            /// The descriptor that `words` hold, or the index of the first word with a bit outside
            /// every field.
            pub fn from_words(words: &[u32; DESCRIPTOR_WORDS]) -> Result<Self, usize> {
                let mut known = [0u32; DESCRIPTOR_WORDS];
                let mut values = DESCRIPTOR_FIELDS.iter().map(|field| {
                    let mask = ((1u64 << field.width) - 1) as u32;
                    known[field.word as usize] |= mask << field.lsb;
                    (words[field.word as usize] >> field.lsb) & mask
                });
                let pass = PassDescriptor { $($name: <$type as FromField>::from_field(values.next().expect("one value a field")),)* };
                drop(values);
                match words.iter().zip(known).position(|(word, known)| word & !known != 0) {
                    Some(word) => Err(word),
                    None => Ok(pass),
                }
            }
        }
    };
}

impl PassDescriptor {
    /// Bank words that a value takes which the pass drains, with activations of `act_bits`.
    pub fn value_words(&self, act_bits: u32) -> usize {
        if self.out_wide {
            acts_per_word(act_bits)
        } else {
            1
        }
    }
}

trait FromField {
    fn from_field(value: u32) -> Self;
}

impl FromField for bool {
    fn from_field(value: u32) -> Self {
        value != 0
    }
}

impl FromField for u8 {
    fn from_field(value: u32) -> Self {
        value as u8
    }
}

impl FromField for u16 {
    fn from_field(value: u32) -> Self {
        value as u16
    }
}

descriptor! {
    last: bool, 0, 0, 1, "The network ends with this pass.";
    relu: bool, 0, 1, 1, "Negative sums drain as zero, and outputs are unsigned (0 to 255, or 65535 with 16 bits); otherwise signed (-128 to 127, or -32768 to 32767).";
    in_signed: bool, 0, 2, 1, "Input activations are signed; otherwise unsigned.";
    out_wide: bool, 0, 3, 1, "Drain whole 32-bit sums, as many bank words each as it takes (4 of 8 bits, 2 of 16), lowest first, with no ReLU, shift or saturation.";
    keep: bool, 0, 4, 1, "Do not drain: the next pass adds to the same accumulators.";
    map: bool, 0, 5, 1, "The pass goes over a map: words 6 to 11 count. Otherwise the input is one position, and they are zero.";
    pool: bool, 0, 6, 1, "Max-pool in the drain, as the tables say; only in a pass over a map, not with out_wide.";
    sweep: bool, 0, 7, 1, "Clear the accumulators after the drain, for pools whose windows overlap or leave some out; otherwise each is cleared as it is read.";
    shift: u8, 0, 8, 5, "Requantising right shift, 1 to 31, rounding half up.";
    segments: u8, 0, 16, 8, "Column pointers of an input channel: kernel height x width, 1 without a kernel.";
    hashed: bool, 0, 13, 1, "Weights are picked from a pool by a hash: word 12 counts, every token goes to every PE, and a token's column is col_base plus its input channel. Only with a hashed weight store, and a kernel of one position.";
    hash_lanes: u8, 0, 24, 5, "In a hashed pass, PEs that have the last row, from PE 0 on: 1 to num_pes.";
    in_base: u16, 1, 0, 16, "Bank address of the first input word.";
    out_base: u16, 1, 16, 16, "Bank address of the first output word.";
    col_base: u16, 2, 0, 16, "Column pointer of the first input channel.";
    bias_base: u16, 2, 16, 16, "Weight store address of the biases, one word a row.";
    groups: u16, 3, 0, 16, "Bank words read at an input position: ceil(input channels / num_pes). Channel c lies in bank c mod num_pes, word c / num_pes.";
    out_step: u16, 3, 16, 16, "Bank words from the last output of a position to the first of the next: 1 when rows fill the position.";
    rows: u16, 4, 0, 16, "Output channels of a PE: accumulators of one position, and bank words of one output position.";
    accs: u16, 4, 16, 16, "Accumulators of a PE: rows x positions, before any pool.";
    codebook_base: u16, 5, 0, 16, "Codebook address of this pass's code 0.";
    hash_length: u16, 5, 16, 16, "In a hashed pass, words of a PE's part of the pool.";
    width: u16, 6, 0, 16, "Columns of the input map.";
    height: u16, 6, 16, 16, "Rows of the input map.";
    x_table: u16, 7, 0, 16, "Address of the x table of the scan, one word a column.";
    y_table: u16, 7, 16, 16, "Address of the y table of the scan, one word a row.";
    tap_columns: u16, 8, 0, 16, "Column pointers from one kernel row that meets an output to the next.";
    row_step: u16, 8, 16, 16, "Accumulators of an output row: rows x output columns; 0 where all outputs are one position.";
    group_columns: u16, 9, 0, 16, "Column pointers of a bank word: num_pes x segments.";
    in_step: u16, 9, 16, 16, "Bank words from the last word of an input position to the first of the next: 1 when groups fill the position.";
    pool_width: u16, 10, 0, 16, "Columns of the pooled map.";
    pool_height: u16, 10, 16, 16, "Rows of the pooled map.";
    pool_x_table: u16, 11, 0, 16, "Address of the x table of the pool.";
    pool_y_table: u16, 11, 16, 16, "Address of the y table of the pool.";
    hash_pool: u16, 12, 0, 16, "In a hashed pass, index of the column pointer to the pool's first word.";
    hash_rows: u16, 12, 16, 12, "In a hashed pass, rows that have weights; the PEs from hash_lanes on have one less.";
    hash_mask: u8, 12, 28, 4, "In a hashed pass, the bits of a row that the index of its words in the pool has: the pool's parts in a PE, less one.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_overlap() {
        let mut used = [0u64; DESCRIPTOR_WORDS];
        for field in DESCRIPTOR_FIELDS {
            let mask = ((1u64 << field.width) - 1) << field.lsb;
            assert!(mask <= u64::from(u32::MAX), "{}", field.name);
            assert_eq!(used[field.word as usize] & mask, 0, "{}", field.name);
            used[field.word as usize] |= mask;
        }
    }

    #[test]
    fn words_round_trip_and_unknown_bits_are_refused() {
        let pass = PassDescriptor {
            relu: true,
            shift: 31,
            out_base: 0xabcd,
            rows: 38,
            accs: 0xffff,
            ..Default::default()
        };
        let mut words = pass.to_words().unwrap();
        assert_eq!(PassDescriptor::from_words(&words), Ok(pass));
        words[13] = 1;
        assert_eq!(PassDescriptor::from_words(&words), Err(13));
    }

    #[test]
    fn a_value_that_does_not_fit_is_named() {
        let pass = PassDescriptor {
            shift: 32,
            ..Default::default()
        };
        assert_eq!(pass.to_words().unwrap_err().0.name, "shift");
    }
}
