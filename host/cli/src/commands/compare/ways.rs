//! The methods of a comparison with their usual trials: the one list that table, plots and help come from.

use crate::commands::{Setting, apply, compress, sweep};
use anyhow::{Context, Result, bail, ensure};
use thresh_compress::{Hidden, Method, Options, Recipe, TrainOptions};

/// A method of a comparison.
#[derive(Debug)]
pub struct Way {
    /// Its name; where it makes a network smaller, that of a method of `thresh compress`.
    pub name: &'static str,
    pub start: Start,
    /// Whether weights are shared behind it: the packer wants few distinct values.
    pub shares: bool,
    /// Whether its networks keep pools, which are less than the weights only on an engine that hashes.
    pub hashes: bool,
    /// The settings of each trial, with blanks between.
    pub trials: &'static [&'static str],
}

/// Where a trial begins.
#[derive(Debug)]
pub enum Start {
    /// With the network, which is made smaller.
    Network,
    /// With nothing: a network is trained with options that are these but for the settings.
    Nothing {
        what: &'static str,
        options: fn(Recipe) -> TrainOptions,
    },
}

const fn compressing(name: &'static str, shares: bool, trials: &'static [&'static str]) -> Way {
    Way {
        name,
        start: Start::Network,
        shares,
        hashes: false,
        trials,
    }
}

const fn training(
    name: &'static str,
    what: &'static str,
    options: fn(Recipe) -> TrainOptions,
    trials: &'static [&'static str],
) -> Way {
    Way {
        name,
        start: Start::Nothing { what, options },
        shares: true,
        hashes: false,
        trials,
    }
}

/// All methods, in the order of the table. A method of `thresh compress` gets a line here.
pub static WAYS: &[Way] = &[
    compressing(
        "deep-compression",
        false,
        &["weights=20%", "weights=10%", "weights=5%", "weights=2%"],
    ),
    compressing("low-rank", true, &["speedup=2", "speedup=4", "speedup=8"]),
    compressing("tensor", true, &["keep=0.5", "keep=0.25", "keep=0.1"]),
    Way {
        hashes: true,
        ..compressing(
            "hashed",
            false,
            &["share=12.5%", "share=6.25%", "share=1.5625%"],
        )
    },
    training(
        "small-net",
        "Train a small network of the family of `thresh sweep`.",
        |_| sweep::training(),
        &[
            "hidden=conv8x5p2,pool2,conv16x5p2,pool2,32",
            "hidden=conv4x5p2,pool2,conv8x5p2,pool2,16",
            "hidden=conv2x5p2,pool2,conv4x5p2,pool2",
        ],
    ),
    training(
        "dense",
        "Train the network itself with a share of its filters and neurons.",
        Recipe::training,
        &["width=50%", "width=25%", "width=12.5%"],
    ),
];

impl Way {
    /// The one called `name`.
    pub fn named(name: &str) -> Result<&'static Way> {
        let names: Vec<&str> = WAYS.iter().map(|way| way.name).collect();
        WAYS.iter().find(|way| way.name == name).with_context(|| {
            format!(
                "got the method {name:?}, expected one of {}",
                names.join(", ")
            )
        })
    }

    /// Whether it trains networks from nothing.
    pub fn trains(&self) -> bool {
        matches!(self.start, Start::Nothing { .. })
    }

    /// What it does, in a sentence.
    pub fn describe(&self) -> &'static str {
        match self.start {
            Start::Network => thresh_compress::method(self.name).map_or("", |m| m.describe()),
            Start::Nothing { what, .. } => what,
        }
    }
}

/// The share of filters and neurons: a setting of training that is one of a comparison alone.
pub const WIDTH: &str = "width";

/// A trial that is asked for: a method, and settings of its options.
#[derive(Clone, Debug)]
pub struct Asked {
    pub way: &'static Way,
    pub settings: Vec<Setting>,
}

/// Reads `METHOD:NAME=VALUE NAME=VALUE`.
pub fn parse_at(text: &str) -> Result<Asked> {
    let Some((name, settings)) = text.split_once(':') else {
        bail!("got {text:?}, expected METHOD:NAME=VALUE, as low-rank:speedup=8");
    };
    Ok(Asked {
        way: Way::named(name)?,
        settings: parse_settings(settings)?,
    })
}

/// Reads `NAME=VALUE NAME=VALUE`.
pub fn parse_settings(text: &str) -> Result<Vec<Setting>> {
    text.split_whitespace()
        .map(super::super::parse_setting)
        .collect()
}

/// Reads `METHOD.NAME=VALUE`.
pub fn parse_set(text: &str) -> Result<(&'static Way, Setting)> {
    let (name, value) = super::super::parse_setting(text)?;
    let Some((way, name)) = name.split_once('.') else {
        bail!("got {text:?}, expected METHOD.NAME=VALUE, as low-rank.tune-epochs=2");
    };
    Ok((Way::named(way)?, (name.into(), value)))
}

