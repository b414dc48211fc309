//! How the input of a model is read: its sides as axes of an image, its element type, what is done to each channel.

use crate::error::{ImportError, Result};
use crate::node::MOST_COUNT;
use crate::ops;
use crate::options::ImportOptions;
use crate::proto::{DimensionValue, ValueInfoProto, data_type as t};
use crate::tensor::MOST_RANK;
use crate::view::{Axis, Preprocessing, Side};
use thresh_model::Shape;

/// One way to read the input.
pub(crate) struct Reading {
    pub shape: Shape,
    pub sides: Vec<Side>,
    /// Images that the model takes at once.
    pub batch: usize,
}

/// What byte 1 stands for, and byte 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Element {
    pub scale: f32,
    pub zero: f32,
}

/// What the bytes of the image stand for in the input `info`; `scale` of the options wins.
pub(crate) fn element(info: &ValueInfoProto, options: &ImportOptions) -> Element {
    let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let float = matches!(
        tensor.map_or(t::FLOAT, |tensor| tensor.elem_type),
        0 | t::FLOAT | t::FLOAT16 | t::DOUBLE | t::BFLOAT16
    );
    let signed = tensor.is_some_and(|tensor| tensor.elem_type == t::INT8);
    match (options.scale, float) {
        (Some(scale), _) => Element { scale, zero: 0.0 },
        (None, true) => Element {
            scale: 1.0 / 255.0,
            zero: 0.0,
        },
        (None, false) => Element {
            scale: 1.0,
            zero: if signed { -128.0 } else { 0.0 },
        },
    }
}

/// What `options` say is done to each channel.
pub(crate) fn preprocessing(
    channels: usize,
    options: &ImportOptions,
    element: Element,
) -> Result<Preprocessing> {
    let spread = |what: &'static str, values: &[f32], default: f32| -> Result<Vec<f32>> {
        match values {
            [] => Ok(vec![default; channels]),
            &[value] => Ok(vec![value; channels]),
            values if values.len() == channels => Ok(values.to_vec()),
            values => {
                let expected = format!("one, or one for each of {channels} channels");
                Err(ImportError::model(
                    what,
                    format!("{} values", values.len()),
                    expected,
                ))
            }
        }
    };
    let mean = spread("mean", &options.mean, 0.0)?;
    let std = spread("std", &options.std, 1.0)?;
    let from = |channel| {
        if options.bgr {
            channels - 1 - channel
        } else {
            channel
        }
    };
    Ok(Preprocessing {
        scale: std.iter().map(|std| 1.0 / std).collect(),
        shift: mean
            .iter()
            .zip(&std)
            .map(|(mean, std)| (element.zero - mean) / std)
            .collect(),
        from: (0..channels).map(from).collect(),
    })
}

