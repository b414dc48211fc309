//! Images and labels in NumPy files.

use crate::kind::{self, Kind};
use crate::layout::{Layout, arrange};
use anyhow::{Context, Result, bail, ensure};
use npyz::{NpyFile, Order};
use std::path::Path;
use thresh_model::Shape;

/// Whether a path is named as a NumPy file.
pub fn is_named(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npy")
}

/// The images of an array: `[count, height, width, channels]` or `[count, channels, height, width]`, as `shape` and `layout`
/// say, or without the side of the channels where there is one.
pub fn read(path: &Path, shape: Shape, layout: Option<Layout>) -> Result<Vec<Vec<u8>>> {
    parse(&std::fs::read(path)?, shape, layout)
}

/// The sides and values of an array of `uint8`, or of `int8`, whose values are read as bytes of 128 more.
pub fn array(path: &Path) -> Result<(Vec<usize>, Vec<u8>)> {
    sides_and_values(&std::fs::read(path)?)
}

fn sides_and_values(bytes: &[u8]) -> Result<(Vec<usize>, Vec<u8>)> {
    let file = open(bytes)?;
    let sides = file.shape().iter().map(|&side| side as usize).collect();
    Ok((sides, values(file, bytes)?))
}

/// The labels of an array of whole numbers: `[count]`, or `[count, 1]`.
pub fn labels(path: &Path) -> Result<Vec<u8>> {
    numbers(&std::fs::read(path)?)
}

fn numbers(bytes: &[u8]) -> Result<Vec<u8>> {
    let file = open(bytes)?;
    let sides = file.shape().to_vec();
    ensure!(
        matches!(sides.as_slice(), [_] | [_, 1]),
        "got an array of {sides:?}, expected one label for each image, [count]: of one-hot rows, save \
         numpy.argmax(labels, axis=1)"
    );
    check_length(&file, bytes.len())?;
    macro_rules! read {
        ($($type:ty),*) => {
            $(if let Ok(data) = open(bytes)?.data::<$type>() {
                return data
                    .map(|value| label(value.context("the file ends in its data; save it again")?.into()))
                    .collect();
            })*
        };
    }
    read!(u8, i8, u16, i16, u32, i32, u64, i64);
    bail!(
        "got an array of type {}, expected whole numbers: save labels.astype(numpy.int64)",
        file.dtype().descr()
    )
}

fn label(value: i128) -> Result<u8> {
    let label = u8::try_from(value).ok();
    label.with_context(|| format!("got label {value}, expected 0 to 255"))
}

fn open(bytes: &[u8]) -> Result<NpyFile<&[u8]>> {
    kind::check(bytes, &[Kind::Npy], "a NumPy file, as numpy.save writes it")?;
    let file = NpyFile::new(bytes).context("this is no NumPy file; write it with numpy.save")?;
    ensure!(
        file.order() == Order::C,
        "got an array in Fortran order, expected C order: save numpy.ascontiguousarray(images)"
    );
    Ok(file)
}

/// Refuses an array that claims more values than the file, of `bytes`, can hold.
fn check_length(file: &NpyFile<&[u8]>, bytes: usize) -> Result<()> {
    let sides = file.shape();
    let expected = sides
        .iter()
        .try_fold(1, |n: u64, &side| n.checked_mul(side));
    ensure!(
        expected.is_some_and(|n| n <= bytes as u64),
        "got a file of {bytes} bytes for an array of {sides:?}: it is damaged; save it again"
    );
    Ok(())
}

/// The values of an array as bytes.
fn values(file: NpyFile<&[u8]>, bytes: &[u8]) -> Result<Vec<u8>> {
    let dtype = file.dtype().descr();
    let length = check_length(&file, bytes.len());
    let ends = "the file ends in its data; save it again";
    if let Ok(data) = file.data::<u8>() {
        length?;
        return data.collect::<Result<_, _>>().context(ends);
    }
    length?;
    if let Ok(data) = open(bytes)?.data::<i8>() {
        // The zero point that quantised networks have for pictures.
        let byte = |value: i8| value.cast_unsigned() ^ 0x80;
        return data
            .map(|value| Ok(byte(value?)))
            .collect::<std::io::Result<_>>()
            .context(ends);
    }
    bail!(
        "got an array of type {dtype}{}",
        numpy_advice(Range::of(bytes)?)
    )
}

/// The values of an array of another type.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    least: f64,
    most: f64,
    whole: bool,
}

