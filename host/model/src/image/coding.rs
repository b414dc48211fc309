//! How the columns of each layer are coded: symbols, their bits, and the fewest bits that they could take.

use super::{Account, Image, ImageError, Part};
use crate::entropy::symbol_bits;
use crate::stream::{self, Frequencies, NO_FREQUENCIES};
use std::collections::BTreeMap;
use thresh_regs::Table;

/// The symbols of one table in the streams of one layer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coded {
    /// Symbols.
    pub symbols: u64,
    /// Bits of a symbol if all had one width: that of the largest.
    pub width: u32,
    /// Bits that their code words take in the file.
    pub bits: u64,
    /// Bits that the lengths of the code words take in the file; 0 where the table is that of the pass before, but for a bit.
    pub table_bits: u64,
    /// Bits at the zeroth-order entropy of the layer's symbols, see [`symbol_bits`]: the fewest with one code for the
    /// layer; several passes with tables of their own may take less.
    pub entropy_bits: f64,
}

/// How one layer is coded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Coding {
    /// Entries with a weight other than zero.
    pub nonzeros: u64,
    /// Padding zeros.
    pub padding: u64,
    /// Symbols of each table, by [`Table`].
    pub tables: [Coded; 3],
    /// Bits at the zeroth-order entropy of the weights other than zero, of which each has a code.
    pub code_entropy_bits: f64,
    /// Bits of codebooks.
    pub codebook_bits: u64,
    /// Bits of biases.
    pub bias_bits: u64,
    /// Bits of descriptors.
    pub descriptor_bits: u64,
}

impl Coding {
    /// The symbols of one table.
    pub fn table(&self, table: Table) -> &Coded {
        &self.tables[table as usize]
    }

    /// Bits that say where weights are: counts and runs with their tables.
    pub fn position_bits(&self) -> u64 {
        self.whole(Table::Count) + self.whole(Table::Run)
    }

    /// Bits that say which weights they are: codes with their table.
    pub fn code_bits(&self) -> u64 {
        self.whole(Table::Code)
    }

    /// All bits of the layer in the file.
    pub fn bits(&self) -> u64 {
        self.position_bits()
            + self.code_bits()
            + self.codebook_bits
            + self.bias_bits
            + self.descriptor_bits
    }

    fn whole(&self, table: Table) -> u64 {
        self.table(table).bits + self.table(table).table_bits
    }

    fn put(&mut self, account: &Account) {
        let bits = account.bits;
        match account.part {
            Part::Symbols(table) => self.tables[table as usize].bits += bits,
            Part::Table(table) => self.tables[table as usize].table_bits += bits,
            Part::Codebook => self.codebook_bits += bits,
            Part::Biases => self.bias_bits += bits,
            _ => self.descriptor_bits += bits,
        }
    }
}

impl Image {
    /// How each layer is coded. The bits of a layer are those of [`Image::account`].
    ///
    /// # Errors
    /// If the image is not sound, see [`Image::check`].
    pub fn coding(&self) -> Result<Vec<Coding>, ImageError> {
        let mut layers = vec![Coding::default(); self.layers()];
        for account in self.account()? {
            if let Some(layer) = account.layer {
                layers[layer].put(&account);
            }
        }
        let mut frequencies: Vec<Frequencies> = vec![NO_FREQUENCIES; layers.len()];
        // Passes of a layer may have codebooks of their own, so what counts is the weight.
        let mut live: Vec<BTreeMap<i16, u64>> = vec![BTreeMap::new(); layers.len()];
        for (pass, layer) in self.passes.iter().zip(self.pass_layers()) {
            for decoded in pass.decoded() {
                let columns = decoded?.columns;
                stream::count(&columns, &mut frequencies[layer]);
                for entry in columns.iter().flatten() {
                    match pass.codebook[usize::from(entry.code)] {
                        0 => layers[layer].padding += 1,
                        weight => *live[layer].entry(weight).or_default() += 1,
                    }
                }
            }
        }
        for ((coding, frequencies), live) in layers.iter_mut().zip(&frequencies).zip(&live) {
            for (coded, frequencies) in coding.tables.iter_mut().zip(frequencies) {
                coded.symbols = frequencies.iter().sum();
                let largest = frequencies.iter().rposition(|&n| n > 0).unwrap_or(0);
                coded.width = usize::BITS - largest.leading_zeros();
                coded.entropy_bits = symbol_bits(frequencies);
            }
            let live: Vec<u64> = live.values().copied().collect();
            coding.nonzeros = live.iter().sum();
            coding.code_entropy_bits = symbol_bits(&live);
        }
        Ok(layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use thresh_regs::CONFIGS;

    #[test]
    fn every_bit_of_a_layer_is_counted_and_none_is_below_the_entropy() {
        for seed in 0..30 {
            let image = random::image(&CONFIGS[seed % CONFIGS.len()], seed as u64);
            let (codings, sizes) = (image.coding().unwrap(), image.sizes().unwrap());
            assert_eq!(codings.len(), sizes.len());
            for (layer, (coding, size)) in codings.iter().zip(&sizes).enumerate() {
                let own = |&pass: &usize| image.layer_of(pass) == layer;
                let passes = (0..image.passes.len()).filter(own).count();
                assert_eq!(coding.bits(), size.bits);
                assert_eq!(
                    (coding.nonzeros, coding.padding),
                    (size.stored(), size.padding)
                );
                let entries = coding.nonzeros + coding.padding;
                assert_eq!(coding.table(Table::Run).symbols, entries);
                assert_eq!(coding.table(Table::Code).symbols, entries);
                for coded in &coding.tables {
                    let least = if passes == 1 { coded.entropy_bits } else { 0.0 };
                    assert!(coded.bits as f64 + 1e-6 >= least, "{coded:?}");
                    assert!(coded.width <= 8);
                    let fixed = coded.symbols * u64::from(coded.width);
                    assert!(coded.entropy_bits <= fixed as f64 + 1e-6, "{coded:?}");
                }
                let codes = coding.table(Table::Code);
                if passes == 1 {
                    assert!(coding.code_entropy_bits <= codes.entropy_bits + 1e-6);
                }
            }
        }
    }
}
