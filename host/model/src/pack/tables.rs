//! Which passes share a code table.

use crate::huffman::CodeLengths;
use crate::image::table_bits;
use crate::stream::Frequencies;

/// The tables of each pass, such that table lengths and symbols together take the fewest bits:
/// each kind of table is cut into runs of passes that share one.
pub(super) fn choose(passes: &[Frequencies]) -> Vec<[CodeLengths; 3]> {
    let kinds = [0, 1, 2].map(|kind| cut(passes, kind));
    (0..passes.len())
        .map(|pass| kinds.each_ref().map(|codes| codes[pass].clone()))
        .collect()
}

/// Passes up to which every cut into runs is tried: that takes time with the square of their number.
const MOST_TRIED: usize = 192;

fn cut(passes: &[Frequencies], kind: usize) -> Vec<CodeLengths> {
    match passes.len() {
        0..=MOST_TRIED => best_cut(passes, kind),
        _ => greedy_cut(passes, kind),
    }
}

/// Each pass joins the run before it if the two together take no more bits than apart.
fn greedy_cut(passes: &[Frequencies], kind: usize) -> Vec<CodeLengths> {
    let code = |frequencies: &[u64]| {
        let code = CodeLengths::from_frequencies(frequencies);
        let symbols = code.cost(frequencies);
        let bits = table_bits(&code) + symbols.expect("a code of its own frequencies");
        (bits, code)
    };
    let mut codes = Vec::new();
    let mut run: Option<(usize, [u64; 256], u64, CodeLengths)> = None;
    for (at, pass) in passes.iter().enumerate() {
        let alone = code(&pass[kind]);
        if let Some((_, sum, bits, before)) = &mut run {
            let mut both = *sum;
            both.iter_mut()
                .zip(&pass[kind])
                .for_each(|(sum, n)| *sum += n);
            let (together, joined) = code(&both);
            if together <= *bits + alone.0 {
                (*sum, *bits, *before) = (both, together, joined);
                continue;
            }
        }
        let next = (at, pass[kind], alone.0, alone.1);
        if let Some((start, _, _, code)) = run.replace(next) {
            codes.extend(std::iter::repeat_n(code, at - start));
        }
    }
    if let Some((start, _, _, code)) = run {
        codes.extend(std::iter::repeat_n(code, passes.len() - start));
    }
    codes
}

fn best_cut(passes: &[Frequencies], kind: usize) -> Vec<CodeLengths> {
    // best[end]: bits of the passes before `end`, and their codes.
    let mut best: Vec<(u64, Vec<CodeLengths>)> = vec![(0, Vec::new())];
    for end in 1..=passes.len() {
        let mut sum = [0u64; 256];
        let mut choice: Option<(u64, usize, CodeLengths)> = None;
        for start in (0..end).rev() {
            sum.iter_mut()
                .zip(&passes[start][kind])
                .for_each(|(sum, n)| *sum += n);
            let code = CodeLengths::from_frequencies(&sum);
            let symbols = code.cost(&sum).expect("a code of its own frequencies");
            let bits = best[start].0 + table_bits(&code) + symbols;
            if choice.as_ref().is_none_or(|(fewest, _, _)| bits < *fewest) {
                choice = Some((bits, start, code));
            }
        }
        let (bits, start, code) = choice.expect("at least one start");
        let mut codes = best[start].1.clone();
        codes.resize(end, code);
        best.push((bits, codes));
    }
    best.pop().expect("one for each end").1
}