impl Range {
    /// None if a value is no finite number, or the type is none of numbers.
    fn of(bytes: &[u8]) -> Result<Option<Range>> {
        macro_rules! read {
            ($($type:ty as $number:expr),*) => {
                $(if let Ok(data) = open(bytes)?.data::<$type>() {
                    return Range::over(data.map(|value| value.map($number)));
                })*
            };
        }
        read!(
            f32 as f64::from,
            f64 as |value| value,
            bool as |value| f64::from(u8::from(value)),
            i16 as f64::from,
            u16 as f64::from,
            i32 as f64::from,
            u32 as f64::from,
            i64 as |value| value as f64,
            u64 as |value| value as f64
        );
        Ok(None)
    }

    fn over(values: impl Iterator<Item = std::io::Result<f64>>) -> Result<Option<Range>> {
        let mut range = Range {
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
            whole: true,
        };
        for value in values {
            let value = value.context("the file ends in its data; save it again")?;
            if !value.is_finite() {
                return Ok(None);
            }
            range.least = range.least.min(value);
            range.most = range.most.max(value);
            range.whole &= value == value.trunc();
        }
        Ok(Some(range).filter(|range| range.least <= range.most))
    }

    fn within(&self, least: f64, most: f64) -> bool {
        self.least >= least && self.most <= most
    }
}

/// What is expected of an array with such values, and what makes bytes of them that look the same.
fn numpy_advice(range: Option<Range>) -> String {
    let Some(range) = range else {
        return ", expected uint8: save bytes, 0 for black and 255 for white".into();
    };
    let save = |text: &str| format!("save {text}");
    let next = if range.most == 0.0 && range.least == 0.0 {
        save("images.astype(numpy.uint8)")
    } else if range.within(0.0, 1.0) {
        save("(images * 255).round().astype(numpy.uint8)")
    } else if range.within(0.0, 255.0) {
        save(match range.whole {
            true => "images.astype(numpy.uint8)",
            false => "images.round().astype(numpy.uint8)",
        })
    } else if range.within(-1.0, 1.0) {
        save("((images + 1) * 127.5).round().astype(numpy.uint8)")
    } else if range.whole && range.within(-128.0, 127.0) {
        save("images.astype(numpy.int8), which is read as bytes of 128 more")
    } else if range.whole && range.within(0.0, 65535.0) {
        save("(images / 257).round().astype(numpy.uint8)")
    } else {
        "save the bytes from before mean and deviation were taken off, and give these to `thresh import` by --mean and --std".into()
    };
    format!(
        " with values from {} to {}, expected uint8: {next}",
        range.least, range.most
    )
}

