//! The walk over the nodes: what each value is, and the layers made so far.

mod plain;

use crate::budget::Budget;
use crate::error::{ImportError, Result};
use crate::node::Node;
use crate::ops::Quantised;
use crate::options::ImportOptions;
use crate::proto::TensorProto;
use crate::tensor::{Source, Tensor, decode};
use crate::view::{End, Padding, View};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use thresh_model::{Activation, Frame, Head, Layer, Operator, Shape, Weights};

/// What a name in the model stands for.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Constant(Rc<Tensor>),
    View(View),
}

/// A network in the making.
pub(crate) struct Importer<'a> {
    pub layers: Vec<Layer>,
    pub frame: Frame,
    pub budget: Budget,
    /// Real value of input byte 1.
    pub input_scale: f32,
    pub quantised: Quantised<'a>,
    values: HashMap<&'a str, Value>,
    initializers: &'a HashMap<&'a str, &'a TensorProto>,
    uses: &'a HashMap<&'a str, usize>,
    source: Source<'a>,
    names: BTreeSet<String>,
    /// Views of each value that layers have been made for, and the values that came out.
    made: HashMap<usize, Vec<(View, usize)>>,
    /// Images that the model takes at once; all of them are treated alike, so that one is imported.
    pub batch: usize,
    /// What the user should hear.
    pub warnings: Vec<String>,
    input_mean: Vec<f32>,
}

impl<'a> Importer<'a> {
    pub fn new(
        initializers: &'a HashMap<&'a str, &'a TensorProto>,
        uses: &'a HashMap<&'a str, usize>,
        source: Source<'a>,
        options: &ImportOptions,
        input_scale: f32,
    ) -> Self {
        Importer {
            layers: vec![],
            frame: Frame::default(),
            budget: Budget::new(options.most_values),
            input_scale,
            quantised: Quantised::default(),
            values: HashMap::new(),
            initializers,
            uses,
            source,
            names: BTreeSet::new(),
            made: HashMap::new(),
            batch: 1,
            warnings: vec![],
            input_mean: vec![],
        }
    }

    /// `TensorProto.DataType` of an initializer.
    pub fn element(&self, name: &str) -> Option<i32> {
        self.initializers.get(name).map(|proto| proto.data_type)
    }

    /// Whether a node reads `name`, or it is the output.
    pub fn is_used(&self, name: &str) -> bool {
        self.uses.contains_key(name)
    }