/// Ways to read the sides of the input as axes of an image, the likeliest first.
pub(crate) fn readings(info: &ValueInfoProto, given: Option<Shape>) -> Result<Vec<Reading>> {
    use Axis::{Channel as C, Column as W, Row as H};
    let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    let fixed = |value: &Option<DimensionValue>| match value {
        Some(DimensionValue::Size(size)) if *size > 0 => Some(*size as u64),
        _ => None,
    };
    let dims: Vec<Option<u64>> = match (shape, given) {
        (Some(shape), _) if shape.dim.len() <= MOST_RANK => {
            shape.dim.iter().map(|dim| fixed(&dim.value)).collect()
        }
        // Nothing is known, so it is taken for a map.
        (None, Some(_)) => vec![None; 4],
        _ => {
            let got = shape.map_or("none".into(), |shape| format!("{} sides", shape.dim.len()));
            let expected = "1 to 4 sides: a batch, channels, height and width";
            return Err(ImportError::model("shape of the input", got, expected));
        }
    };
    let colours = |dim: Option<u64>| matches!(dim, Some(1 | 3));
    let candidates: &[&[&[Axis]]] = match dims.len() {
        4 if given.is_some() => &[FIRST, LAST],
        4 if colours(dims[3]) && !colours(dims[1]) && dims[2] != Some(1) => &[LAST, FIRST],
        4 if colours(dims[3]) => &[FIRST, LAST],
        4 => &[FIRST, LAST],
        // Without a batch only if the shape given says so: two images would pass for one of two rows.
        3 if given.is_some() => &[
            &[&[], &[H], &[W]],
            &[&[], &[C], &[W]],
            &[&[], &[W], &[C]],
            &[&[C], &[H], &[W]],
            &[&[H], &[W], &[C]],
        ],
        3 => &[&[&[], &[H], &[W]], &[&[], &[C], &[W]], &[&[], &[W], &[C]]],
        2 if given.is_some() => &[&[&[], &[C, H, W]], &[&[H], &[W]]],
        2 => &[&[&[], &[W]], &[&[], &[C]]],
        1 if given.is_some() => &[&[&[C, H, W]]],
        1 => &[&[&[W]], &[&[C]]],
        _ => &[],
    };
    let found: Vec<Reading> = candidates
        .iter()
        .filter_map(|sides| reading(&dims, sides, given))
        .collect();
    if found.is_empty() && !(1..=4).contains(&dims.len()) {
        let got = format!("{} sides", dims.len());
        let expected =
            "1 to 4: a batch, channels, height and width; maps here have no third dimension";
        return Err(ImportError::model("shape of the input", got, expected));
    }
    if found.is_empty() {
        let side = |dim: &Option<u64>| dim.map_or("?".into(), |size| size.to_string());
        let sides: Vec<String> = dims.iter().map(side).collect();
        let image = given.map_or("no shape given".into(), ops::text);
        let expected = format!(
            "sides from 1 to {MOST_COUNT} that agree with the shape given; \
             give the shape of the image where a side is not known"
        );
        let got = format!("[{}], {image}", sides.join(", "));
        return Err(ImportError::model("shape of the input", got, expected));
    }
    Ok(found)
}

const FIRST: &[&[Axis]] = &[&[], &[Axis::Channel], &[Axis::Row], &[Axis::Column]];
const LAST: &[&[Axis]] = &[&[], &[Axis::Row], &[Axis::Column], &[Axis::Channel]];

/// The image whose axes `sides` are, if its shape is known and agrees with `dims`.
fn reading(dims: &[Option<u64>], sides: &[&[Axis]], given: Option<Shape>) -> Option<Reading> {
    let side = |axis: Axis| match given {
        Some(shape) => Some(axis.of(shape)),
        None => match sides.iter().position(|side| side.contains(&axis)) {
            Some(index) => usize::try_from(dims[index]?).ok(),
            None => Some(1),
        },
    };
    let shape = Shape {
        channels: side(Axis::Channel)?,
        height: side(Axis::Row)?,
        width: side(Axis::Column)?,
    };
    let absent = |axis: Axis| !sides.iter().any(|side| side.contains(&axis));
    for axis in Axis::ALL {
        let size = axis.of(shape);
        if size == 0 || size > MOST_COUNT || (absent(axis) && size != 1) {
            return None;
        }
    }
    let sides: Vec<Side> = sides
        .iter()
        .map(|axes| Side::over(axes, shape))
        .collect::<Option<_>>()?;
    // A side without axes before all others is the batch.
    let batch = match (dims[0], sides[0].axes.is_empty() && dims.len() > 1) {
        (Some(size), true) if size <= MOST_COUNT as u64 => size as usize,
        _ => 1,
    };
    let agrees = |(at, (dim, side)): (usize, (&Option<u64>, &Side))| {
        let expected = if at == 0 {
            side.size.max(batch)
        } else {
            side.size
        };
        dim.is_none_or(|dim| dim == expected as u64)
    };
    let ok = dims.iter().zip(&sides).enumerate().all(agrees);
    ok.then_some(Reading {
        shape,
        sides,
        batch,
    })
}
