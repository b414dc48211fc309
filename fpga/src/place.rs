//! The nextpnr step: one run per seed, read from its JSON report.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::synth::NETLIST;
use crate::tools::{NEXTPNR_TIMEOUT, read_json, thousandths};
use crate::{Build, FlowError, Tools, Top};

/// What one seed gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The seed.
    pub seed: u32,
    /// Highest clock after routing, MHz.
    pub fmax_mhz: f64,
    /// How long it took.
    pub seconds: f64,
}

/// The slowest path between two registers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CriticalPath {
    /// Where it begins, by the name in the sources where that is known.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// Signals on the way, in order.
    pub through: Vec<String>,
    /// LUTs, carry cells and the like that it passes.
    pub levels: u32,
    /// Nanoseconds in cells, set-up time included.
    pub logic_ns: f64,
    /// Nanoseconds in wires.
    pub routing_ns: f64,
}

impl fmt::Display for CriticalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            from,
            to,
            levels,
            logic_ns,
            routing_ns,
            ..
        } = self;
        write!(
            f,
            "{from} -> {to}: {levels} levels, {logic_ns:.1} ns logic + {routing_ns:.1} ns routing"
        )?;
        if !self.through.is_empty() {
            write!(f, ", through {}", self.through.join(", "))?;
        }
        Ok(())
    }
}

/// A run and all that its report says.
pub(crate) struct Placed {
    pub run: Run,
    pub critical_path: CriticalPath,
    /// Used and available, by nextpnr's names.
    pub utilisation: BTreeMap<String, (u64, u64)>,
}

#[derive(Deserialize)]
struct File {
    fmax: BTreeMap<String, Fmax>,
    critical_paths: Vec<Path_>,
    utilization: BTreeMap<String, Utilisation>,
}

#[derive(Deserialize)]
struct Fmax {
    achieved: f64,
}

#[derive(Deserialize)]
struct Utilisation {
    used: u64,
    available: u64,
}

#[derive(Deserialize)]
struct Path_ {
    from: String,
    to: String,
    path: Vec<Segment>,
}

#[derive(Deserialize)]
struct Segment {
    #[serde(rename = "type")]
    kind: String,
    delay: f64,
    from: End,
    to: End,
    net: Option<String>,
}

#[derive(Deserialize)]
struct End {
    cell: String,
}

/// Places and routes the netlist in `folder` with `seed`. Missed timing is for the caller to judge.
pub(crate) fn run(
    build: &Build,
    tools: &Tools,
    folder: &Path,
    mhz: f64,
    seed: u32,
) -> Result<Placed, FlowError> {
    let (freq, seed_text) = (mhz.to_string(), seed.to_string());
    let report = format!("timing_seed{seed}.json");
    let log = format!("nextpnr_seed{seed}.log");
    let device = build.device;
    let mut args = [device.nextpnr_args, build.nextpnr_args].concat();
    args.extend([
        "--json", NETLIST, "--freq", &freq, "--seed", &seed_text, "--report", &report,
    ]);
    // The verdict on timing is ours, so that it comes with all that was measured.
    args.push("--timing-allow-fail");
    let routed = routed(build, seed);
    let [(read, pins), (write, _)] = device.family.nextpnr_files();
    match build.top {
        Top::Measure => args.extend(device.family.free_pins()),
        Top::Board(_) => args.extend([read, pins]),
    }
    args.extend([write, &routed]);
    let seconds = tools.run(
        device.family.nextpnr(),
        &args,
        folder,
        &log,
        NEXTPNR_TIMEOUT,
    )?;
    let path = folder.join(&report);
    parse(read_json(&path)?, seed, seconds).map_err(|problem| FlowError::BadFile {
        file: path,
        problem,
    })
}

/// File name of the routed device of `seed`.
pub(crate) fn routed(build: &Build, seed: u32) -> String {
    format!("seed{seed}_{}", build.device.family.nextpnr_files()[1].1)
}

fn parse(file: File, seed: u32, seconds: f64) -> Result<Placed, String> {
    let [(clock, fmax)] = file.fmax.iter().collect::<Vec<_>>()[..] else {
        return Err(format!(
            "speaks of {} clocks, the tops have one",
            file.fmax.len()
        ));
    };
    let edge = format!("posedge {clock}");
    let delay = |path: &&Path_| path.path.iter().map(|segment| segment.delay).sum::<f64>();
    let inside = file
        .critical_paths
        .iter()
        .filter(|path| path.from == edge && path.to == edge);
    let slowest = inside
        .max_by(|a, b| delay(a).total_cmp(&delay(b)))
        .ok_or("has no path between registers")?;
    if !(fmax.achieved.is_finite() && fmax.achieved > 0.0) {
        return Err(format!("gives an Fmax of {}", fmax.achieved));
    }
    Ok(Placed {
        run: Run {
            seed,
            fmax_mhz: thousandths(fmax.achieved),
            seconds,
        },
        critical_path: describe(&slowest.path).ok_or("has an empty critical path")?,
        utilisation: file
            .utilization
            .into_iter()
            .map(|(name, u)| (name, (u.used, u.available)))
            .collect(),
    })
}

