//! Weights that are picked from a pool by a hash.

use super::Weights;
use thresh_regs::{HASH_LANES, hash, hash_index, hash_negates};

/// The weights of a fully connected layer, or of a convolution with a kernel of 1 x 1, as values of a pool: which value a
/// weight is, and with which sign, is the hash of its output and its column.
///
/// The pool is cut into `groups` parts; output `o` takes from the values whose index leaves the
/// remainder `o mod groups`. So a PE, which has the outputs of one remainder, keeps its part only.
#[derive(Clone, Debug, PartialEq)]
pub struct Hashed {
    /// Outputs, at most 65,536.
    pub outputs: usize,
    /// Weights of an output, in the order of the operator.
    pub inputs: usize,
    /// Inputs of one position: those of the map that a fully connected layer reads; all of them where it reads the
    /// network's input, or a map of one position.
    pub channels: usize,
    /// Parts of the pool: a power of two, at most [`HASH_LANES`], that divides the pool's length.
    pub groups: usize,
    /// The pool: [`Weights::Float`] or [`Weights::Shared`].
    pub pool: Box<Weights>,
}

impl Hashed {
    /// Number of weights.
    pub fn len(&self) -> usize {
        self.outputs * self.inputs
    }

    /// Whether there are no weights.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Columns from one position to the next.
    pub fn stride(&self) -> usize {
        self.channels.next_multiple_of(HASH_LANES)
    }

    /// The column of an input, as the engine counts them: positions begin at multiples of [`HASH_LANES`].
    pub fn column(&self, input: usize) -> usize {
        input / self.channels * self.stride() + input % self.channels
    }

    /// Columns, gaps included.
    pub fn columns(&self) -> usize {
        self.inputs
            .checked_sub(1)
            .map_or(0, |last| self.column(last) + 1)
    }

    /// Which value of the pool a weight is, and whether with the other sign.
    pub fn picks(&self, output: usize, input: usize) -> (usize, bool) {
        let hash = hash(output as u16, self.column(input) as u16);
        let part = self.pool.len() / self.groups;
        let index = hash_index(hash, part) * self.groups + output % self.groups;
        (index, hash_negates(hash))
    }

    /// The weight at `index`, in the order of the operator.
    ///
    /// # Panics
    /// If the pool's length is no multiple of its parts; [`super::Network::check`] refuses such a layer.
    pub fn get(&self, index: usize) -> f32 {
        let (at, negative) = self.picks(index / self.inputs, index % self.inputs);
        let value = self.pool.get(at);
        if negative { -value } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::tests::{float, random};
    use crate::network::{Layer, Network};

    /// 20 inputs, then 40 hashed neurons with 12 values, then 3.
    fn network() -> Network {
        let mut network = random(&[20, 40, 3], 1.0, 3, 1);
        network.layers[0].weights = Weights::Hashed(Hashed {
            outputs: 40,
            inputs: 20,
            channels: 20,
            groups: 4,
            pool: Box::new(Weights::Float((1..=12).map(|i| i as f32 / 8.0).collect())),
        });
        network
    }

    fn hashed(network: &mut Network) -> &mut Hashed {
        match &mut network.layers[0].weights {
            Weights::Hashed(hashed) => hashed,
            _ => panic!("the first layer is hashed"),
        }
    }

    #[test]
    fn weights_are_those_of_the_pool() {
        let mut network = network();
        let hashed = hashed(&mut network);
        for output in 0..40 {
            for input in 0..hashed.inputs {
                let (at, negative) = hashed.picks(output, input);
                assert_eq!(at % 4, output % 4);
                let value = (at + 1) as f32 / 8.0;
                let expected = if negative { -value } else { value };
                assert_eq!(hashed.get(output * hashed.inputs + input), expected);
            }
        }
    }

    #[test]
    fn columns_of_a_position_begin_at_whole_lanes() {
        let hashed = Hashed {
            outputs: 1,
            inputs: 60,
            channels: 20,
            groups: 1,
            pool: Box::new(Weights::Float(vec![1.0])),
        };
        let columns: Vec<usize> = [0, 19, 20, 59].map(|input| hashed.column(input)).into();
        assert_eq!(columns, [0, 19, 32, 83]);
        assert_eq!(hashed.columns(), 84);
    }

    #[test]
    fn a_file_keeps_the_pool_only() {
        let network = network();
        let bytes = network.to_safetensors().unwrap();
        let again = Network::from_safetensors(&bytes).unwrap();
        assert_eq!(again, network);
        let kept = |layer: &Layer| layer.weights.stored().len();
        let kept: usize = network.layers.iter().map(kept).sum();
        assert_eq!(kept, 12 + 3 * 40);
        let dense = float(&network).to_safetensors().unwrap();
        assert!(dense.len() - bytes.len() > 4 * (20 * 40 - 12) - 500);
    }

    #[test]
    fn what_the_engine_cannot_count_is_refused() {
        let mut good = network();
        good.check().unwrap();
        let refused = |change: &dyn Fn(&mut Hashed), what: &str| {
            let mut bad = network();
            change(hashed(&mut bad));
            let error = bad.check().unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        refused(&|h| h.groups = 3, "parts of the pool");
        refused(&|h| h.groups = 32, "parts of the pool");
        refused(&|h| h.groups = 8, "length of the pool");
        refused(&|h| h.channels = 2, "channels of hashed weights");
        refused(&|h| h.outputs = 39, "outputs of hashed weights");
        refused(&|h| h.inputs = 1, "inputs of hashed weights");
        refused(&|h| *h.pool = Weights::Float(vec![]), "length of the pool");
        let nan = || Weights::Float(vec![f32::NAN; 12]);
        refused(&|h| *h.pool = nan(), "a weight or bias");
        let inner = hashed(&mut good).clone();
        refused(&|h| *h.pool = Weights::Hashed(inner.clone()), "pool");
    }
}
