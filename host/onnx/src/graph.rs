//! The graph as a whole: the nodes that matter, its one input and its one output.

use crate::error::{ImportError, Result};
use crate::importer::{Importer, Value};
use crate::node::{MOST_COUNT, Node};
use crate::ops;
use crate::options::ImportOptions;
use crate::proto::{DimensionValue, GraphProto, TensorProto, ValueInfoProto};
use crate::tensor::{MOST_RANK, Source};
use crate::view::{Axis, Preprocessing, Side, View};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use thresh_model::{Frame, Head, Layer, Shape};

/// What becomes of a graph.
pub(crate) struct Lowered {
    pub input: Shape,
    pub frame: Frame,
    pub layers: Vec<Layer>,
    pub head: Head,
}

/// A graph with what the importer needs to know beforehand.
struct Graph<'a> {
    nodes: Vec<Node<'a>>,
    initializers: HashMap<&'a str, &'a TensorProto>,
    uses: HashMap<&'a str, usize>,
    input: &'a ValueInfoProto,
    output: &'a str,
}

/// Makes layers of `graph`, with the first reading of its input for which that can be done.
pub(crate) fn lower(
    graph: &GraphProto,
    opset: i64,
    source: Source<'_>,
    options: &ImportOptions,
) -> Result<Lowered> {
    let graph = Graph::new(graph, opset, options)?;
    let mut first = None;
    for (shape, sides) in readings(graph.input, options.shape)? {
        match graph.lower(shape, sides, source, options) {
            Ok(lowered) => return Ok(lowered),
            // Another try would cost as much again.
            Err(error @ ImportError::TooLarge { .. }) => return Err(error),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.expect("there is at least one reading"))
}

impl<'a> Graph<'a> {
    fn new(graph: &'a GraphProto, opset: i64, options: &'a ImportOptions) -> Result<Self> {
        let initializers: HashMap<&str, &TensorProto> = graph
            .initializer
            .iter()
            .map(|t| (t.name.as_str(), t))
            .collect();
        let names = |infos: &[&ValueInfoProto]| {
            let names: Vec<&str> = infos.iter().map(|info| info.name.as_str()).collect();
            format!("{}: {}", names.len(), names.join(", "))
        };
        // Old files list constants among the inputs.
        let given = |info: &&ValueInfoProto| !initializers.contains_key(info.name.as_str());
        let inputs: Vec<&ValueInfoProto> = graph.input.iter().filter(given).collect();
        let &[input] = inputs.as_slice() else {
            return Err(ImportError::model(
                "inputs of the model",
                names(&inputs),
                "one image",
            ));
        };
        let outputs: Vec<&ValueInfoProto> = graph.output.iter().collect();
        let output = match (&options.output, outputs.as_slice()) {
            (Some(name), _) => name,
            (None, &[output]) => &output.name,
            (None, outputs) => {
                let expected = "one; name the one to import";
                return Err(ImportError::model(
                    "outputs of the model",
                    names(outputs),
                    expected,
                ));
            }
        };

        let mut uses = HashMap::from([(output.as_str(), 1)]);
        let mut nodes = Vec::new();
        let mut made = HashSet::new();
        for proto in graph.node.iter().rev() {
            if !proto
                .output
                .iter()
                .any(|name| uses.contains_key(name.as_str()))
            {
                continue;
            }
            for name in proto.input.iter().filter(|name| !name.is_empty()) {
                *uses.entry(name).or_insert(0) += 1;
            }
            for name in proto.output.iter().filter(|name| !name.is_empty()) {
                if !made.insert(name.as_str()) || *name == input.name {
                    let expected = "another name for each; export the model again";
                    return Err(ImportError::model("values of one name", name, expected));
                }
            }
            nodes.push(Node { proto, opset });
        }
        nodes.reverse();
        Ok(Graph {
            nodes,
            initializers,
            uses,
            input,
            output,
        })
    }

    fn lower(
        &self,
        shape: Shape,
        sides: Vec<Side>,
        source: Source<'_>,
        options: &ImportOptions,
    ) -> Result<Lowered> {
        let mut importer = Importer::new(&self.initializers, &self.uses, source, options);
        let view = View {
            value: 0,
            shape,
            sides,
            exclusive: true,
            head: Head::Logits,
            preprocessing: Some(Rc::new(preprocessing(shape.channels, options)?)),
            cut: None,
        };
        importer.define(&self.input.name, Value::View(view));
        for &node in &self.nodes {
            let value = ops::run(&mut importer, node)?;
            let mut outputs = node.proto.output.iter().filter(|name| !name.is_empty());
            if let Some(first) = outputs.next() {
                importer.define(first, value);
            }
            let lost = |name: &&String| {
                self.uses.contains_key(name.as_str()) && !importer.is_defined(name)
            };
            if let Some(other) = outputs.find(lost) {
                let expected = "the first output alone; export the model for inference";
                return Err(node.wrong("output that is used", other, expected));
            }
        }
        let Value::View(view) = importer.value(self.output)? else {
            let expected = "one that depends on the input";
            return Err(ImportError::model("output", "a constant", expected));
        };
        if view.cut.is_some() {
            let got = format!("{:?}, channels in two sides", view.dims());
            let expected = "channels in one side; reshape it back";
            return Err(ImportError::model("output of the model", got, expected));
        }
        let view = importer.plain(view)?;
        if view.value == 0 || view.value != importer.layers.len() {
            let got = format!("layer {} of {}", view.value, importer.layers.len());
            return Err(ImportError::model(
                "output of the model",
                got,
                "the last layer",
            ));
        }
        ops::finish(&mut importer);
        Ok(Lowered {
            input: shape,
            frame: importer.frame,
            layers: importer.layers,
            head: view.head,
        })
    }
}

/// What `options` say is done to each channel.
fn preprocessing(channels: usize, options: &ImportOptions) -> Result<Preprocessing> {
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
            .map(|(mean, std)| -mean / std)
            .collect(),
        from: (0..channels).map(from).collect(),
    })
}

