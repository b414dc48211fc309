//! Whether the passes of an image go together: data from pass to pass, and room for all at once.

use super::check::{at_most, equal, most};
use super::{Image, ImageError, Memory, Pass, Run, Transfer};

impl Image {
    /// Data goes from pass to pass: the input is the network's, nothing is read that was not
    /// written, sums that are kept meet sums of the same shape, the last map is written whole. `lanes` are
    /// the PEs that add something in each row, for every pass that has weights.
    pub(super) fn check_flow(&self, lanes: &[Vec<u64>]) -> Result<(), ImageError> {
        self.check_maps()?;
        // For every bank word of a map, once it is there, the banks that may hold other than zero.
        let mut done: Vec<Vec<Option<u64>>> = (0..self.maps.len())
            .map(|map| vec![None; self.map_acts(map) / self.num_pes])
            .collect();
        let input = self.maps[0].words;
        for (word, lanes) in done[0].iter_mut().enumerate() {
            let left = self.input_channels() - word % input * self.num_pes;
            *lanes = Some(mask(left.min(self.num_pes)));
        }
        let words = |image: &Image, transfer: &Transfer| -> Vec<std::ops::Range<usize>> {
            let words = image.parts(transfer);
            words
                .map(|part| part.start / image.num_pes..part.end / image.num_pes)
                .collect()
        };
        // The PEs of each row that may have a sum other than zero; sums may be kept from run to run.
        let mut live = Vec::new();
        let mut written = vec![None; most(Memory::Activations, self)];
        for (Run { writes, reads, .. }, passes) in self.runs_with_passes() {
            written.fill(None);
            for transfer in writes {
                self.check_transfer(transfer)?;
                let start = self.window(transfer).start / self.num_pes;
                for (at, word) in (start..).zip(words(self, transfer).into_iter().flatten()) {
                    let lanes = done[transfer.map][word];
                    if lanes.is_none() {
                        let expected = "one whose words an earlier run has read back";
                        return Err(ImageError::value("map written", transfer.map, expected));
                    }
                    written[at] = lanes;
                }
            }
            self.check_passes(passes, &mut written, lanes, &mut live)?;
            for transfer in reads {
                self.check_transfer(transfer)?;
                let start = self.window(transfer).start / self.num_pes;
                for (at, word) in (start..).zip(words(self, transfer).into_iter().flatten()) {
                    if written[at].is_none() {
                        let expected = "one that a pass of the run writes";
                        return Err(ImageError::value("word read", at, expected));
                    }
                    done[transfer.map][word] = written[at];
                }
            }
        }
        let last = self.maps.len() - 1;
        match done[last].iter().position(Option::is_none) {
            Some(word) => {
                let expected = "words that some run reads";
                Err(ImageError::value("word of the outputs", word, expected))
            }
            None => Ok(()),
        }
    }

    fn check_maps(&self) -> Result<(), ImageError> {
        let (first, last) = (self.maps[0], self.maps[self.maps.len() - 1]);
        let framed = self.frame.around(self.input);
        let len = self.input_map.as_ref().map_or(framed.len(), Vec::len);
        if self.input_map.is_some() {
            equal("positions of an input with a map", first.positions, 1)?;
            equal(
                "frame of an input with a map",
                framed.len(),
                self.input.len(),
            )?;
        }
        let whole = first.positions == 1 || first.positions == framed.height * framed.width;
        if !whole || !len.is_multiple_of(first.positions) {
            let expected = "1, or those of the input with its frame";
            return Err(ImageError::value(
                "positions of the input",
                first.positions,
                expected,
            ));
        }
        let words = (len / first.positions).div_ceil(self.num_pes);
        equal("bank words of an input position", first.words, words)?;
        let rows = self.outputs.div_ceil(self.num_pes);
        let drained = self.passes[self.passes.len() - 1].descriptor;
        let words = rows * drained.value_words(self.act_bits);
        equal("bank words of an output position", last.words, words)
    }

    fn check_transfer(&self, t: &Transfer) -> Result<(), ImageError> {
        at_most("map of a transfer", t.map, self.maps.len() - 1)?;
        let map = self.maps[t.map];
        at_most(
            "end of a transfer's positions",
            t.position.saturating_add(t.positions),
            map.positions,
        )?;
        at_most(
            "end of a transfer's words",
            t.word.saturating_add(t.words),
            map.words,
        )?;
        let words = t.positions.saturating_mul(t.words);
        let end = usize::from(t.address).saturating_add(words);
        at_most("end of a transfer", end, most(Memory::Activations, self))
    }

