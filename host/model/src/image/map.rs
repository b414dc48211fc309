//! The input map in the file: which input values are sent.

use crate::bits::{BitReader, BitWriter};

/// How the map is written.
const NO_MAP: u32 = 0;
const BITMAP: u32 = 1;
const RUNS: u32 = 2;

/// Bits of that choice.
const KIND_BITS: u32 = 2;

/// Writes the map of `len` input values, in the shorter of its two forms.
pub(super) fn write(writer: &mut BitWriter, map: Option<&[usize]>, len: usize) {
    let Some(map) = map else {
        return writer.put(NO_MAP, KIND_BITS);
    };
    let mut used = vec![false; len];
    map.iter().for_each(|&position| used[position] = true);
    let runs = runs(&used);
    let gamma_bits = |value: u32| 2 * (31 - value.leading_zeros()) as usize + 1;
    if runs.iter().map(|&run| gamma_bits(run)).sum::<usize>() < len {
        writer.put(RUNS, KIND_BITS);
        runs.iter().for_each(|&run| writer.put_gamma(run));
    } else {
        writer.put(BITMAP, KIND_BITS);
        used.iter().for_each(|&used| writer.put(u32::from(used), 1));
    }
}

/// Lengths of unused and used runs in turn, each plus one only for the first, which may be empty.
fn runs(used: &[bool]) -> Vec<u32> {
    let mut runs = vec![1];
    let mut state = false;
    for &next in used {
        if next != state {
            runs.push(0);
            state = next;
        }
        *runs.last_mut().expect("runs starts with one") += 1;
    }
    runs
}

/// Reads the map of `len` input values; the outer `None` is a malformed one.
pub(super) fn read(reader: &mut BitReader<'_>, len: usize) -> Option<Option<Vec<usize>>> {
    match reader.take(KIND_BITS)? {
        NO_MAP => Some(None),
        BITMAP => {
            let mut map = Vec::new();
            for position in 0..len {
                if reader.bit()? == 1 {
                    map.push(position);
                }
            }
            Some(Some(map))
        }
        RUNS => {
            let mut map = Vec::new();
            let mut position = reader.take_gamma()? as usize - 1;
            let mut used = true;
            while position < len {
                let run = reader.take_gamma()? as usize;
                if run > len - position {
                    return None;
                }
                if used {
                    map.extend(position..position + run);
                }
                position += run;
                used = !used;
            }
            (position == len).then_some(Some(map))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn maps_round_trip(used in prop::collection::vec(prop::bool::weighted(0.5), 0..200), stretch in 1usize..8) {
            let used: Vec<bool> = used.iter().flat_map(|&u| vec![u; stretch]).collect();
            let map: Vec<usize> = (0..used.len()).filter(|&i| used[i]).collect();
            let mut writer = BitWriter::default();
            write(&mut writer, Some(&map), used.len());
            let bits = writer.len();
            prop_assert!(bits <= used.len() + KIND_BITS as usize);
            let bytes = writer.into_bytes();
            let mut reader = BitReader::new(&bytes, bits);
            prop_assert_eq!(read(&mut reader, used.len()), Some(Some(map)));
            prop_assert_eq!(reader.left(), 0);
        }
    }
}
