//! Depthwise passes of which every channel has the same filters: the file keeps these once.

use super::check::ADDRESSES;
use super::{ImageError, Pass};
use crate::stream::{self, Entry};

/// The filters that every input channel of a depthwise pass has, in the place of the streams that follow from them.
/// Output channel `channel * count + filter` is that filter of that channel, in packed order on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filters {
    /// Filters of a channel.
    pub count: usize,
    /// Code of each weight, filter by filter, row by row of the kernel; none where there is no weight.
    pub codes: Vec<Option<u8>>,
}

impl Filters {
    /// The columns of every PE of `pass`; none if they would need padding zeros, or do not fit the pass.
    pub(crate) fn columns(&self, pass: &Pass) -> Option<Vec<Vec<Vec<Entry>>>> {
        let geometry = pass.geometry.as_ref()?;
        let [height, width] = geometry.kernel.size();
        let (pes, rows, channels) = (
            pass.pes.len(),
            usize::from(pass.descriptor.rows),
            pass.columns(),
        );
        let fits = channels.checked_mul(self.count)? <= rows * pes;
        let taps = height * width;
        if !fits || self.count == 0 || self.codes.len() != self.count.checked_mul(taps)? {
            return None;
        }
        // Filters multiply by the channels: what no weight store holds must not be built.
        let weights = self.codes.iter().flatten().count().checked_mul(channels)?;
        if weights > ADDRESSES * pes {
            return None;
        }
        let mut placed = vec![vec![Vec::new(); channels]; pes];
        for output in 0..channels * self.count {
            let (channel, filter) = (output / self.count, output % self.count);
            let weights = self.codes[filter * taps..][..taps].iter().enumerate();
            for (tap, code) in weights.filter_map(|(tap, code)| Some((tap, (*code)?))) {
                let segment = geometry.segment(tap / width, tap % width);
                placed[output % pes][channel].push((segment * rows + output / pes, code));
            }
        }
        let column = |mut rows: Vec<(usize, u8)>| {
            rows.sort_unstable();
            let padded = stream::needs_padding(rows.iter().map(|&(row, _)| row));
            (!padded).then(|| stream::column(rows, None))
        };
        let columns = placed.into_iter();
        columns
            .map(|pe| pe.into_iter().map(column).collect())
            .collect()
    }
}

/// Checks that the streams of a pass are those of its filters.
pub(super) fn check(pass: &Pass) -> Result<(), ImageError> {
    let Some(filters) = &pass.filters else {
        return Ok(());
    };
    let wrong = |what| ImageError::value(what, filters.count, "those of a depthwise pass");
    let columns = filters.columns(pass).ok_or_else(|| wrong("filters"))?;
    for (decoded, columns) in pass.decoded().zip(&columns) {
        if decoded?.columns != *columns {
            return Err(wrong("filters of the streams"));
        }
    }
    Ok(())
}