    /// The passes of one run, where `written` says which bank words hold something, and which banks
    /// then may hold other than zero.
    fn check_passes(
        &self,
        passes: std::ops::Range<usize>,
        written: &mut [Option<u64>],
        lanes: &[Vec<u64>],
        live: &mut Vec<u64>,
    ) -> Result<(), ImageError> {
        let shape = |pass: &Pass| {
            (
                pass.descriptor.rows,
                pass.geometry.as_ref().map(|g| g.output),
            )
        };
        for i in passes.clone() {
            let pass = &self.passes[i];
            let d = &pass.descriptor;
            for (index, word) in pass.input_words().enumerate() {
                let Some(lanes) = written[word] else {
                    let expected = "nothing: neither the input nor a pass writes there";
                    return Err(ImageError::value("input word read", word, expected).in_pass(i));
                };
                let group = index % usize::from(d.groups);
                let channels = pass.columns() - group * self.num_pes;
                if lanes & !mask(channels.min(self.num_pes)) != 0 {
                    let expected = "zeros in the banks beyond its channels";
                    return Err(ImageError::value("input word read", word, expected).in_pass(i));
                }
            }
            live.resize(d.rows.into(), 0);
            let added = &lanes[self.weights_of(i)];
            live.iter_mut()
                .zip(added)
                .for_each(|(live, lanes)| *live |= lanes);
            let last = i + 1 == passes.end;
            if d.last != last {
                return Err(ImageError::value("last", d.last, last).in_pass(i));
            }
            // Sums may be kept into the next run: no run begins with a reset.
            if d.keep {
                let expected = "false in the last pass";
                let next = self.passes.get(i + 1);
                let next = next.ok_or_else(|| ImageError::value("keep", 1, expected).in_pass(i))?;
                if shape(next) != shape(pass) {
                    let expected =
                        "the rows and positions of the pass before, which keeps its sums";
                    return Err(
                        ImageError::value("rows", next.descriptor.rows, expected).in_pass(i + 1)
                    );
                }
            }
            let rows = usize::from(d.rows);
            for (index, word) in self.output_words(i).into_iter().enumerate() {
                let row = index / d.value_words(self.act_bits) % rows;
                written[word] = Some(live[row]);
            }
            if !d.keep {
                live.clear();
            }
        }
        Ok(())
    }

    /// No two things share a word of a PE's weight store, a column pointer or a codebook word.
    pub(super) fn check_store(&self) -> Result<(), ImageError> {
        for (run, passes) in self.runs_with_passes() {
            let mut pointers = Claims::new("column pointer");
            let mut codebook = Claims::new("codebook address");
            for i in passes.clone() {
                let pass = &self.passes[i];
                let d = &pass.descriptor;
                if pass.reuse > 0 {
                    continue;
                }
                pointers
                    .claim(pass.pointer_base().into(), pass.pointers())
                    .and_then(|()| codebook.claim(d.codebook_base.into(), pass.codebook.len()))
                    .map_err(|e| e.in_pass(i))?;
            }
            for pe in 0..self.num_pes {
                let mut store = Claims::new("weight store address");
                let mut next = usize::from(run.entry_base);
                for i in passes.clone() {
                    let pass = &self.passes[i];
                    let data = &pass.pes[pe];
                    equal("entry address", data.entry_address.into(), next)
                        .and_then(|()| store.claim(next, data.entries))
                        .and_then(|()| {
                            store.claim(pass.descriptor.bias_base.into(), data.biases.len())
                        })
                        .map_err(|e| e.in_pass(i))?;
                    next += data.entries;
                }
            }
        }
        Ok(())
    }
}

/// The lowest `lanes` bits.
fn mask(lanes: usize) -> u64 {
    match lanes {
        0..64 => (1 << lanes) - 1,
        _ => u64::MAX,
    }
}

impl Pass {
    /// The bank addresses that the pass scans, in order.
    pub(super) fn input_words(&self) -> impl Iterator<Item = usize> + '_ {
        let d = &self.descriptor;
        let groups = usize::from(d.groups);
        let (positions, stride) = match &self.geometry {
            Some(g) => (g.input[0] * g.input[1], groups - 1 + usize::from(d.in_step)),
            None => (1, groups),
        };
        let start = usize::from(d.in_base);
        (0..positions).flat_map(move |p| (0..groups).map(move |g| start + p * stride + g))
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
