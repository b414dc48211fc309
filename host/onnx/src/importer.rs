//! The walk over the nodes: what each value is, and the layers made so far.

use crate::budget::Budget;
use crate::error::{ImportError, Result};
use crate::node::Node;
use crate::ops::Quantised;
use crate::options::ImportOptions;
use crate::proto::TensorProto;
use crate::tensor::{Source, Tensor, decode};
use crate::view::{Preprocessing, View};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use thresh_model::{Activation, Frame, Head, Layer, Operator, Shape, Weights, Window};

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
    /// The layer that does this preprocessing, if one has been needed.
    preprocessed: Option<(Rc<Preprocessing>, usize)>,
}

impl<'a> Importer<'a> {
    pub fn new(
        initializers: &'a HashMap<&'a str, &'a TensorProto>,
        uses: &'a HashMap<&'a str, usize>,
        source: Source<'a>,
        options: &ImportOptions,
    ) -> Self {
        Importer {
            layers: vec![],
            frame: Frame::default(),
            budget: Budget::new(options.most_values),
            input_scale: options.scale,
            quantised: Quantised::default(),
            values: HashMap::new(),
            initializers,
            uses,
            source,
            names: BTreeSet::new(),
            preprocessed: None,
        }
    }

    /// `TensorProto.DataType` of an initializer.
    pub fn element(&self, name: &str) -> Option<i32> {
        self.initializers.get(name).map(|proto| proto.data_type)
    }

    pub fn is_defined(&self, name: &str) -> bool {
        self.values.contains_key(name)
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

    /// Input `index`, which must depend on the network's input.
    pub fn view(&mut self, node: Node<'a>, index: usize) -> Result<View> {
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

    /// The view without preprocessing before it: a layer does it where there is some.
    pub fn plain(&mut self, view: View) -> Result<View> {
        let Some(preprocessing) = &view.preprocessing else {
            return Ok(view);
        };
        let known = self.preprocessed.as_ref();
        let value = if preprocessing.is_identity() {
            view.value
        } else if let Some((_, value)) = known.filter(|(known, _)| known == preprocessing) {
            *value
        } else {
            let value = self.preprocess(&view, preprocessing)?;
            self.preprocessed = Some((Rc::clone(preprocessing), value));
            value
        };
        Ok(View {
            value,
            preprocessing: None,
            ..view
        })
    }

    /// The value of a new layer that does `preprocessing`.
    fn preprocess(&mut self, view: &View, preprocessing: &Preprocessing) -> Result<usize> {
        const NAME: &str = "preprocessing";
        let Preprocessing { scale, shift, from } = preprocessing;
        if preprocessing.keeps_order() {
            let layer = self.per_channel(NAME, view, scale.clone(), shift.clone())?;
            return Ok(layer.value);
        }
        let channels = view.shape.channels;
        self.budget.take(channels.checked_mul(channels))?;
        let mut weights = vec![0.0; channels * channels];
        for (to, (&from, &scale)) in from.iter().zip(scale).enumerate() {
            weights[to * channels + from] = scale;
        }
        let operator = Operator::Conv {
            input: view.shape,
            outputs: channels,
            groups: 1,
            window: Window::valid([1, 1]),
        };
        let layer = self.push_weights(NAME, vec![view.value], operator, weights, shift.clone())?;
        Ok(layer.value)
    }

    /// Adds the layer `scale[c] * x + shift[c]` on every value of the map of `view`.
    pub fn per_channel(
        &mut self,
        name: &str,
        view: &View,
        scale: Vec<f32>,
        shift: Vec<f32>,
    ) -> Result<View> {
        let channels = view.shape.channels;
        self.budget.take(channels.checked_mul(2))?;
        let operator = Operator::Conv {
            input: view.shape,
            outputs: channels,
            groups: channels,
            window: Window::valid([1, 1]),
        };
        let layer = self.push_weights(name, vec![view.value], operator, scale, shift)?;
        Ok(View {
            value: layer.value,
            exclusive: true,
            ..view.clone()
        })
    }

    /// The layer whose output `view` is, if it may be changed.
    pub fn layer_of(&mut self, view: &View) -> Option<&mut Layer> {
        let index = view.value.checked_sub(1).filter(|_| view.exclusive)?;
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
    let ok = view.head == Head::Logits;
    node.expect(ok, "operator", format!("behind {:?}", view.head), expected)?;
    let expected = "the Transpose and the Reshape of a channel shuffle: nothing else works on channels in two sides";
    let got = format!("on {:?}", view.dims());
    node.expect(view.cut.is_none(), "operator", got, expected)
}
