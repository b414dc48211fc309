//! Images and labels in NumPy files.

use anyhow::{Context, Result, bail, ensure};
use npyz::{NpyFile, Order};
use std::path::Path;
use thresh_model::Shape;

/// Whether a path is named as a NumPy file.
pub fn is_named(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npy")
}

/// The images of an array of `uint8`: `[count, height, width, channels]`, or without the last side where
/// there is one channel.
pub fn read(path: &Path, shape: Shape) -> Result<Vec<Vec<u8>>> {
    parse(&std::fs::read(path)?, shape)
}

/// The sides and values of an array of `uint8`.
pub fn array(path: &Path) -> Result<(Vec<usize>, Vec<u8>)> {
    let bytes = std::fs::read(path)?;
    let file = open(&bytes)?;
    let sides = file.shape().iter().map(|&side| side as usize).collect();
    Ok((sides, values(file, bytes.len())?))
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

/// The values of an array of `uint8`.
fn values(file: NpyFile<&[u8]>, bytes: usize) -> Result<Vec<u8>> {
    let dtype = file.dtype().descr();
    let length = check_length(&file, bytes);
    let values = file.data::<u8>().ok().with_context(|| {
        format!("got an array of type {dtype}, expected uint8: save images.astype(numpy.uint8)")
    })?;
    length?;
    values
        .collect::<Result<_, _>>()
        .context("the file ends in its data; save it again")
}

fn parse(bytes: &[u8], shape: Shape) -> Result<Vec<Vec<u8>>> {
    let file = open(bytes)?;
    let sides = file.shape().to_vec();
    let image = [shape.height, shape.width, shape.channels].map(|side| side as u64);
    let same = match sides.as_slice() {
        [_, sides @ ..] if sides.len() == 3 => sides == image,
        [_, sides @ ..] if sides.len() == 2 => shape.channels == 1 && sides == &image[..2],
        _ => false,
    };
    ensure!(
        same,
        "got an array of {sides:?}, expected [count, {}, {}, {}]: the network takes no other images",
        shape.height,
        shape.width,
        shape.channels
    );
    let values = values(file, bytes.len())?;
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
        let images = parse(&bytes, SHAPE).unwrap();
        assert_eq!(images, [vec![0; 12], [vec![0; 11], vec![7]].concat()]);
        let grey = Shape {
            channels: 1,
            ..SHAPE
        };
        let bytes = file::<u8>(&[1, 2, 2], Order::C);
        assert_eq!(parse(&bytes, grey).unwrap().len(), 1);
    }

    #[test]
    fn other_arrays_are_refused() {
        let says = |bytes: &[u8], part: &str| {
            let text = format!("{:#}", parse(bytes, SHAPE).unwrap_err());
            assert!(text.contains(part), "{text}");
        };
        let good = file::<u8>(&[2, 2, 2, 3], Order::C);
        says(&file::<f32>(&[2, 2, 2, 3], Order::C), "type '<f4'");
        says(&file::<u8>(&[2, 2, 2, 3], Order::Fortran), "C order");
        for shape in [[2, 3, 2, 2].as_slice(), &[2, 2], &[12]] {
            says(&file::<u8>(shape, Order::C), "expected [count, 2, 2, 3]");
        }
        says(&good[..good.len() - 1], "ends in its data");
        says(&good[..30], "no NumPy file");
        says(b"\x93NUMPY\x02\0\xff\xff\xff\xff", "no NumPy file");
        let huge = String::from_utf8_lossy(&good).replace("(2, 2, 2, 3)", "(9999999999, 2, 2, 3)");
        assert!(parse(huge.as_bytes(), SHAPE).is_err());
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
