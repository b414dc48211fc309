use super::*;
use proptest::prelude::*;

fn file(sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(data);
    bytes
}

#[test]
fn a_small_data_set_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: Vec<u8>| std::fs::write(folder.path().join(name), bytes).unwrap();
    put(
        "test-images.idx3-ubyte",
        file(&[2, 1, 3], &[1, 2, 3, 4, 5, 6]),
    );
    put("test-labels.idx1-ubyte", file(&[2], &[7, 9]));
    let data = Dataset::load_from(folder.path(), Split::Test).unwrap();
    assert_eq!(
        data.shape,
        Shape {
            channels: 1,
            height: 1,
            width: 3
        }
    );
    assert_eq!(
        data.iter().collect::<Vec<_>>(),
        [(&[1, 2, 3][..], 7), (&[4, 5, 6][..], 9)]
    );

    let missing = Dataset::load_from(folder.path(), Split::Train)
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("train-images") && missing.contains("scripts/setup"),
        "{missing}"
    );
    put("test-labels.idx1-ubyte", file(&[3], &[7, 9, 1]));
    let unequal = Dataset::load_from(folder.path(), Split::Test)
        .unwrap_err()
        .to_string();
    assert!(
        unequal.contains("number of labels is 3, expected 2"),
        "{unequal}"
    );
}

#[test]
fn malformed_files_are_refused() {
    assert_eq!(parse(&[0, 0], 1).unwrap_err(), ("length in bytes", 2, 8));
    assert_eq!(
        parse(&[0, 0, 8, 1], 1).unwrap_err(),
        ("length in bytes", 4, 8)
    );
    assert_eq!(
        parse(&file(&[2], &[1, 2]), 3).unwrap_err(),
        ("magic number", 0x801, 0x803)
    );
    assert_eq!(
        parse(&file(&[2], &[1]), 1).unwrap_err(),
        ("length in bytes", 9, 10)
    );
    assert_eq!(
        parse(&file(&[2], &[1, 2, 3]), 1).unwrap_err(),
        ("length in bytes", 11, 10)
    );
    let huge = file(&[u32::MAX; 3], &[]);
    assert_eq!(
        parse(&huge, 3).unwrap_err(),
        ("length in bytes", 16, u64::MAX)
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = parse(&bytes, 3);
    }
}
