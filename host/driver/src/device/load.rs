//! Loading an image: code tables, column streams, biases, codebooks, geometry tables, descriptors.

use super::{Content, Device};
use crate::error::DriverError;
use crate::transport::Transport;
use std::sync::Arc;
use thresh_model::{CodeLengths, Image, Pass, PeData};
use thresh_regs::{
    CODEBOOK_WINDOW, DESCRIPTOR_WINDOW, DESCRIPTOR_WORDS, MAX_CODE_LENGTH, Register, TABLE_WINDOW,
    Table, TableWord, reg,
};

/// What a load sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadReport {
    /// 32-bit words written, registers included.
    pub words: u64,
}

impl<T: Transport> Device<T> {
    /// Loads `image`, after everything about it was checked. The engine then holds all of it or, after
    /// an error of link or engine, nothing. Of an image of several runs nothing is sent yet:
    /// each is loaded when it is due.
    ///
    /// # Errors
    /// If the image is not sound or not for this engine (nothing is written then, and an image loaded
    /// before stays), or if link or engine fail.
    pub fn load(&mut self, image: &Image) -> Result<LoadReport, DriverError> {
        image.check()?;
        image.check_target(&self.info.to_config())?;
        let sent = self.words_sent;
        self.content = Content::Empty {
            reason: "a load did not end".into(),
        };
        match self.reset().and_then(|()| match image.is_resident() {
            true => self.load_run(image, 0),
            false => Ok(()),
        }) {
            Ok(()) => {
                self.content = Content::Loaded(Arc::new(image.clone()));
                Ok(LoadReport {
                    words: self.words_sent - sent,
                })
            }
            Err(error) => Err(self.abandon(error)),
        }
    }

    /// Sends all that a run needs but its activations. An engine that loads while passes run may be busy
    /// with a run beside which this one [can be loaded](Image::loads_beside).
    pub(super) fn load_run(&mut self, image: &Image, run: usize) -> Result<(), DriverError> {
        let words = image.table_words(run);
        let x = TABLE_WINDOW.offset;
        let doing = format!("loading the geometry tables of run {run}");
        let x = x + 4 * words.base as u32;
        self.load_geometry(&doing, x, &words.x)?;
        self.load_geometry(&doing, x + TABLE_WINDOW.bytes / 2, &words.y)?;
        let mut before: Option<&Pass> = None;
        let first = usize::from(image.runs[run].first);
        for (place, index) in (first..).zip(image.run_passes(run)) {
            let pass = &image.passes[index];
            if pass.reuse > 0 {
                self.load_descriptor(place, pass)?;
                continue;
            }
            if before.is_none_or(|before| before.tables != pass.tables) {
                self.load_tables(index, pass)?;
            }
            before = Some(pass);
            for (pe, data) in pass.pes.iter().enumerate() {
                self.load_columns(index, pass, pe, data)?;
                self.load_biases(index, pass, pe, data)?;
            }
            self.load_codebook(index, pass)?;
            self.load_descriptor(place, pass)?;
        }
        Ok(())
    }

    fn load_geometry(
        &mut self,
        doing: &str,
        address: u32,
        words: &[TableWord],
    ) -> Result<(), DriverError> {
        let word = |word: &TableWord| {
            let word = word.to_word();
            word.expect("an image that was checked has table words that fit")
        };
        match words {
            [] => Ok(()),
            words => self.write(doing, address, &words.iter().map(word).collect::<Vec<_>>()),
        }
    }

    fn load_tables(&mut self, index: usize, pass: &Pass) -> Result<(), DriverError> {
        for table in Table::ALL {
            let doing = format!("loading the {table:?} table of pass {index}");
            let lengths = pass.table(table);
            self.stream(&doing, reg::CODE_COUNT, &count_words(table, lengths))?;
            self.stream(&doing, reg::CODE_SYMBOL, &symbol_words(table, lengths))?;
        }
        Ok(())
    }

    fn load_columns(
        &mut self,
        index: usize,
        pass: &Pass,
        pe: usize,
        data: &PeData,
    ) -> Result<(), DriverError> {
        let doing = format!("loading the weights of pass {index} into PE {pe}");
        let target = fields(
            reg::LOAD_TARGET,
            &[
                ("pe", pe),
                ("raw", 0),
                ("taps", pass.taps()),
                ("segments", pass.segments()),
            ],
        );
        let column = fields(
            reg::LOAD_COLUMN,
            &[
                ("first", pass.pointer_base().into()),
                ("count", pass.loaded_columns()),
            ],
        );
        let entry = fields(
            reg::LOAD_ENTRY,
            &[
                ("address", data.entry_address.into()),
                ("rows", pass.loaded_rows()),
            ],
        );
        self.load_stream(
            &doing,
            [target, column, entry],
            &data.words().collect::<Vec<_>>(),
        )
    }