/// The method of `thresh compress` called `name` with `settings`, and the one that its command line is read against.
pub fn compression(
    name: &str,
    net: Option<Recipe>,
    imported: bool,
    settings: &[Setting],
) -> Result<[Box<dyn Method>; 2]> {
    // The layers compete for the weights, as where their number is searched.
    let [mut method, _] = compress::choose_methods(name, net, imported, true)?;
    let [usual, _] = compress::choose_methods(name, net, imported, false)?;
    apply(settings, method.options_mut())?;
    Ok([method, usual])
}

/// Sets options of training; `hidden` are the layers that a width is a share of.
pub fn set_training(
    options: &mut TrainOptions,
    settings: &[Setting],
    hidden: Option<&[Hidden]>,
) -> Result<()> {
    for (name, value) in settings {
        if name != WIDTH {
            options.set(name, value)?;
            continue;
        }
        let hidden = hidden.with_context(|| {
            format!(
                "got {name}={value}, but the network does not say which hidden layers it was trained with; \
                 expected hidden=LAYERS"
            )
        })?;
        options.hidden = narrowed(hidden, share(value)?);
    }
    Ok(())
}

/// A share written in percent.
fn share(text: &str) -> Result<f64> {
    let percent: Option<f64> = text.strip_suffix('%').and_then(|p| p.parse().ok());
    let share = percent.filter(|percent| *percent > 0.0 && *percent <= 100.0);
    ensure!(
        share.is_some(),
        "got {WIDTH}={text}, expected a share above 0 and at most 100, as {WIDTH}=25%"
    );
    Ok(share.unwrap_or(100.0) / 100.0)
}

/// The layers with a share of their outputs, and at least one.
fn narrowed(hidden: &[Hidden], share: f64) -> Vec<Hidden> {
    let fewer = |outputs: usize| ((outputs as f64 * share).round() as usize).max(1);
    let layer = |layer: &Hidden| match *layer {
        Hidden::Dense(outputs) => Hidden::Dense(fewer(outputs)),
        Hidden::Conv {
            outputs,
            kernel,
            stride,
            pads,
        } => Hidden::Conv {
            outputs: fewer(outputs),
            kernel,
            stride,
            pads,
        },
        pool => pool,
    };
    hidden.iter().map(layer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_registry_is_compared_and_takes_its_trials() {
        for method in thresh_compress::methods() {
            assert!(
                Way::named(method.name()).is_ok(),
                "{} is in no comparison",
                method.name()
            );
        }
        for way in WAYS {
            assert!(!way.describe().is_empty(), "{}", way.name);
            assert!(!way.trials.is_empty(), "{}", way.name);
            for recipe in Recipe::ALL {
                let hidden = recipe.training().hidden;
                for text in way.trials {
                    let settings = parse_settings(text).unwrap();
                    match way.start {
                        Start::Network => {
                            compression(way.name, Some(recipe), false, &settings).unwrap();
                        }
                        Start::Nothing { options, .. } => {
                            set_training(&mut options(recipe), &settings, Some(&hidden)).unwrap();
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_width_is_a_share_of_filters_and_neurons() {
        let hidden = Recipe::LeNet5.training().hidden;
        let mut options = Recipe::LeNet5.training();
        let set = |options: &mut TrainOptions, width: &str, hidden| {
            set_training(options, &[(WIDTH.into(), width.into())], hidden)
        };
        set(&mut options, "12.5%", Some(&hidden)).unwrap();
        let words: Vec<String> = options.hidden.iter().map(Hidden::to_string).collect();
        assert_eq!(words.join(","), "conv3x5,pool2,conv6x5,pool2,63");
        set(&mut options, "0.01%", Some(&hidden)).unwrap();
        assert_eq!(options.hidden[0].to_string(), "conv1x5");
        for width in ["0%", "101%", "50", "x%", "NaN%"] {
            let message = set(&mut options, width, Some(&hidden)).unwrap_err();
            assert!(message.to_string().contains("as width=25%"), "{message}");
        }
        let message = set(&mut options, "50%", None).unwrap_err().to_string();
        assert!(message.contains("hidden=LAYERS"), "{message}");
    }

    #[test]
    fn trials_and_settings_are_read() {
        let asked = parse_at("tensor:form=oh keep=0.3").unwrap();
        assert_eq!(asked.way.name, "tensor");
        assert_eq!(asked.settings[1], ("keep".into(), "0.3".into()));
        for (text, what) in [
            ("tensor", "METHOD:NAME=VALUE"),
            ("zip:level=9", "\"zip\", expected one of deep-compression"),
            ("tensor:keep", "NAME=VALUE"),
        ] {
            let message = parse_at(text).unwrap_err().to_string();
            assert!(message.contains(what), "{message}");
        }
        let (way, setting) = parse_set("low-rank.tune-epochs=2").unwrap();
        assert_eq!((way.name, setting.0.as_str()), ("low-rank", "tune-epochs"));
        let message = parse_set("tune-epochs=2").unwrap_err().to_string();
        assert!(message.contains("METHOD.NAME=VALUE"), "{message}");
    }
}
