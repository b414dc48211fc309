use super::*;
use proptest::prelude::*;

fn tables(columns: &[Vec<Entry>]) -> [CodeLengths; 3] {
    let mut frequencies = NO_FREQUENCIES;
    count(columns, &mut frequencies);
    frequencies.map(|f| CodeLengths::from_frequencies(&f))
}

fn round_trip(columns: &[Vec<Entry>], rows: usize) -> Result<Decoded, StreamError> {
    let tables = tables(columns);
    let (bytes, bits) = encode(columns, &tables);
    let limits = Limits {
        columns: columns.len(),
        rows,
        codes: 256,
        entries: 1 << 16,
    };
    decode(&bytes, bits, &tables.each_ref().map(Decoder::new), limits)
}

#[test]
fn runs_are_padded_only_where_they_overflow() {
    let zero = Some(9);
    let e = |step, code| Entry { step, code };
    assert_eq!(column([(255, 1), (511, 2)], None), [e(255, 1), e(255, 2)]);
    assert!(!needs_padding([255, 511]));
    assert_eq!(column([(256, 1)], zero), [e(255, 9), e(0, 1)]);
    assert!(needs_padding([256]));
    assert_eq!(
        column([(3, 1), (1000, 2)], zero),
        [e(3, 1), e(255, 9), e(255, 9), e(255, 9), e(228, 2)]
    );
}

#[test]
fn counts_continue_beyond_254() {
    for n in [0, 1, 254, 255, 256, 509, 510, 511] {
        let columns = [vec![Entry { step: 0, code: 3 }; n], vec![]];
        let counts: Vec<u8> = symbols(&columns)
            .filter(|s| s.0 == Table::Count)
            .map(|s| s.1)
            .collect();
        let mut expected = vec![255; n / 255];
        expected.extend([(n % 255) as u8, 0]);
        assert_eq!(counts, expected, "{n}");
        assert_eq!(round_trip(&columns, n.max(1)).unwrap().columns, columns);
    }
}

#[test]
fn rows_and_entries_out_of_range_are_named() {
    let columns = [vec![], vec![Entry { step: 4, code: 0 }; 2]];
    assert!(round_trip(&columns, 10).is_ok());
    let error = round_trip(&columns, 9).unwrap_err();
    assert_eq!(
        error,
        StreamError::Row {
            column: 1,
            row: 9,
            rows: 9
        }
    );
    let tables = tables(&columns);
    let (bytes, bits) = encode(&columns, &tables);
    let decoders = tables.each_ref().map(Decoder::new);
    let limits = Limits {
        columns: 2,
        rows: 10,
        codes: 1,
        entries: 1,
    };
    let error = decode(&bytes, bits, &decoders, limits).unwrap_err();
    assert_eq!(
        error,
        StreamError::Entries {
            column: 1,
            limit: 1
        }
    );
    let limits = Limits {
        entries: 2,
        ..limits
    };
    let error = decode(&bytes, bits, &decoders, Limits { codes: 0, ..limits }).unwrap_err();
    assert_eq!(
        error,
        StreamError::Code {
            column: 1,
            code: 0,
            codes: 0
        }
    );
    let error = decode(&bytes, bits - 1, &decoders, limits).unwrap_err();
    assert!(
        matches!(error, StreamError::Symbol { column: 1, .. }),
        "{error}"
    );
}

proptest! {
    #[test]
    fn streams_round_trip(
        columns in prop::collection::vec(
            prop::collection::vec((0u8..=255, 0u8..=255), 0..300), 1..6)
    ) {
        let columns: Vec<Vec<Entry>> = columns
            .into_iter()
            .map(|c| c.into_iter().map(|(step, code)| Entry { step, code }).collect())
            .collect();
        let decoded = round_trip(&columns, usize::MAX).unwrap();
        prop_assert_eq!(decoded.columns, columns);
    }
}
