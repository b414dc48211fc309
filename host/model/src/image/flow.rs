//! Whether the passes of an image go together: data from pass to pass, and room for all at once.

use super::check::{equal, most};
use super::{Image, ImageError, Memory};

impl Image {
    /// Data goes from pass to pass: the input is the network's, nothing is read that was not
    /// written, sums that are kept meet sums of the same shape.
    pub(super) fn check_flow(&self) -> Result<(), ImageError> {
        let first = &self.passes[0].descriptor;
        let positions = usize::from(first.positions);
        let channels = match &self.input_map {
            Some(map) => {
                equal("positions of an input with a map", positions, 1)
                    .map_err(|e| e.in_pass(0))?;
                map.len()
            }
            None => self.input.len() / positions,
        };
        equal(
            "input values",
            channels * positions,
            self.input_map.as_ref().map_or(self.input.len(), Vec::len),
        )
        .and_then(|()| {
            equal(
                "groups",
                first.groups.into(),
                channels.div_ceil(self.num_pes),
            )
        })
        .map_err(|e| e.in_pass(0))?;
        let mut written = vec![false; most(Memory::Activations, self.num_pes)];
        let range =
            |window: std::ops::Range<usize>| window.start / self.num_pes..window.end / self.num_pes;
        written[range(self.input_window())].fill(true);
        for (i, pass) in self.passes.iter().enumerate() {
            let d = &pass.descriptor;
            let start = usize::from(d.in_base);
            let input = &written[start..start + usize::from(d.groups) * usize::from(d.positions)];
            if let Some(word) = input.iter().position(|written| !written) {
                let expected = "nothing: neither the input nor a pass writes there";
                return Err(
                    ImageError::value("input word read", (start + word) as i64, expected)
                        .in_pass(i),
                );
            }
            let last = i + 1 == self.passes.len();
            if d.last != last {
                return Err(ImageError::value("last", d.last, last).in_pass(i));
            }
            if d.keep {
                let expected = "false in the last pass";
                let next = self.passes.get(i + 1);
                let next = next.ok_or_else(|| ImageError::value("keep", 1, expected).in_pass(i))?;
                equal("rows", next.descriptor.rows.into(), d.rows.into())
                    .and_then(|()| {
                        equal(
                            "positions",
                            next.descriptor.positions.into(),
                            d.positions.into(),
                        )
                    })
                    .map_err(|e| e.in_pass(i + 1))?;
            }
            if !d.keep {
                written[range(self.output_window(i))].fill(true);
            }
        }
        let last = &self.passes[self.passes.len() - 1];
        equal(
            "rows",
            last.descriptor.rows.into(),
            self.outputs.div_ceil(self.num_pes),
        )
        .map_err(|e| e.in_pass(self.passes.len() - 1))
    }

    /// No two things share a word of a PE's weight store, a column pointer or a codebook word.
    pub(super) fn check_store(&self) -> Result<(), ImageError> {
        let mut pointers = Claims::new("column pointer");
        let mut codebook = Claims::new("codebook address");
        for (i, pass) in self.passes.iter().enumerate() {
            let d = &pass.descriptor;
            pointers
                .claim(d.col_base.into(), pass.columns() + 1)
                .and_then(|()| codebook.claim(d.codebook_base.into(), pass.codebook.len()))
                .map_err(|e| e.in_pass(i))?;
        }
        for pe in 0..self.num_pes {
            let mut store = Claims::new("weight store address");
            let mut next = usize::from(self.entry_base);
            for (i, pass) in self.passes.iter().enumerate() {
                let data = &pass.pes[pe];
                equal("entry address", data.entry_address.into(), next)
                    .and_then(|()| store.claim(next, data.entries))
                    .and_then(|()| store.claim(pass.descriptor.bias_base.into(), data.biases.len()))
                    .map_err(|e| e.in_pass(i))?;
                next += data.entries;
            }
        }
        Ok(())
    }
}

/// Ranges of a memory that are taken.
struct Claims {
    what: &'static str,
    taken: Vec<std::ops::Range<usize>>,
}

impl Claims {
    fn new(what: &'static str) -> Self {
        Claims {
            what,
            taken: Vec::new(),
        }
    }

    fn claim(&mut self, start: usize, len: usize) -> Result<(), ImageError> {
        let range = start..start + len;
        let clash =
            |taken: &&std::ops::Range<usize>| taken.start < range.end && range.start < taken.end;
        if let Some(taken) = self.taken.iter().find(clash) {
            let expected = format!("outside {taken:?}, which is taken");
            return Err(ImageError::value(self.what, start as i64, expected));
        }
        if len > 0 {
            self.taken.push(range);
        }
        Ok(())
    }
}