fn parse(bytes: &[u8], shape: Shape, layout: Option<Layout>) -> Result<Vec<Vec<u8>>> {
    let (sides, values) = sides_and_values(bytes)?;
    let (_, values) = arrange(&sides, values, Some(shape), layout)?;
    let images = values.chunks_exact(shape.len().max(1));
    Ok(images.map(<[u8]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use npyz::WriterBuilder;

    const SHAPE: Shape = Shape {
        channels: 3,
        height: 2,
        width: 2,
    };

    fn file<T: npyz::AutoSerialize + Default>(shape: &[u64], order: Order) -> Vec<u8> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape);
        let mut writer = options.order(order).writer(&mut bytes).begin_nd().unwrap();
        for _ in 0..shape.iter().product() {
            writer.push(&T::default()).unwrap();
        }
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn arrays_of_bytes_are_read() {
        let mut bytes = file::<u8>(&[2, 2, 2, 3], Order::C);
        *bytes.last_mut().unwrap() = 7;
        let images = parse(&bytes, SHAPE, None).unwrap();
        assert_eq!(images, [vec![0; 12], [vec![0; 11], vec![7]].concat()]);
        let grey = Shape {
            channels: 1,
            ..SHAPE
        };
        let bytes = file::<u8>(&[1, 2, 2], Order::C);
        assert_eq!(parse(&bytes, grey, None).unwrap().len(), 1);
    }

    #[test]
    fn other_arrays_are_refused() {
        let says = |bytes: &[u8], part: &str| {
            let text = format!("{:#}", parse(bytes, SHAPE, None).unwrap_err());
            assert!(text.contains(part), "{text}");
        };
        let good = file::<u8>(&[2, 2, 2, 3], Order::C);
        says(&file::<f32>(&[2, 2, 2, 3], Order::C), "type '<f4'");
        says(&file::<u8>(&[2, 2, 2, 3], Order::Fortran), "C order");
        for shape in [[2, 4, 2, 2].as_slice(), &[2, 2], &[12]] {
            says(&file::<u8>(shape, Order::C), "expected [count, 2, 2, 3]");
        }
        says(&good[..good.len() - 1], "ends in its data");
        says(&good[..30], "no NumPy file");
        says(b"\x93NUMPY\x02\0\xff\xff\xff\xff", "no NumPy file");
        let huge = String::from_utf8_lossy(&good).replace("(2, 2, 2, 3)", "(9999999999, 2, 2, 3)");
        assert!(parse(huge.as_bytes(), SHAPE, None).is_err());
    }

    fn saved<T: npyz::AutoSerialize>(shape: &[u64], values: &[T]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape);
        let mut writer = options.writer(&mut bytes).begin_nd().unwrap();
        values.iter().for_each(|value| writer.push(value).unwrap());
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn channels_may_come_first_and_values_may_be_signed() {
        let first: Vec<u8> = (0..12).collect();
        let images = parse(&saved(&[1, 3, 2, 2], &first), SHAPE, None).unwrap();
        assert_eq!(images, [[0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]]);
        let square = Shape {
            height: 3,
            width: 3,
            ..SHAPE
        };
        let cube = saved(&[1, 3, 3, 3], &[7u8; 27]);
        let error = parse(&cube, square, None).unwrap_err().to_string();
        assert!(error.contains("--layout hwc"), "{error}");
        parse(&cube, square, Some(Layout::Chw)).unwrap();
        let signed: Vec<i8> = [-128, -1, 0, 127].repeat(3);
        let images = parse(&saved(&[1, 2, 2, 3], &signed), SHAPE, None).unwrap();
        assert_eq!(images, [[0, 127, 128, 255].repeat(3)]);
    }

    #[test]
    fn the_advice_keeps_the_picture() {
        #[track_caller]
        fn advises<T: npyz::AutoSerialize>(values: &[T], part: &str) {
            let bytes = saved(&[1, values.len() as u64], values);
            let error = sides_and_values(&bytes).unwrap_err().to_string();
            assert!(error.ends_with(part), "{error}");
        }
        advises(
            &[0.0f32, 0.5],
            "from 0 to 0.5, expected uint8: save (images * 255).round().astype(numpy.uint8)",
        );
        advises(
            &[true, false],
            "save (images * 255).round().astype(numpy.uint8)",
        );
        advises(&[0.0f64, 254.5], "save images.round().astype(numpy.uint8)");
        advises(&[0i64, 255], "save images.astype(numpy.uint8)");
        advises(
            &[-1.0f32, 0.25],
            "save ((images + 1) * 127.5).round().astype(numpy.uint8)",
        );
        advises(
            &[-128i32, 127],
            "save images.astype(numpy.int8), which is read as bytes of 128 more",
        );
        advises(
            &[0u16, 65535],
            "save (images / 257).round().astype(numpy.uint8)",
        );
        advises(&[-2.1f32, 2.6], "by --mean and --std");
        advises(
            &[0.0f32, f32::NAN],
            "type '<f4', expected uint8: save bytes, 0 for black and 255 for white",
        );
    }

    #[test]
    fn labels_are_whole_numbers() {
        assert_eq!(numbers(&saved::<u8>(&[2], &[3, 255])).unwrap(), [3, 255]);
        assert_eq!(numbers(&saved::<i64>(&[2, 1], &[3, 0])).unwrap(), [3, 0]);
        assert_eq!(numbers(&saved::<u16>(&[1], &[7])).unwrap(), [7]);
        let says = |bytes: &[u8], part: &str| {
            let text = format!("{:#}", numbers(bytes).unwrap_err());
            assert!(text.contains(part), "{text}");
        };
        says(&saved::<i64>(&[1], &[-1]), "label -1, expected 0 to 255");
        says(&saved::<i32>(&[1], &[256]), "label 256, expected 0 to 255");
        says(
            &saved::<f32>(&[1], &[1.0]),
            "type '<f4', expected whole numbers",
        );
        says(&saved::<u8>(&[1, 2], &[0, 1]), "numpy.argmax");
        let good = saved::<i64>(&[2], &[1, 2]);
        assert!(numbers(&good[..good.len() - 1]).is_err());
        let huge = String::from_utf8_lossy(&good).replace("(2,)", "(99999999999,)");
        assert!(numbers(huge.as_bytes()).is_err());
    }
}
