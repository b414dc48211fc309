//! A word of a geometry table.

use crate::Field;

macro_rules! table_word {
    ($($name:ident, $lsb:literal, $width:literal, $doc:literal;)*) => {
        /// Every field of a table word, by place.
        pub const TABLE_FIELDS: &[Field] = &[
            $(Field { name: stringify!($name), lsb: $lsb, width: $width, doc: $doc },)*
        ];

        /// A word of a geometry table: what one row (y table) or one column (x table) of a map
        /// means. A pass over a map adds what both say of a position.
        ///
        /// While a pass scans, words stand for the input map and say which kernel taps meet the
        /// output there; while it pools, for the output map, and say which accumulators meet there.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct TableWord {
            $(#[doc = $doc] pub $name: u16,)*
        }

        impl TableWord {
            /// The word that the engine reads.
            ///
            /// # Errors
            /// The first field whose value does not fit, with that value.
            pub fn to_word(self) -> Result<u32, (Field, u32)> {
                let mut word = 0;
                for (field, value) in TABLE_FIELDS.iter().zip([$(self.$name),*]) {
                    if u32::from(value) > field.max() {
                        return Err((*field, value.into()));
                    }
                    word |= field.put(value.into());
                }
                Ok(word)
            }
        }
    };
}

table_word! {
    base, 0, 12, "Accumulators to add to the address; wraps, as accumulator addresses do.";
    column, 12, 12, "Column pointers to add to the index of the column.";
    start, 24, 4, "x table, scan: segments of the kernel row left out at its beginning.";
    count, 28, 4, "x table, scan: segments that meet the output; y table, scan: kernel rows that do; pool: rows or columns of the window. 0: none.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_holds_its_fields_and_refuses_what_does_not_fit() {
        let word = TableWord {
            base: 0xfff,
            column: 1,
            start: 2,
            count: 15,
        };
        assert_eq!(word.to_word(), Ok(0xf200_1fff));
        let wrong = TableWord { count: 16, ..word };
        assert_eq!(wrong.to_word().unwrap_err().0.name, "count");
    }
}