    pub fn is_defined(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// What `name` stands for, if a node has said it.
    pub fn known(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    pub fn define(&mut self, name: &'a str, value: Value) {
        self.values.insert(name, value);
    }

    /// What `name` stands for. A view is exclusive only if this is the one use of it.
    pub fn value(&mut self, name: &'a str) -> Result<Value> {
        if !self.values.contains_key(name) {
            let Some(proto) = self.initializers.get(name) else {
                let expected = "an input, a constant or the output of a node before; \
                                export the model again";
                return Err(ImportError::model("name of a value", name, expected));
            };
            let tensor = decode(name, proto, self.source, &mut self.budget)?;
            self.values.insert(name, Value::Constant(Rc::new(tensor)));
        }
        let mut value = self.values[name].clone();
        if let Value::View(view) = &mut value {
            view.exclusive &= self.uses.get(name).is_none_or(|&uses| uses == 1);
        }
        Ok(value)
    }

    /// Input `index` of a node.
    pub fn input(&mut self, node: Node<'a>, index: usize) -> Result<Value> {
        let missing = || node.wrong(format!("input {index}"), "missing", "a value");
        self.value(node.input(index).ok_or_else(missing)?)
    }

    /// Input `index`, which must depend on the network's input; what stands around it is in a layer.
    pub fn view(&mut self, node: Node<'a>, index: usize) -> Result<View> {
        let view = self.padded(node, index)?;
        match (&view.each, view.padding == Padding::default()) {
            (None, true) => Ok(view),
            _ => self.plain(view),
        }
    }

    /// As [`Importer::view`]; there may be padding around it, and factors of each value.
    pub fn padded(&mut self, node: Node<'a>, index: usize) -> Result<View> {
        match self.input(node, index)? {
            Value::View(view) => {
                open(node, &view)?;
                Ok(view)
            }
            Value::Constant(_) => {
                let expected = "a value that depends on the network's input";
                Err(node.wrong(format!("input {index}"), "a constant", expected))
            }
        }
    }

    /// Input `index`, which must be a constant.
    pub fn constant(&mut self, node: Node<'a>, index: usize) -> Result<Rc<Tensor>> {
        match self.input(node, index)? {
            Value::Constant(tensor) => Ok(tensor),
            Value::View(_) => {
                let expected = "a constant; export the model for inference";
                Err(node.wrong(format!("input {index}"), "computed", expected))
            }
        }
    }

    /// Input `index`, which may be left out.
    pub fn optional(&mut self, node: Node<'a>, index: usize) -> Result<Option<Rc<Tensor>>> {
        match node.input(index) {
            Some(_) => self.constant(node, index).map(Some),
            None => Ok(None),
        }
    }

    /// A tensor's data from an attribute.
    pub fn attribute(&mut self, node: Node<'a>, proto: &TensorProto) -> Result<Tensor> {
        decode(node.name(), proto, self.source, &mut self.budget)
    }

    /// Adds a layer without weights, and gives its output as a map.
    pub fn push(&mut self, node: Node<'a>, inputs: Vec<usize>, operator: Operator) -> Result<View> {
        self.push_weights(node.name(), inputs, operator, vec![], vec![])
    }

    /// Adds a layer, and gives its output as a map.
    pub fn push_weights(
        &mut self,
        name: &str,
        inputs: Vec<usize>,
        operator: Operator,
        weights: Vec<f32>,
        bias: Vec<f32>,
    ) -> Result<View> {
        let shape = operator.output();
        let sides = [shape.channels, shape.height, shape.width];
        let most = crate::node::MOST_COUNT;
        if let Some(side) = sides.iter().find(|&&side| side == 0 || side > most) {
            let expected = format!("1 to {most}; check the sizes of the model");
            return Err(ImportError::model("a side of a map", side, expected));
        }
        if crate::budget::product(&sides).is_none_or(|values| values > MOST_MAP) {
            let expected = format!("at most {MOST_MAP} values; take a smaller model");
            return Err(ImportError::model("a map", format!("{sides:?}"), expected));
        }
        let name = self.unique(name);
        self.layers.push(Layer {
            name,
            inputs,
            operator,
            weights: Weights::Float(weights),
            bias,
            activation: Activation::None,
            range: None,
        });
        Ok(View::of_map(self.layers.len(), shape))
    }

    fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_string();
        // The number of layers is in the name, so that the second try is nearly always new.
        while !self.names.insert(unique.clone()) {
            unique = format!("{unique}.{}", self.layers.len());
        }
        unique
    }

    /// The layer whose output `view` is, if it may be changed.
    pub fn layer_of(&mut self, view: &View) -> Option<&mut Layer> {
        let open = view.exclusive && view.preprocessing.is_none() && view.each.is_none();
        let index = view.value.checked_sub(1).filter(|_| open)?;
        self.layers.get_mut(index)
    }

    /// The shape of the network's input, with its frame.
    pub fn framed(&self, shape: Shape) -> Shape {
        self.frame.around(shape)
    }
}

/// Most values of a map, as [`Network::check`](thresh_model::Network::check) has it.
const MOST_MAP: usize = 1 << 30;

/// An error if the host's part comes before `view`, or a shuffle is not at its end there.
pub(crate) fn open(node: Node<'_>, view: &View) -> Result<()> {
    let expected = "an operator that only renames; Softmax and Sigmoid work only at the end";
    let ok = view.head == Head::Logits && view.end == End::Values;
    let behind = match view.end {
        End::Class => "the class".to_string(),
        _ => format!("{:?}", view.head),
    };
    node.expect(ok, "operator", format!("behind {behind}"), expected)?;
    let expected = "the Transpose and the Reshape of a channel shuffle: nothing else works on channels in two sides";
    let got = format!("on {:?}", view.dims());
    node.expect(view.cut.is_none(), "operator", got, expected)
}
