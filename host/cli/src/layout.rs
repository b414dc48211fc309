//! The order in which the values of an image lie in an array.

use anyhow::{Result, bail};
use clap::ValueEnum;
use thresh_model::Shape;

/// The order of the sides of an image in an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// Height, width, channels.
    Hwc,
    /// Channels, height, width.
    Chw,
}

impl Layout {
    /// Its word on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Hwc => "hwc",
            Layout::Chw => "chw",
        }
    }
}

/// The shape of the images of an array with these sides, their number first, and its values image by image, position by
/// position, channels inside a position. `wanted` is what a network takes.
///
/// # Errors
/// If the array can hold no such images, or if both orders are possible and `layout` does not say which.
pub fn arrange(
    sides: &[usize],
    bytes: Vec<u8>,
    wanted: Option<Shape>,
    layout: Option<Layout>,
) -> Result<(Shape, Vec<u8>)> {
    let (shape, order) = arrangement(sides, wanted, layout)?;
    let bytes = match order {
        Layout::Chw if shape.channels > 1 => channels_last(&bytes, shape),
        _ => bytes,
    };
    Ok((shape, bytes))
}

/// The shape of the images of an array with these sides, their number first, and the order in which their values lie.
fn arrangement(
    sides: &[usize],
    wanted: Option<Shape>,
    layout: Option<Layout>,
) -> Result<(Shape, Layout)> {
    let shape = |channels, height, width| Shape {
        channels,
        height,
        width,
    };
    let candidates: Vec<(Shape, Layout)> = match *sides {
        // A row of values is an image of any shape.
        [_, values] => {
            let image = wanted
                .filter(|wanted| wanted.len() == values)
                .unwrap_or(shape(1, 1, values));
            vec![(image, Layout::Hwc), (image, Layout::Chw)]
        }
        // One channel, in either order.
        [_, height, width] => vec![(shape(1, height, width), layout.unwrap_or(Layout::Hwc))],
        [_, a, b, c] => vec![(shape(c, a, b), Layout::Hwc), (shape(a, b, c), Layout::Chw)],
        _ => vec![],
    };
    // With one channel, or at one position, both orders are the same.
    let same = |shape: &Shape| shape.channels == 1 || shape.height * shape.width == 1;
    let mut fitting: Vec<(Shape, Layout)> = candidates
        .into_iter()
        .filter(|(shape, order)| {
            let asked = layout.is_none_or(|layout| layout == *order);
            let usual = match wanted {
                Some(wanted) => *shape == wanted,
                None => layout.is_some() || matches!(shape.channels, 1 | 3),
            };
            asked && usual && !shape.is_empty()
        })
        .collect();
    fitting.dedup_by(|b, a| a.0 == b.0 && same(&a.0));
    match (fitting.as_slice(), wanted) {
        (&[one], _) => Ok(one),
        ([], Some(wanted)) => {
            let Shape {
                channels,
                height,
                width,
            } = wanted;
            let last = format!("[count, {height}, {width}, {channels}]");
            let first = format!("[count, {channels}, {height}, {width}]");
            let expected = match layout {
                None => format!("{last} or {first}"),
                Some(Layout::Hwc) => format!("{last}, the order of --layout hwc"),
                Some(Layout::Chw) => format!("{first}, the order of --layout chw"),
            };
            let fits = layout.is_some() && arrangement(sides, Some(wanted), None).is_ok();
            let next = match fits {
                true => "leave out --layout, as the array has the other order",
                false => "the network takes no other images; scale them, or choose another network",
            };
            bail!("got an array of {sides:?}, expected {expected}: {next}")
        }
        _ => bail!(
            "got an array of {sides:?}, which can be [count, height, width, channels] or [count, channels, height, width]; say \
             which by --layout hwc or --layout chw"
        ),
    }
}

