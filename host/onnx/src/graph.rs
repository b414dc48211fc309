//! The graph as a whole: the nodes that matter, its one input and its one output.

use crate::error::{ImportError, Result};
use crate::importer::{Importer, Value};
use crate::node::Node;
use crate::options::ImportOptions;
use crate::proto::{GraphProto, TensorProto, ValueInfoProto};
use crate::reading::{Reading, element, preprocessing, readings};
use crate::tensor::Source;
use crate::view::{End, View};
use crate::{cause, ops, outputs};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use thresh_model::{Frame, Head, Layer, Shape};

/// What becomes of a graph.
pub(crate) struct Lowered {
    pub input: Shape,
    pub frame: Frame,
    pub layers: Vec<Layer>,
    pub head: Head,
    pub input_scale: f32,
    pub input_mean: Vec<f32>,
    pub warnings: Vec<String>,
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
    // The reason is that of the reading which came furthest, the first one of equals.
    let mut furthest: Option<(usize, ImportError)> = None;
    for reading in readings(graph.input, options.shape)? {
        let failure = match graph.lower(reading, source, options) {
            Ok(lowered) => return Ok(lowered),
            Err(failure) => *failure,
        };
        // Another try would cost as much again.
        if let (_, error @ ImportError::TooLarge { .. }) = failure {
            return Err(error);
        }
        furthest = Some(match furthest {
            Some(best) if progress(&best) >= progress(&failure) => best,
            _ => failure,
        });
    }
    Err(furthest.expect("there is at least one reading").1)
}

/// How far a reading came that failed at a node: behind the one that the sides of its input were wrong for.
fn progress((node, error): &(usize, ImportError)) -> (usize, bool) {
    let sides = |what: &str| matches!(what, "shape of the input" | "shape of input 0");
    (
        *node,
        !matches!(error, ImportError::Node { what, .. } if sides(what)),
    )
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
        let output = outputs::chosen(graph, options.output.as_deref())?;

        let mut uses = HashMap::from([(output, 1)]);
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

    /// The network, or how many nodes were read and what is wrong with the next one.
    fn lower(
        &self,
        reading: Reading,
        source: Source<'_>,
        options: &ImportOptions,
    ) -> Result<Lowered, Box<(usize, ImportError)>> {
        let element = element(self.input, options);
        let mut importer = Importer::new(
            &self.initializers,
            &self.uses,
            source,
            options,
            element.scale,
        );
        importer.batch = reading.batch;
        let failed = |at: usize, error: ImportError| Box::new((at, error));
        let shape = reading.shape;
        let before =
            preprocessing(shape.channels, options, element).map_err(|error| failed(0, error))?;
        let mut view = View::of_map(0, shape);
        view.sides = reading.sides;
        view.preprocessing = Some(Rc::new(before));
        importer.define(&self.input.name, Value::View(view));
        for (at, &node) in self.nodes.iter().enumerate() {
            if let Err(error) = self.step(&mut importer, node) {
                let error = cause::of(&self.input.name, &self.nodes, at, error);
                return Err(failed(at, self.with_hint(&importer, at, error)));
            }
        }
        let all = self.nodes.len();
        self.finish(importer, shape)
            .map_err(|error| failed(all, error))
    }

    /// What `node` makes.
    fn step(&self, importer: &mut Importer<'a>, node: Node<'a>) -> Result<()> {
        let value = ops::run(importer, node)?;
        let mut outputs = node.proto.output.iter();
        if let Some(first) = outputs.next().filter(|name| !name.is_empty()) {
            importer.define(first, value);
        }
        let unknown = |name: &&String| importer.is_used(name) && !importer.is_defined(name);
        if let Some(other) = outputs.filter(|name| !name.is_empty()).find(unknown) {
            let expected = "the first output alone; export the model for inference";
            return Err(node.wrong("output that is used", other, expected));
        }
        Ok(())
    }

    /// `error` at node `at`, with the advice to end before it where nothing with weights follows.
    fn with_hint(&self, importer: &Importer<'a>, at: usize, error: ImportError) -> ImportError {
        if matches!(error, ImportError::TooLarge { .. }) {
            return error;
        }
        let node = self.nodes[at].proto;
        let mut reached: HashSet<&str> = node.output.iter().map(String::as_str).collect();
        for later in &self.nodes[at + 1..] {
            if later
                .proto
                .input
                .iter()
                .any(|name| reached.contains(name.as_str()))
            {
                if WEIGHTED.contains(&later.proto.op_type.as_str()) {
                    return error;
                }
                reached.extend(later.proto.output.iter().map(String::as_str));
            }
        }
        let weighted = WEIGHTED.contains(&node.op_type.as_str());
        let open = |name: &&String| match importer.known(name) {
            Some(Value::View(view)) => view.value > 0 && view.cut.is_none(),
            _ => false,
        };
        match node.input.iter().find(open).filter(|_| !weighted) {
            Some(name) => ImportError::Ending {
                error: Box::new(error),
                before: name.clone(),
            },
            None => error,
        }
    }

    fn finish(&self, mut importer: Importer<'a>, shape: Shape) -> Result<Lowered> {
        let Value::View(view) = importer.value(self.output)? else {
            let expected = "one that depends on the input";
            return Err(ImportError::model("output", "a constant", expected));
        };
        let whole = |ok: bool, got: &str, expected| match ok {
            true => Ok(()),
            false => Err(ImportError::model("output of the model", got, expected)),
        };
        let got = format!("{:?}, channels in two sides", view.dims());
        whole(
            view.cut.is_none(),
            &got,
            "channels in one side; reshape it back",
        )?;
        let got = "the probability of the first of two classes alone";
        let expected = "that of the second, or both; name another one with --logits";
        whole(view.end != End::First, got, expected)?;
        let view = importer.plain(view)?;
        whole(view.value > 0, "the input", "the output of a layer")?;
        ops::finish(&mut importer);
        let input_mean = importer.input_mean();
        Ok(Lowered {
            input: shape,
            frame: importer.frame,
            layers: needed(importer.layers, view.value),
            head: view.head,
            input_scale: importer.input_scale,
            input_mean,
            warnings: importer.warnings,
        })
    }
}

/// Operators with weights, behind which a model has not ended.
const WEIGHTED: &[&str] = &[
    "Conv",
    "Gemm",
    "MatMul",
    "Einsum",
    "ConvTranspose",
    "LSTM",
    "GRU",
    "RNN",
    "ConvInteger",
    "MatMulInteger",
    "QLinearConv",
    "QLinearMatMul",
    "Attention",
    "MultiHeadAttention",
    "LinearClassifier",
    "LinearRegressor",
];

/// The layers that `value` needs, which is that of the last one.
fn needed(layers: Vec<Layer>, value: usize) -> Vec<Layer> {
    let mut wanted = vec![false; layers.len() + 1];
    wanted[value] = true;
    for at in (1..=layers.len()).rev().filter(|&at| at <= value) {
        if wanted[at] {
            layers[at - 1]
                .inputs
                .iter()
                .for_each(|&input| wanted[input] = true);
        }
    }
    let mut places = vec![0; layers.len() + 1];
    let mut kept: Vec<Layer> = Vec::new();
    for (at, mut layer) in layers.into_iter().enumerate() {
        if !wanted[at + 1] {
            continue;
        }
        layer
            .inputs
            .iter_mut()
            .for_each(|input| *input = places[*input]);
        kept.push(layer);
        places[at + 1] = kept.len();
    }
    kept
}
