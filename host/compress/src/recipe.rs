//! Networks by name, with the options that are recommended to train and compress them.

use crate::{
    amount::Amount,
    deep_compression::{DeepCompression, DeepCompressionOptions},
    error::{Error, Result},
    hashed::{HashedNets, HashedOptions},
    hidden::Hidden,
    low_rank::LowRank,
    method::Method,
    tensor::TensorNetwork,
    train::TrainOptions,
};

/// A network with recommended options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recipe {
    /// Fully connected, 784 - 300 - 100 - 10 on MNIST.
    #[default]
    LeNet300100,
    /// Caffe's LeNet-5: two convolutions and two fully connected layers, 431,080 parameters on MNIST. Caffe has no
    /// ReLU behind the convolutions; here there is one, which costs no parameter and gives the engine zeros to skip.
    LeNet5,
}

impl Recipe {
    /// All of them.
    pub const ALL: [Recipe; 2] = [Recipe::LeNet300100, Recipe::LeNet5];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Recipe::LeNet300100 => "lenet-300-100",
            Recipe::LeNet5 => "lenet-5",
        }
    }

    /// The one called `name`.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|recipe| recipe.name() == name);
        found.ok_or_else(|| Error::Recipe {
            name: name.to_string(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }

    /// Options of training.
    pub fn training(self) -> TrainOptions {
        match self {
            Recipe::LeNet300100 => TrainOptions::default(),
            Recipe::LeNet5 => TrainOptions {
                hidden: lenet_5(),
                epochs: 6,
                batch: 64,
                rate: 0.02,
                decay: 0.0005,
                // Convolutions raise the values: with brighter images the first steps are too long.
                white: 1.0,
                ..TrainOptions::default()
            },
        }
    }

    /// Options of Deep Compression. For LeNet-5 these keep the shares of table 3 of the paper, with its code words of
    /// 8, 8, 5 and 5 bits; of the 256 codes of 8 bits one means a pruned weight.
    pub fn deep_compression(self) -> DeepCompressionOptions {
        match self {
            Recipe::LeNet300100 => DeepCompressionOptions::default(),
            Recipe::LeNet5 => DeepCompressionOptions {
                densities: vec![0.66, 0.12, 0.08, 0.19],
                structure: 0.0,
                prune_epochs: 2,
                prune_rate: 0.01,
                retrain_epochs: 4,
                retrain_rate: 0.01,
                decay: 0.0005,
                codes: vec![255, 255, 32, 32],
                tune_epochs: 2,
                tune_rate: 0.0001,
                batch: 64,
                ..DeepCompressionOptions::default()
            },
        }
    }

    /// Options of hashed weights, which are trained as others are.
    pub fn hashed(self) -> HashedOptions {
        let TrainOptions {
            epochs,
            rate,
            batch,
            momentum,
            decay,
            shift,
            ..
        } = self.training();
        HashedOptions {
            epochs,
            rate,
            batch,
            momentum,
            decay,
            shift,
            ..HashedOptions::default()
        }
    }

    /// Deep Compression with the options to begin with where the number of weights is searched: the layers compete for
    /// them, with 16 codes each. The shares and codes of the paper are a size of their own.
    pub fn for_budget(self) -> DeepCompression {
        let usual = DeepCompressionOptions::default();
        DeepCompression {
            options: DeepCompressionOptions {
                densities: Vec::new(),
                structure: usual.structure,
                codes: usual.codes,
                ..self.deep_compression()
            },
        }
    }

    /// All methods with the recommended options. A new method is a new module and a line here.
    pub fn methods(self) -> Vec<Box<dyn Method>> {
        vec![
            Box::new(DeepCompression {
                options: self.deep_compression(),
            }),
            Box::new(LowRank::default()),
            Box::new(TensorNetwork::default()),
            Box::new(HashedNets {
                options: self.hashed(),
            }),
        ]
    }

    /// The method called `name` with the recommended options.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn method(self, name: &str) -> Result<Box<dyn Method>> {
        let methods = self.methods();
        let known: Vec<_> = methods.iter().map(|method| method.name()).collect();
        let known = known.join(", ");
        let found = methods.into_iter().find(|method| method.name() == name);
        found.ok_or_else(|| Error::Method {
            name: name.to_string(),
            known,
        })
    }
}

/// Deep Compression with options for a network that was trained elsewhere, whatever its layers: a fifth of the weights
/// stays, and rates are so low that what it has learned is not lost.
pub fn pretrained() -> DeepCompression {
    DeepCompression {
        options: DeepCompressionOptions {
            weights: Amount::Percent(20.0),
            structure: 0.0,
            prune_epochs: 4,
            prune_rate: 0.005,
            retrain_epochs: 4,
            retrain_rate: 0.005,
            decay: 0.0001,
            tune_epochs: 1,
            tune_rate: 0.0001,
            batch: 32,
            shift: 0,
            ..DeepCompressionOptions::default()
        },
    }
}

/// The hidden layers of LeNet-5.
fn lenet_5() -> Vec<Hidden> {
    let conv = |outputs| Hidden::Conv {
        outputs,
        kernel: 5,
        stride: 1,
        pads: 0,
    };
    let pool = Hidden::MaxPool {
        kernel: 2,
        stride: 2,
    };
    vec![conv(20), pool, conv(50), pool, Hidden::Dense(500)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_and_method_is_found_by_its_name() {
        for recipe in Recipe::ALL {
            assert_eq!(Recipe::named(recipe.name()).unwrap(), recipe);
            for known in recipe.methods() {
                let found = recipe.method(known.name()).unwrap();
                assert_eq!(found.options().list(), known.options().list());
            }
        }
        let message = Recipe::named("alexnet").unwrap_err().to_string();
        assert!(
            message.contains("\"alexnet\"; there are: lenet-300-100, lenet-5"),
            "{message}"
        );
    }
}
