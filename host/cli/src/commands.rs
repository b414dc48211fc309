//! The subcommands.

pub mod bench;
pub mod bench_eie;
pub mod boards;
pub mod budget;
pub mod compare;
pub mod compress;
pub mod demo;
pub mod devices;
pub mod flash;
pub mod import;
pub mod info;
pub mod make;
pub mod pack;
pub mod plan;
pub mod post_training;
pub mod report;
pub mod reproduce;
pub mod run;
pub mod serve;
pub mod study;
pub mod sweep;
pub mod synth;
pub mod train;
pub mod verilog;

use anyhow::{Result, bail};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use thresh_compress::{Backend, Options, Recipe};

/// What training computes on.
#[derive(Clone, Copy, Debug, Args)]
struct Compute {
    /// What training computes on: cpu, or a GPU by wgpu or cuda where thresh was built with that cargo feature. Only on the cpu a seed
    /// gives the same network to the bit again, on processors of one kind.
    #[arg(long, value_name = "NAME", default_value = Backend::Cpu.name())]
    backend: Backend,
}

impl Compute {
    /// Uses it from now on.
    fn choose(self) -> Result<()> {
        Ok(self.backend.choose()?)
    }

    /// Its words on a command line.
    fn words(self) -> Vec<String> {
        match self.backend {
            Backend::Cpu => vec![],
            other => vec!["--backend".into(), other.name().into()],
        }
    }
}

/// A `NAME=VALUE` of `--set`.
type Setting = (String, String);

fn parse_setting(text: &str) -> Result<Setting> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => bail!("got {text:?}, expected NAME=VALUE; --help lists the names"),
    }
}

/// Reads the value of `--net`.
fn recipe_parser() -> impl TypedValueParser<Value = Recipe> {
    PossibleValuesParser::new(Recipe::ALL.map(Recipe::name))
        .map(|name| Recipe::named(&name).expect("clap lets only names of recipes through"))
}

/// Words of a command line that choose `recipe`.
fn recipe_words(recipe: Recipe) -> Vec<String> {
    match recipe == Recipe::default() {
        true => vec![],
        false => vec!["--net".into(), recipe.name().into()],
    }
}

/// Sets each of `settings`.
fn apply(settings: &[Setting], options: &mut dyn Options) -> Result<()> {
    settings
        .iter()
        .try_for_each(|(name, value)| Ok(options.set(name, value)?))
}
