//! The flow: synthesis, fit, place and route with each seed, verdict, bitstream, report.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::family::BITSTREAM;
use crate::place::{self, Placed};
use crate::synth::{self, Synthesis};
use crate::tools::PACK_TIMEOUT;
use crate::{Build, FlowError, Report, Resource, Tools, Top, Usage, Versions};

/// File name of the report in the folder of the flow.
const REPORT: &str = "report.json";

/// How to run the flow.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder for sources, scripts, logs and results; made if it is not there. Files of an earlier run are overwritten.
    pub folder: PathBuf,
    /// Number of seeds to place and route with, from `first_seed` on. At least 1.
    pub seeds: u32,
    /// The first seed.
    pub first_seed: u32,
    /// Clock to demand in place of the build's, MHz.
    pub target_mhz: Option<f64>,
    /// Whether to pack the bitstream of the fastest seed, as `bitstream.bin`.
    pub pack: bool,
    /// Where the tools are.
    pub tools: Tools,
}

impl Options {
    /// One seed, no bitstream, everything kept in `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            seeds: 1,
            first_seed: 1,
            target_mhz: None,
            pack: false,
            tools: Tools::default(),
        }
    }
}

/// Told at the beginning of each step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Steps that are done.
    pub done: u32,
    /// Steps in all.
    pub total: u32,
    /// The step that begins.
    pub doing: String,
}

/// Makes the folder and demands the tools and sensible options, before anything takes time.
fn prepare(build: &Build, options: &Options) -> Result<(), FlowError> {
    options.tools.path("yosys")?;
    let family = build.device.family;
    options.tools.path(family.nextpnr())?;
    options.tools.path(family.pack())?;
    if let Top::Board(_) = build.top {
        options.tools.path(family.pll())?;
    }
    let target = options.target_mhz.unwrap_or(build.target_mhz);
    if !(target.is_finite() && target > 0.0) {
        return Err(FlowError::Option {
            got: format!("a target of {target} MHz"),
            expected: "a positive clock",
        });
    }
    if options.seeds == 0 {
        return Err(FlowError::Option {
            got: "0 seeds".into(),
            expected: "at least 1",
        });
    }
    fs::create_dir_all(&options.folder).map_err(|source| FlowError::Io {
        action: "create",
        path: options.folder.clone(),
        source,
    })
}

/// Runs the whole flow on the Verilog that holds the module `engine`; for a board, `uart_engine` made for the clock of
/// the build, around it.
///
/// The report is also left as `report.json` in the folder, even if timing is missed.
pub fn synthesise(
    build: &'static Build,
    verilog: &str,
    options: &Options,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Report, FlowError> {
    prepare(build, options)?;
    let (folder, tools) = (options.folder.as_path(), &options.tools);
    // What an earlier run left must not pass for the result of this one.
    for stale in [BITSTREAM, REPORT] {
        match fs::remove_file(folder.join(stale)) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(FlowError::Io {
                    action: "remove",
                    path: folder.join(stale),
                    source,
                });
            }
            _ => {}
        }
    }
    let target_mhz = options.target_mhz.unwrap_or(build.target_mhz);
    let total = 1 + options.seeds + u32::from(options.pack);
    let mut done = 0;
    let mut step = |doing: String| {
        progress(&Progress { done, total, doing });
        done += 1;
    };

    step(format!("synthesise for {}", build.device.name));
    let sources = synth::write_sources(build, verilog, target_mhz, tools, folder)?;
    let versions = Versions {
        yosys: tools.version("yosys", folder)?,
        nextpnr: tools.version(build.device.family.nextpnr(), folder)?,
    };
    let synthesis = synth::run(build, &sources, tools, folder)?;
    synth::check_fit(build, &synthesis)?;

    let mut runs = vec![];
    let mut best: Option<Placed> = None;
    for i in 0..options.seeds {
        let seed = options.first_seed.wrapping_add(i);
        step(format!("place and route, seed {seed}"));
        let placed = place::run(build, tools, folder, target_mhz, seed)?;
        runs.push(placed.run.clone());
        if best
            .as_ref()
            .is_none_or(|best| placed.run.fmax_mhz > best.run.fmax_mhz)
        {
            best = Some(placed);
        }
    }
    let Some(best) = best else {
        unreachable!("at least one seed was demanded")
    };

    let mut report = Report {
        name: build.title(),
        config: build.config.into(),
        device: build.device.name.into(),
        versions,
        design_sha256: design_sha256(verilog),
        usage: usage(build, &synthesis, &best.utilisation),
        target_mhz,
        runs,
        critical_path: best.critical_path,
        memories: synthesis.memories,
        blocks: synthesis.blocks,
        synthesis_seconds: synthesis.seconds,
        bitstream_bytes: None,
    };
    if report.meets_timing() && options.pack {
        step("pack the bitstream".into());
        report.bitstream_bytes = Some(pack(build, options, best.run.seed)?);
    }
    report.write(&folder.join(REPORT))?;
    if !report.meets_timing() {
        return Err(FlowError::TimingMissed {
            build: build.name,
            report: Box::new(report),
        });
    }
    Ok(report)
}

/// Packs the routed device of `seed`, and gives the size of the bitstream.
fn pack(build: &Build, options: &Options, seed: u32) -> Result<u64, FlowError> {
    let routed = place::routed(build, seed);
    let family = build.device.family;
    let args = family.pack_args(&routed);
    options.tools.run(
        family.pack(),
        &args,
        &options.folder,
        "pack.log",
        PACK_TIMEOUT,
    )?;
    let file = options.folder.join(BITSTREAM);
    let size = fs::metadata(&file)
        .map_err(|source| FlowError::Io {
            action: "read",
            path: file.clone(),
            source,
        })?
        .len();
    match size {
        0 => Err(FlowError::BadFile {
            file,
            problem: "is empty".into(),
        }),
        size => Ok(size),
    }
}

/// nextpnr's counts, and Yosys' of what nextpnr does not count by itself.
fn usage(
    build: &Build,
    synthesis: &Synthesis,
    utilisation: &BTreeMap<String, (u64, u64)>,
) -> Vec<Usage> {
    let one = |resource| {
        let device = build.device;
        let counted = device
            .family
            .bel(resource)
            .and_then(|bel| utilisation.get(bel));
        let (used, available) = match counted {
            Some(counts) => *counts,
            None => (synthesis.need(device, resource), device.capacity(resource)),
        };
        Usage {
            resource,
            used,
            available,
        }
    };
    Resource::ALL
        .map(one)
        .into_iter()
        .filter(|usage| usage.available > 0)
        .collect()
}

/// What a report knows a design by: the SHA-256 of its Verilog, in hexadecimal digits.
pub fn design_sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