fn describe(path: &[Segment]) -> Option<CriticalPath> {
    let (first, last) = (path.first()?, path.last()?);
    let (from, to) = (readable(&first.from.cell), readable(&last.to.cell));
    let mut through: Vec<String> = path
        .iter()
        .filter_map(|segment| segment.net.as_deref())
        .map(readable)
        .collect();
    through.dedup();
    through.retain(|name| *name != from && *name != to);
    let sum = |routing| {
        path.iter()
            .filter(|s| (s.kind == "routing") == routing)
            .map(|s| s.delay)
            .sum()
    };
    Some(CriticalPath {
        from,
        to,
        through,
        levels: path
            .iter()
            .filter(|segment| segment.kind == "logic")
            .count() as u32,
        logic_ns: thousandths(sum(false)),
        routing_ns: thousandths(sum(true)),
    })
}

/// The name of the sources in a name that Yosys made longer: it appends `_TYPE_PORT` for each cell between.
fn readable(name: &str) -> String {
    const CELLS: [&str; 8] = [
        "_SB_",
        "_TRELLIS_",
        "_LUT4_",
        "_CCU2C_",
        "_PFUMX_",
        "_L6MUX21_",
        "_MULT18X18D_",
        "_DP16KD_",
    ];
    let end = CELLS.iter().filter_map(|cell| name.find(cell)).min();
    name[..end.unwrap_or(name.len())].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{
      "fmax": {"clk": {"achieved": 77.04, "constraint": 65}},
      "utilization": {"DP16KD": {"used": 3, "available": 56}},
      "critical_paths": [
        {"from": "<async>", "to": "posedge clk", "path": [
          {"type": "source", "delay": 90.0, "from": {"cell": "pin"}, "to": {"cell": "pin"}}]},
        {"from": "posedge clk", "to": "posedge clk", "path": [
          {"type": "clk-to-q", "delay": 5.5, "from": {"cell": "engine.ram.0.0"}, "to": {"cell": "engine.ram.0.0"}},
          {"type": "routing", "delay": 1.25, "net": "engine.old[3]", "from": {"cell": "a"}, "to": {"cell": "b"}},
          {"type": "logic", "delay": 0.25, "from": {"cell": "b"}, "to": {"cell": "b"}},
          {"type": "routing", "delay": 0.5, "net": "engine.sum_TRELLIS_FF_Q_3_DI", "from": {"cell": "b"},
           "to": {"cell": "engine.sum_TRELLIS_FF_Q_3"}},
          {"type": "setup", "delay": 0.0, "from": {"cell": "engine.sum_TRELLIS_FF_Q_3"},
           "to": {"cell": "engine.sum_TRELLIS_FF_Q_3"}}]}]}"#;

    #[test]
    fn the_path_between_registers_is_told_in_names_of_the_sources() {
        let placed = parse(serde_json::from_str(REPORT).unwrap(), 7, 1.0)
            .ok()
            .unwrap();
        assert_eq!(
            placed.run,
            Run {
                seed: 7,
                fmax_mhz: 77.04,
                seconds: 1.0
            }
        );
        assert_eq!(placed.utilisation["DP16KD"], (3, 56));
        let text = placed.critical_path.to_string();
        let expected = "engine.ram.0.0 -> engine.sum: 1 levels, 5.8 ns logic + 1.8 ns routing, through engine.old[3]";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_report_without_a_clock_is_refused() {
        let text = REPORT.replace(r#""clk": {"achieved": 77.04, "constraint": 65}"#, "");
        assert!(parse(serde_json::from_str(&text).unwrap(), 1, 1.0).is_err());
        let text = REPORT.replace("77.04", "0.0");
        assert!(parse(serde_json::from_str(&text).unwrap(), 1, 1.0).is_err());
        let text = REPORT.replace(r#""from": "posedge clk""#, r#""from": "<async>""#);
        assert!(parse(serde_json::from_str(&text).unwrap(), 1, 1.0).is_err());
    }
}
