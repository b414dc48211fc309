use super::*;
use proptest::prelude::*;

fn kraft(code: &CodeLengths) -> u32 {
    code.counts()
        .iter()
        .enumerate()
        .map(|(l, &n)| u32::from(n) << (15 - l))
        .sum()
}

/// The cost of the plain, unlimited Huffman code: the sum of all merges.
fn huffman_cost(frequencies: &[u64]) -> u64 {
    let mut heap: Vec<u64> = frequencies.iter().copied().filter(|&n| n > 0).collect();
    let mut cost = 0;
    while heap.len() > 1 {
        heap.sort_by(|a, b| b.cmp(a));
        let sum = heap.pop().unwrap() + heap.pop().unwrap();
        cost += sum;
        heap.push(sum);
    }
    cost
}

#[test]
fn small_codes_are_as_worked_by_hand() {
    let code = CodeLengths::from_frequencies(&[10, 1, 3, 1]);
    assert_eq!(code.lengths(), [1, 3, 2, 3]);
    assert_eq!(code.canonical(), [0, 2, 1, 3]);
    let words = [(0b0, 1), (0b110, 3), (0b10, 2), (0b111, 3)];
    assert_eq!(code.words(), words.map(Some));
    assert_eq!(code.cost(&[10, 1, 3, 1]), Some(10 + 3 + 6 + 3));
    assert_eq!(code.cost(&[0, 0, 0, 0, 1]), None);
}

#[test]
fn one_symbol_takes_no_bits_and_none_have_no_word() {
    let one = CodeLengths::from_frequencies(&[0, 0, 7, 0]);
    assert_eq!(one.lengths(), [0, 0, 1]);
    assert_eq!(one.words(), [None, None, Some((0, 0))]);
    assert_eq!(one.cost(&[0, 0, 9]), Some(0));
    assert_eq!(one.cost(&[1, 0, 9]), None);
    assert_eq!(one.counts()[..2], [1, 0]);
    assert_eq!(Decoder::new(&one).symbol(|| None), Some(2));
    let none = CodeLengths::from_frequencies(&[0, 0]);
    assert_eq!(none, CodeLengths::default());
    assert_eq!(Decoder::new(&none).symbol(|| Some(0)), None);
}

#[test]
fn fibonacci_frequencies_reach_the_limit_and_not_beyond() {
    let mut frequencies = vec![1u64, 1];
    while frequencies.len() < 40 {
        frequencies.push(frequencies[frequencies.len() - 1] + frequencies[frequencies.len() - 2]);
    }
    let code = CodeLengths::from_frequencies(&frequencies);
    assert_eq!(code.lengths().iter().max(), Some(&(MAX_CODE_LENGTH as u8)));
    assert_eq!(kraft(&code), 1 << 15);
    assert!(code.cost(&frequencies).unwrap() > huffman_cost(&frequencies));
}

#[test]
fn lengths_that_are_no_code_are_refused() {
    assert_eq!(
        CodeLengths::new(vec![1, 1, 1]).unwrap_err(),
        CodeError::Kraft {
            got: 49152,
            expected: 32768
        }
    );
    assert_eq!(
        CodeLengths::new(vec![1, 2]).unwrap_err(),
        CodeError::Kraft {
            got: 24576,
            expected: 32768
        }
    );
    assert_eq!(
        CodeLengths::new(vec![0, 2]).unwrap_err(),
        CodeError::Kraft {
            got: 8192,
            expected: 32768
        }
    );
    assert_eq!(
        CodeLengths::new(vec![0, 16]).unwrap_err(),
        CodeError::TooLong { symbol: 1, got: 16 }
    );
    assert_eq!(
        CodeLengths::new(vec![8; 257]).unwrap_err(),
        CodeError::TooManySymbols { got: 257 }
    );
    assert!(CodeLengths::new(vec![8; 256]).is_ok());
}

proptest! {
    #[test]
    fn codes_are_full_optimal_and_decode(
        frequencies in prop::collection::vec(prop_oneof![Just(0u64), 1u64..20, 1u64..3000], 0..=256)
    ) {
        let code = CodeLengths::from_frequencies(&frequencies);
        let used: Vec<usize> = (0..frequencies.len()).filter(|&s| frequencies[s] > 0).collect();
        prop_assert_eq!(code.symbols(), used.len());
        prop_assert_eq!(CodeLengths::new(code.lengths().to_vec()), Ok(code.clone()));
        let cost = code.cost(&frequencies).unwrap();
        prop_assert!(cost >= huffman_cost(&frequencies));
        if code.lengths().iter().all(|&l| u32::from(l) < MAX_CODE_LENGTH) {
            prop_assert_eq!(cost, huffman_cost(&frequencies));
        }
        let decoder = Decoder::new(&code);
        for symbol in used {
            let (word, length) = code.words()[symbol].unwrap();
            let mut left = length;
            let got = decoder.symbol(|| {
                left = left.checked_sub(1)?;
                Some(u32::from(word >> left & 1))
            });
            prop_assert_eq!((got, left), (Some(symbol as u8), 0));
        }
    }
}
