//! The pass descriptor: what the engine needs to know to run one pass.

/// Words of 32 bits in a descriptor.
pub const DESCRIPTOR_WORDS: usize = 8;

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
    relu: bool, 0, 1, 1, "Negative sums drain as zero, and outputs are unsigned (0 to 255); otherwise signed (-128 to 127).";
    in_signed: bool, 0, 2, 1, "Input activations are signed bytes; otherwise unsigned.";
    out_wide: bool, 0, 3, 1, "Drain whole 32-bit sums, four bytes each, lowest first, with no ReLU, shift or saturation.";
    keep: bool, 0, 4, 1, "Do not drain: the next pass adds to the same accumulators.";
    shift: u8, 0, 8, 5, "Requantising right shift, 1 to 31, rounding half up.";
    in_base: u16, 1, 0, 16, "Bank address of the first input word.";
    out_base: u16, 1, 16, 16, "Bank address of the first output word.";
    col_base: u16, 2, 0, 16, "Column pointer of the first input channel.";
    bias_base: u16, 2, 16, 16, "Weight store address of the biases, one word a row.";
    groups: u16, 3, 0, 16, "Bank words of one input position: ceil(input channels / num_pes). Channel c lies in bank c mod num_pes, word c / num_pes.";
    positions: u16, 3, 16, 16, "Positions of the input map, scanned in order.";
    rows: u16, 4, 0, 16, "Output channels of a PE: accumulators of one output position.";
    accs: u16, 4, 16, 16, "Accumulators that a PE drains: rows x output positions.";
    codebook_base: u16, 5, 0, 16, "Codebook address of this pass's code 0.";
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
        words[7] = 1;
        assert_eq!(PassDescriptor::from_words(&words), Err(7));
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
