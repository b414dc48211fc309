//! Images in NumPy files.

use anyhow::{Context, Result, ensure};
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

fn parse(bytes: &[u8], shape: Shape) -> Result<Vec<Vec<u8>>> {
    let file = NpyFile::new(bytes).context("this is no NumPy file; write it with numpy.save")?;
    let sides = file.shape().to_vec();
    let dtype = file.dtype().descr();
    ensure!(
        file.order() == Order::C,
        "got an array in Fortran order, expected C order: save numpy.ascontiguousarray(images)"
    );
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
    let values = file.data::<u8>().ok().with_context(|| {
        format!("got an array of type {dtype}, expected uint8: save images.astype(numpy.uint8)")
    })?;
    let got = bytes.len() as u64;
    let expected = sides
        .iter()
        .try_fold(1, |n: u64, &side| n.checked_mul(side));
    ensure!(
        expected.is_some_and(|n| n <= got),
        "got a file of {got} bytes for an array of {sides:?}: it is damaged; save it again"
    );
    let values: Vec<u8> = values
        .collect::<Result<_, _>>()
        .context("the file ends in its data; save it again")?;
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
}
