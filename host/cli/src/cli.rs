//! The command line as clap sees it.

use crate::commands::{
    bench, bench_eie, boards, compare, compress, demo, devices, flash, import, info, make, pack,
    report, reproduce, run, serve, study, sweep, synth, train, verilog,
};
use crate::output::{Output, Verdict};
use crate::overwrite::{self, Paths};
use anyhow::Result;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use thresh_compress::sweep::Plan;
use thresh_compress::tensor::study::CutOptions;
use thresh_compress::{Method, Options, Recipe, recipe::pretrained};

const AFTER_HELP: &str = "\
Exit status:
  0  done, and what was checked holds
  1  an error; stderr says what was got, what was expected and what to do next
  2  the command line cannot be understood
  3  everything ran, but a check failed: a logit differs, timing is missed

Examples:
  thresh demo                                   what this is about, in a minute
  thresh train && thresh compress && thresh pack --config ulx3s-25f -o net.thresh
  thresh report --html report.html              what compression made of each layer
  thresh info net.thresh
  thresh run net.thresh --digit 0 digit.png
  thresh bench net.thresh --json > bench.json
  thresh devices                                boards that are connected

The data sets mnist and fashion-mnist are read from the folder THRESH_DATA, or .data, which scripts/setup fills; --data takes
your own as well (docs/compress.md).";

/// Compress a neural network, pack it, and run it on a small sparse FPGA engine.
#[derive(Debug, Parser)]
#[command(name = "thresh", version, after_help = AFTER_HELP, arg_required_else_help = true)]
struct Cli {
    /// Print the result as JSON on stdout; messages and progress stay on stderr.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// A subcommand.
#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(demo::Demo),
    Train(train::Train),
    Compress(compress::Compress),
    Import(import::Import),
    Pack(pack::Pack),
    Make(make::Make),
    Info(info::Info),
    Report(report::ReportCommand),
    Reproduce(reproduce::Reproduce),
    Compare(compare::Compare),
    Study(study::StudyCommand),
    Sweep(sweep::Sweep),
    Run(run::Run),
    Bench(bench::Bench),
    BenchEie(bench_eie::BenchEie),
    Devices(devices::Devices),
    Serve(serve::Serve),
    Verilog(verilog::Verilog),
    Synth(synth::Synth),
    Flash(flash::Flash),
    Boards(boards::Boards),
}

impl Command {
    /// The files that it touches.
    fn paths(&self) -> &dyn Paths {
        match self {
            Command::Demo(command) => command,
            Command::Train(command) => command,
            Command::Compress(command) => command,
            Command::Import(command) => command,
            Command::Pack(command) => command,
            Command::Make(command) => command,
            Command::Report(command) => command,
            Command::Reproduce(command) => command,
            Command::Compare(command) => command,
            Command::Study(command) => command,
            Command::Sweep(command) => command,
            Command::Info(command) => command,
            Command::Run(command) => command,
            Command::Bench(command) => command,
            Command::BenchEie(command) => command,
            Command::Devices(command) => command,
            Command::Serve(command) => command,
            Command::Verilog(command) => command,
            Command::Synth(command) => command,
            Command::Flash(command) => command,
            Command::Boards(command) => command,
        }
    }

    pub fn run(self, output: &Output) -> Result<Verdict> {
        overwrite::check(self.paths())?;
        match self {
            Command::Demo(command) => command.run(output),
            Command::Train(command) => command.run(output),
            Command::Compress(command) => command.run(output),
            Command::Import(command) => command.run(output),
            Command::Pack(command) => command.run(output),
            Command::Make(command) => command.run(output),
            Command::Report(command) => command.run(output),
            Command::Reproduce(command) => command.run(output),
            Command::Compare(command) => command.run(output),
            Command::Study(command) => command.run(output),
            Command::Sweep(command) => command.run(output),
            Command::Info(command) => command.run(output),
            Command::Run(command) => command.run(output),
            Command::Bench(command) => command.run(output),
            Command::BenchEie(command) => command.run(output),
            Command::Devices(command) => command.run(output),
            Command::Serve(command) => command.run(output),
            Command::Verilog(command) => command.run(output),
            Command::Synth(command) => command.run(output),
            Command::Flash(command) => command.run(output),
            Command::Boards(command) => command.run(output),
        }
    }
}