/// Images of channels, height, width as height, width, channels.
fn channels_last(bytes: &[u8], shape: Shape) -> Vec<u8> {
    let positions = shape.height * shape.width;
    let mut out = Vec::with_capacity(bytes.len());
    for image in bytes.chunks_exact(shape.len().max(1)) {
        for position in 0..positions {
            out.extend((0..shape.channels).map(|channel| image[channel * positions + position]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(channels: usize, height: usize, width: usize) -> Shape {
        Shape {
            channels,
            height,
            width,
        }
    }

    #[test]
    fn the_network_says_the_order_of_the_sides() {
        use Layout::{Chw, Hwc};
        let wanted = Some(shape(3, 4, 5));
        for (sides, wanted, layout, expected) in [
            (&[9, 4, 5, 3][..], wanted, None, (shape(3, 4, 5), Hwc)),
            (&[9, 3, 4, 5], wanted, None, (shape(3, 4, 5), Chw)),
            (
                &[9, 4, 5],
                Some(shape(1, 4, 5)),
                None,
                (shape(1, 4, 5), Hwc),
            ),
            (
                &[9, 1, 4, 5],
                Some(shape(1, 4, 5)),
                None,
                (shape(1, 4, 5), Chw),
            ),
            (&[9, 1, 1, 1], None, None, (shape(1, 1, 1), Hwc)),
            (
                &[9, 3, 3, 3],
                Some(shape(3, 3, 3)),
                Some(Chw),
                (shape(3, 3, 3), Chw),
            ),
            (&[9, 60], wanted, Some(Chw), (shape(3, 4, 5), Chw)),
            (&[9, 60], None, None, (shape(1, 1, 60), Hwc)),
            (&[9, 3, 8, 8], None, None, (shape(3, 8, 8), Chw)),
            (&[9, 8, 8, 3], None, None, (shape(3, 8, 8), Hwc)),
            (&[9, 8, 8, 2], None, Some(Hwc), (shape(2, 8, 8), Hwc)),
            // What was said holds, also where the other order would be one channel.
            (&[9, 1, 128, 3], None, Some(Hwc), (shape(3, 1, 128), Hwc)),
            (&[9, 1, 128, 3], None, Some(Chw), (shape(1, 128, 3), Chw)),
            (&[9, 4, 5], None, Some(Chw), (shape(1, 4, 5), Chw)),
        ] {
            let found = arrangement(sides, wanted, layout).unwrap();
            assert_eq!(found, expected, "{sides:?} {wanted:?} {layout:?}");
        }
        let says = |sides: &[usize], wanted, layout, part: &str| {
            let message = arrangement(sides, wanted, layout).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        };
        says(&[9, 3, 3, 3], Some(shape(3, 3, 3)), None, "--layout hwc");
        says(&[9, 60], wanted, None, "--layout hwc");
        says(&[9, 3, 8, 3], None, None, "--layout hwc");
        says(&[9, 8, 8, 2], None, None, "--layout hwc");
        says(&[9, 5, 4, 3], wanted, None, "expected [count, 4, 5, 3]");
        says(
            &[9, 4, 5, 3],
            wanted,
            Some(Chw),
            "expected [count, 3, 4, 5], the order of --layout chw: leave out",
        );
        says(
            &[9, 4, 4, 3],
            wanted,
            Some(Hwc),
            "the order of --layout hwc: the network takes no other",
        );
        says(&[9, 1, 128, 3], None, None, "--layout hwc");
        says(
            &[9, 1, 4, 5],
            Some(shape(1, 4, 5)),
            Some(Hwc),
            "leave out --layout",
        );
        says(&[9, 4, 5], wanted, None, "expected [count, 4, 5, 3]");
        says(&[9], wanted, None, "expected [count, 4, 5, 3]");
    }

    #[test]
    fn channels_come_last() {
        let bytes = channels_last(&[1, 2, 3, 4, 5, 6, 7, 8], shape(2, 1, 2));
        assert_eq!(bytes, [1, 3, 2, 4, 5, 7, 6, 8]);
    }
}