/// Ways to read the sides of the input as axes of an image, the likeliest first.
fn readings(info: &ValueInfoProto, given: Option<Shape>) -> Result<Vec<(Shape, Vec<Side>)>> {
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
            let expected = "1 to 4 sides; give the shape of the image";
            return Err(ImportError::model("shape of the input", got, expected));
        }
    };
    let colours = |dim: Option<u64>| matches!(dim, Some(1 | 3));
    let candidates: &[&[&[Axis]]] = match dims.len() {
        4 if given.is_some() => &[FIRST, LAST],
        4 if colours(dims[3]) && !colours(dims[1]) && dims[2] != Some(1) => &[LAST, FIRST],
        4 if colours(dims[3]) => &[FIRST, LAST],
        4 => &[FIRST],
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
    let found: Vec<(Shape, Vec<Side>)> = candidates
        .iter()
        .filter_map(|sides| reading(&dims, sides, given))
        .collect();
    if found.is_empty() {
        let side = |dim: &Option<u64>| dim.map_or("?".into(), |size| size.to_string());
        let sides: Vec<String> = dims.iter().map(side).collect();
        let image = given.map_or("no shape given".into(), ops::text);
        let expected = format!(
            "a batch of 1 and sides from 1 to {MOST_COUNT} that agree with the shape given; \
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
fn reading(
    dims: &[Option<u64>],
    sides: &[&[Axis]],
    given: Option<Shape>,
) -> Option<(Shape, Vec<Side>)> {
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
    let agrees = |(dim, side): (&Option<u64>, &Side)| dim.is_none_or(|dim| dim == side.size as u64);
    dims.iter()
        .zip(&sides)
        .all(agrees)
        .then_some((shape, sides))
}
