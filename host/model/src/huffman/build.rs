//! Package-merge: the best code lengths under a limit (Larmore and Hirschberg, "A fast algorithm
//! for optimal length-limited Huffman codes", J. ACM 37(3), 1990).

/// The lengths of a shortest code whose words have at most `limit` bits; 0 for symbols that never
/// occur, 1 for a single one.
pub(super) fn package_merge(frequencies: &[u64], limit: usize) -> Vec<u8> {
    let mut lengths = vec![0u8; frequencies.len()];
    let mut coins: Vec<(u64, usize)> = frequencies
        .iter()
        .enumerate()
        .filter(|&(_, &frequency)| frequency > 0)
        .map(|(symbol, &frequency)| (frequency, symbol))
        .collect();
    if coins.len() < 2 {
        coins.iter().for_each(|&(_, symbol)| lengths[symbol] = 1);
        return lengths;
    }
    assert!(
        coins.len() <= 1 << limit,
        "no code of {limit} bits has {} words",
        coins.len()
    );
    coins.sort_unstable();
    // A level's list holds a coin of every symbol, and the packages, pairs, of the level below.
    let leaves = || coins.iter().map(|&(weight, symbol)| (weight, Some(symbol)));
    let mut levels: Vec<Vec<(u64, Option<usize>)>> = vec![leaves().collect()];
    for level in 1..limit {
        let packages = levels[level - 1].chunks_exact(2);
        let packages = packages.map(|pair| (pair[0].0.saturating_add(pair[1].0), None));
        let mut list: Vec<_> = leaves().chain(packages).collect();
        list.sort_by_key(|item| item.0);
        levels.push(list);
    }
    // A symbol's length is the number of levels at which its coin is taken: the first 2n - 2 items
    // of the top list, and of each list below the two items of every package taken above.
    let mut take = 2 * coins.len() - 2;
    for list in levels.iter().rev() {
        let taken = list[..take].iter().filter_map(|item| item.1);
        let leaves = taken.map(|symbol| lengths[symbol] += 1).count();
        take = 2 * (take - leaves);
    }
    lengths
}
