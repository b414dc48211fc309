//! Pictures as PNG or JPEG files.

use crate::input::check_shape;
use crate::kind;
use anyhow::{Context, Result, bail, ensure};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use thresh_model::Shape;

/// Endings of names, capital letters or not.
const ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// Whether a path is named as a picture.
pub fn is_named(path: &Path) -> bool {
    let extension = path.extension();
    extension.is_some_and(|got| ENDINGS.iter().any(|end| got.eq_ignore_ascii_case(end)))
}

/// The shape that a picture has: three channels for colours.
pub fn shape(path: &Path) -> Result<Shape> {
    let decoder = decoder(path)?;
    let channels = if decoder.color_type().has_color() {
        3
    } else {
        1
    };
    Ok(sized(&decoder, channels))
}

/// Reads a picture of `shape`: as grey for one channel, as colours for three. Grey becomes equal parts of red, green and blue, 16
/// bits become 8, and a picture that says colours may be read as grey if it has none. Its pixels are taken as they are
/// stored: what a camera says of its orientation is not heeded.
///
/// # Errors
/// If it has another size, colours for one channel, or is transparent anywhere.
pub fn read(path: &Path, shape: Shape) -> Result<Vec<u8>> {
    let decoder = decoder(path)?;
    // Known before anything is decoded, so that a huge picture costs nothing.
    let channels = if shape.channels == 3 { 3 } else { 1 };
    check_shape("the picture", sized(&decoder, channels), shape)?;
    let picture =
        DynamicImage::from_decoder(decoder).context("the picture is damaged; save it again")?;
    if picture.color().has_alpha() {
        let opaque = picture
            .to_rgba16()
            .pixels()
            .all(|pixel| pixel[3] == u16::MAX);
        ensure!(
            opaque,
            "got a picture that is transparent in places, expected none; save it without alpha"
        );
    }
    if channels == 3 {
        return Ok(picture.into_rgb8().into_raw());
    }
    if !picture.color().has_color() {
        return Ok(picture.into_luma8().into_raw());
    }
    let colours = picture.into_rgb8();
    ensure!(
        colours
            .pixels()
            .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]),
        "got a picture in colours, expected grey, as the network has one channel; convert it, for example by \
         PIL.Image.open(name).convert(\"L\")"
    );
    Ok(colours.pixels().map(|pixel| pixel[0]).collect())
}

fn sized(decoder: &impl ImageDecoder, channels: usize) -> Shape {
    let (width, height) = decoder.dimensions();
    Shape {
        channels,
        height: height as usize,
        width: width as usize,
    }
}

/// The decoder that the content asks for, whatever the name is.
fn decoder(path: &Path) -> Result<impl ImageDecoder + use<>> {
    let file = File::open(path).context(crate::input::EXPECTED)?;
    let reader = ImageReader::new(BufReader::new(file))
        .with_guessed_format()
        .context(crate::input::EXPECTED)?;
    if !matches!(reader.format(), Some(ImageFormat::Png | ImageFormat::Jpeg)) {
        bail!(
            "{}; {}",
            kind::refused(path, "a PNG or JPEG picture"),
            crate::input::EXPECTED
        );
    }
    reader
        .into_decoder()
        .context("the picture is damaged; save it again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayAlphaImage, GrayImage, ImageBuffer, Luma, RgbImage, Rgba, RgbaImage};

    const SHAPE: Shape = Shape {
        channels: 3,
        height: 1,
        width: 2,
    };

    const GREY: Shape = Shape {
        channels: 1,
        ..SHAPE
    };

    #[test]
    fn names_of_pictures() {
        for name in ["a.png", "b.JPG", "c.jpeg", "d.Png"] {
            assert!(is_named(Path::new(name)), "{name}");
        }
        for name in ["png", "a.gif", "a.png.txt", ""] {
            assert!(!is_named(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn what_looks_the_same_is_read_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x.png");
        let grey = GrayImage::from_raw(2, 1, vec![7, 200]).unwrap();
        grey.save(&path).unwrap();
        assert_eq!(shape(&path).unwrap(), GREY);
        assert_eq!(read(&path, GREY).unwrap(), [7, 200]);
        assert_eq!(read(&path, SHAPE).unwrap(), [7, 7, 7, 200, 200, 200]);

        let colours = RgbImage::from_raw(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        colours.save(&path).unwrap();
        assert_eq!(shape(&path).unwrap(), SHAPE);
        assert_eq!(read(&path, SHAPE).unwrap(), [1, 2, 3, 4, 5, 6]);
        let error = read(&path, GREY).unwrap_err().to_string();
        assert!(
            error.contains("expected grey") && error.contains("convert(\"L\")"),
            "{error}"
        );
        let same = RgbImage::from_raw(2, 1, vec![9, 9, 9, 8, 8, 8]).unwrap();
        same.save(&path).unwrap();
        assert_eq!(read(&path, GREY).unwrap(), [9, 8]);

        let deep = ImageBuffer::<Luma<u16>, _>::from_raw(2, 1, vec![257u16, 65535]).unwrap();
        deep.save(&path).unwrap();
        assert_eq!(read(&path, GREY).unwrap(), [1, 255]);
        let opaque = RgbaImage::from_raw(2, 1, vec![1, 2, 3, 255, 4, 5, 6, 255]).unwrap();
        opaque.save(&path).unwrap();
        assert_eq!(read(&path, SHAPE).unwrap(), [1, 2, 3, 4, 5, 6]);
        let clear = RgbaImage::from_pixel(2, 1, Rgba([1, 2, 3, 254]));
        clear.save(&path).unwrap();
        let error = read(&path, SHAPE).unwrap_err().to_string();
        assert!(error.contains("without alpha"), "{error}");
        let clear = GrayAlphaImage::from_raw(2, 1, vec![1, 255, 2, 255]).unwrap();
        clear.save(&path).unwrap();
        assert_eq!(read(&path, GREY).unwrap(), [1, 2]);

        // A JPEG by content, whatever its name.
        let flat = GrayImage::from_pixel(2, 1, Luma([100]));
        flat.save_with_format(&path, ImageFormat::Jpeg).unwrap();
        assert_eq!(read(&path, GREY).unwrap(), [100, 100]);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 3]).unwrap();
        let error = format!("{:#}", read(&path, GREY).unwrap_err());
        assert!(error.contains("is damaged"), "{error}");
    }
}