    fn load_biases(
        &mut self,
        index: usize,
        pass: &Pass,
        pe: usize,
        data: &PeData,
    ) -> Result<(), DriverError> {
        if data.biases.is_empty() {
            return Ok(());
        }
        let doing = format!("loading the biases of pass {index} into PE {pe}");
        let target = fields(reg::LOAD_TARGET, &[("pe", pe), ("raw", 1)]);
        let column = fields(
            reg::LOAD_COLUMN,
            &[("first", 0), ("count", data.biases.len())],
        );
        let entry = fields(
            reg::LOAD_ENTRY,
            &[("address", pass.descriptor.bias_base.into()), ("rows", 0)],
        );
        self.load_stream(
            &doing,
            [target, column, entry],
            &data.bias_words().collect::<Vec<_>>(),
        )
    }

    /// Opens a load, sends its words, and waits until the engine has taken them.
    fn load_stream(
        &mut self,
        doing: &str,
        setup: [u32; 3],
        words: &[u32],
    ) -> Result<(), DriverError> {
        for (register, word) in [reg::LOAD_TARGET, reg::LOAD_COLUMN, reg::LOAD_ENTRY]
            .into_iter()
            .zip(setup)
        {
            self.set(doing, register, word)?;
        }
        self.set(doing, reg::CONTROL, reg::CONTROL.field("load").put(1))?;
        self.stream(doing, reg::STREAM, words)?;
        let loading = reg::STATUS.field("loading");
        self.wait(doing, self.timeouts.load, |status| loading.get(status) == 0)
    }

    fn load_codebook(&mut self, index: usize, pass: &Pass) -> Result<(), DriverError> {
        let doing = format!("loading the codebook of pass {index}");
        let address = CODEBOOK_WINDOW.offset + 4 * u32::from(pass.descriptor.codebook_base);
        let words: Vec<u32> = pass
            .codebook
            .iter()
            .map(|&weight| u32::from(weight as u16))
            .collect();
        self.write(&doing, address, &words)
    }

    fn load_descriptor(&mut self, index: usize, pass: &Pass) -> Result<(), DriverError> {
        let doing = format!("loading the descriptor of pass {index}");
        let address = DESCRIPTOR_WINDOW.offset + 4 * (index * DESCRIPTOR_WORDS) as u32;
        let words = pass
            .descriptor
            .to_words()
            .expect("an image that was checked has descriptors that fit");
        self.write(&doing, address, &words)
    }
}

/// The words that set how many code words of each length a table has.
fn count_words(table: Table, lengths: &CodeLengths) -> Vec<u32> {
    let counts = lengths.counts();
    (0..=MAX_CODE_LENGTH as usize)
        .map(|length| {
            let count = counts[length].into();
            fields(
                reg::CODE_COUNT,
                &[
                    ("count", count),
                    ("length", length),
                    ("table", table as usize),
                ],
            )
        })
        .collect()
}

/// The words that set the symbols of a table in canonical order.
fn symbol_words(table: Table, lengths: &CodeLengths) -> Vec<u32> {
    let symbols = lengths.canonical().into_iter().enumerate();
    symbols
        .map(|(index, symbol)| {
            fields(
                reg::CODE_SYMBOL,
                &[
                    ("symbol", symbol.into()),
                    ("index", index),
                    ("table", table as usize),
                ],
            )
        })
        .collect()
}

/// The register word with these fields. The values come from an image that was checked.
fn fields(register: Register, values: &[(&str, usize)]) -> u32 {
    values
        .iter()
        .map(|&(name, value)| register.field(name).put(value as u32))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lengths_are_counted_and_symbols_come_in_canonical_order() {
        let lengths = CodeLengths::new(vec![2, 0, 1, 2]).unwrap();
        let counts = count_words(Table::Run, &lengths);
        assert_eq!(counts.len(), 16);
        let field = |register: Register, name, word| register.field(name).get(word);
        for (i, &word) in counts.iter().enumerate() {
            assert_eq!(field(reg::CODE_COUNT, "length", word), i as u32);
            assert_eq!(field(reg::CODE_COUNT, "table", word), 1);
            assert_eq!(
                field(reg::CODE_COUNT, "count", word),
                [0, 1, 2].get(i).copied().unwrap_or(0)
            );
        }
        let symbols = symbol_words(Table::Code, &lengths);
        let places: Vec<_> = symbols
            .iter()
            .map(|&word| {
                (
                    field(reg::CODE_SYMBOL, "index", word),
                    field(reg::CODE_SYMBOL, "symbol", word),
                )
            })
            .collect();
        assert_eq!(places, [(0, 2), (1, 0), (2, 3)]);
        assert!(
            symbols
                .iter()
                .all(|&word| field(reg::CODE_SYMBOL, "table", word) == 2)
        );
    }
}