/// The command that was given and whether it is to print JSON. Does not return when it cannot be
/// understood or asks for help.
pub fn parse() -> (Command, bool) {
    let matches = command().get_matches();
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => (cli.command, cli.json),
        Err(error) => error.exit(),
    }
}

/// The definition, with the options of trainer and compressors in the help of their commands.
fn command() -> clap::Command {
    let mut train = String::new();
    let mut methods = String::new();
    for recipe in Recipe::ALL {
        let net = recipe.name();
        train += &help(&format!("--set of {net}"), &recipe.training());
        train += "\n";
        for method in recipe.methods() {
            let (name, what) = (method.name(), method.describe());
            methods += &help(
                &format!("--set of {net} by {name} ({what})"),
                method.options(),
            );
            methods += "\n";
        }
    }
    let elsewhere = pretrained();
    methods += &help(
        &format!("--set of a network from ONNX by {}", elsewhere.name()),
        elsewhere.options(),
    );
    methods += "\n";
    Cli::command()
        .mut_subcommand("train", |c| c.after_long_help(train + train::EXAMPLES))
        .mut_subcommand("study", |c| {
            c.mut_subcommand("cuts", |c| {
                let options = help("--set of the study", &CutOptions::default());
                c.after_long_help(format!("{options}\n{}", study::CUTS_EXAMPLES))
            })
        })
        .mut_subcommand("sweep", |c| {
            let training = help("--set, for training", &sweep::training());
            let compression = help("--compress", &Plan::sharing(sweep::CODES));
            c.after_long_help(format!("{training}\n{compression}\n{}", sweep::EXAMPLES))
        })
        .mut_subcommand("compare", |c| c.after_long_help(compare::help()))
        .mut_subcommand("compress", |c| {
            c.after_long_help(methods + compress::EXAMPLES)
        })
}

fn help(title: &str, options: &dyn Options) -> String {
    let list = options.list();
    let texts: Vec<String> = list
        .iter()
        .map(|s| format!("{}={}", s.name, s.value))
        .collect();
    let width = texts.iter().map(String::len).max().unwrap_or(0);
    let lines = texts
        .iter()
        .zip(&list)
        .map(|(text, s)| format!("  {text:width$}  {}\n", s.help));
    format!(
        "Options for {title}, with their defaults:\n{}",
        lines.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Options whose values are written.
    const OUTPUTS: [&str; 3] = ["output", "html", "out"];

    /// What a command must be told beside the option in question; an output that it needs is told too.
    const WORDS: &[(&str, &str)] = &[
        ("compress", "x.safetensors"),
        ("import", "x.onnx"),
        ("pack", "--config tiny"),
        ("study cuts", "x.safetensors"),
        ("synth", "--board hx8k"),
        ("verilog", "--config tiny"),
    ];

    #[test]
    fn the_definition_is_sound() {
        super::command().debug_assert();
    }

    #[test]
    fn every_option_that_names_an_output_is_among_the_files_that_are_written() {
        let mut checked = 0;
        let definition = super::command();
        let mut commands: Vec<(String, &clap::Command)> = definition
            .get_subcommands()
            .map(|command| (command.get_name().to_string(), command))
            .collect();
        while let Some((name, command)) = commands.pop() {
            for inner in command.get_subcommands() {
                commands.push((format!("{name} {}", inner.get_name()), inner));
            }
            for option in command.get_arguments().map(|arg| arg.get_id().as_str()) {
                if !OUTPUTS.contains(&option) {
                    continue;
                }
                let words = WORDS.iter().find(|(of, _)| *of == name);
                let words = words.map_or("", |(_, words)| words);
                let mut line = format!("thresh {name} {words} --{option} written");
                let needs = |arg: &clap::Arg| arg.get_id() == "output" && arg.is_required_set();
                if option != "output" && command.get_arguments().any(needs) {
                    line += " --output other";
                }
                let cli = Cli::try_parse_from(line.split_whitespace());
                let cli = cli.unwrap_or_else(|error| panic!("{line}: {error}"));
                let writes = cli.command.paths().writes();
                let named = writes.iter().any(|path| path.starts_with("written"));
                assert!(named, "{line}: {writes:?}");
                checked += 1;
            }
        }
        assert!(checked >= 14, "only {checked} options");
    }
}
