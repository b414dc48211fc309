//! What a flow measured, and its file under `fpga/results`.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::tools::{read_json, write};
use crate::{Block, CriticalPath, FlowError, Home, Memory, Resource, Run};

/// All that one flow measured. The resources and the critical path are those of the fastest seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was built: a configuration for its engine alone, or `board-` and a board; names the file.
    pub name: String,
    /// Engine configuration.
    pub config: String,
    /// Device with package and speed grade.
    pub device: String,
    /// The tools used.
    pub versions: Versions,
    /// SHA-256 of the engine's Verilog, in hex.
    pub design_sha256: String,
    /// Use of each resource of the device.
    pub usage: Vec<Usage>,
    /// Clock that was asked for, MHz.
    pub target_mhz: f64,
    /// Every seed that was tried, in that order.
    pub runs: Vec<Run>,
    /// Slowest path of the fastest seed.
    pub critical_path: CriticalPath,
    /// Every memory of the sources and where it went.
    pub memories: Vec<Memory>,
    /// What each block takes, largest first.
    pub blocks: Vec<Block>,
    /// Seconds of synthesis.
    pub synthesis_seconds: f64,
    /// Size of the packed bitstream; none if it was not packed.
    pub bitstream_bytes: Option<u64>,
}

/// Versions, as the tools give them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// Yosys.
    pub yosys: String,
    /// nextpnr.
    pub nextpnr: String,
}

/// Use of one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Which.
    pub resource: Resource,
    /// How many are used after packing.
    pub used: u64,
    /// How many the device has.
    pub available: u64,
}

impl Report {
    /// How many of `resource` are used.
    pub fn used(&self, resource: Resource) -> u64 {
        self.usage
            .iter()
            .find(|usage| usage.resource == resource)
            .map_or(0, |usage| usage.used)
    }

    /// The fastest run.
    pub fn best(&self) -> Option<&Run> {
        self.runs
            .iter()
            .max_by(|a, b| a.fmax_mhz.total_cmp(&b.fmax_mhz))
    }

    /// Fmax of the slowest seed, MHz.
    pub fn fmax_min(&self) -> f64 {
        self.sorted_fmax().first().copied().unwrap_or(0.0)
    }

    /// Median of Fmax over the seeds, MHz; of an even number, the mean of the two in the middle.
    pub fn fmax_median(&self) -> f64 {
        let sorted = self.sorted_fmax();
        match sorted.len() {
            0 => 0.0,
            n if n % 2 == 1 => sorted[n / 2],
            n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
        }
    }

    /// Fmax of the fastest seed, whose bitstream is packed, MHz.
    pub fn fmax_max(&self) -> f64 {
        self.sorted_fmax().last().copied().unwrap_or(0.0)
    }

    /// Whether the fastest seed meets the target.
    pub fn meets_timing(&self) -> bool {
        self.fmax_max() >= self.target_mhz
    }

    /// Memories that became flip-flops.
    pub fn memories_in_flip_flops(&self) -> Vec<&Memory> {
        self.memories
            .iter()
            .filter(|memory| memory.home == Home::FlipFlops)
            .collect()
    }

    /// Writes the report to `<folder>/<name>.json`, and gives that path.
    pub fn save(&self, folder: &Path) -> Result<PathBuf, FlowError> {
        fs::create_dir_all(folder).map_err(|source| FlowError::Io {
            action: "create",
            path: folder.into(),
            source,
        })?;
        let path = folder.join(format!("{}.json", self.name));
        self.write(&path)?;
        Ok(path)
    }

    /// Reads a report.
    pub fn load(path: &Path) -> Result<Self, FlowError> {
        read_json(path)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), FlowError> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| FlowError::BadFile {
            file: path.into(),
            problem: format!("cannot be made: {error}"),
        })?;
        text.push('\n');
        write(path, &text)
    }

    fn sorted_fmax(&self) -> Vec<f64> {
        let mut all: Vec<f64> = self.runs.iter().map(|run| run.fmax_mhz).collect();
        all.sort_by(f64::total_cmp);
        all
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report with three seeds.
    pub(crate) fn sample() -> Report {
        let run = |seed, fmax_mhz| Run {
            seed,
            fmax_mhz,
            seconds: 2.0,
        };
        let memory = |name: &str, home| Memory {
            name: name.into(),
            words: 16384,
            width: 16,
            home,
        };
        Report {
            name: "icebreaker".into(),
            config: "icebreaker".into(),
            device: "iCE40UP5K-SG48".into(),
            versions: Versions {
                yosys: "Yosys 1.0".into(),
                nextpnr: "nextpnr-1.0".into(),
            },
            design_sha256: "00".into(),
            usage: vec![
                Usage {
                    resource: Resource::Lut,
                    used: 2000,
                    available: 5280,
                },
                Usage {
                    resource: Resource::Spram,
                    used: 4,
                    available: 4,
                },
                Usage {
                    resource: Resource::Multiplier,
                    used: 4,
                    available: 8,
                },
            ],
            target_mhz: 16.0,
            runs: vec![run(1, 18.0), run(2, 15.0), run(3, 21.0), run(4, 20.0)],
            critical_path: CriticalPath {
                from: "a".into(),
                to: "b".into(),
                through: vec!["c".into()],
                levels: 3,
                logic_ns: 30.0,
                routing_ns: 17.5,
            },
            memories: (0..4)
                .map(|i| memory(&format!("engine.pe{i}.store"), Home::Spram))
                .collect(),
            blocks: vec![],
            synthesis_seconds: 5.0,
            bitstream_bytes: None,
        }
    }

    #[test]
    fn fmax_is_told_over_all_seeds() {
        let mut report = sample();
        assert_eq!(
            (report.fmax_min(), report.fmax_median(), report.fmax_max()),
            (15.0, 19.0, 21.0)
        );
        assert_eq!(report.best().map(|run| run.seed), Some(3));
        report.runs.pop();
        assert_eq!(report.fmax_median(), 18.0);
        report.target_mhz = 21.5;
        assert!(!report.meets_timing());
    }

    #[test]
    fn a_saved_report_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = sample().save(folder.path()).unwrap();
        assert_eq!(path.file_name().unwrap(), "icebreaker.json");
        assert_eq!(Report::load(&path).unwrap(), sample());
        fs::write(&path, "{}").unwrap();
        let error = Report::load(&path).unwrap_err().to_string();
        assert!(error.contains("icebreaker.json"), "{error}");
    }
}
