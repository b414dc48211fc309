//! What the flow builds: engines alone, to measure them, and boards. Each is defined here once.

use crate::Device;
use crate::device::{
    HX8K, LFE5U_25F_6, LFE5U_25F_8, LFE5U_85F_6, LFE5UM5G_45F_8, LFE5UM5G_85F_8, UP5K,
};
use thresh_regs::{Config, WeightStore};

/// An engine in a top, for a device.
#[derive(Debug)]
pub struct Build {
    /// Name: that of the configuration for an engine alone, else that of the board.
    pub name: &'static str,
    /// What it is, in a few words.
    pub doc: &'static str,
    /// Name of the engine configuration.
    pub config: &'static str,
    /// What it is built for.
    pub device: &'static Device,
    /// Options of nextpnr beyond those of the device.
    pub nextpnr_args: &'static [&'static str],
    /// Clock that must be reached after routing, MHz; the clock of a board.
    pub target_mhz: f64,
    /// What stands around the engine.
    pub top: Top,
}

/// What stands around the engine.
#[derive(Debug)]
pub enum Top {
    /// Registers: only paths of the engine count, and pins are wherever the placer puts them.
    Measure,
    /// PLL, serial bridge and pins of a board.
    Board(Board),
}

/// What a board has around its device.
#[derive(Debug)]
pub struct Board {
    /// Its oscillator, MHz.
    pub oscillator_mhz: f64,
    /// Arguments of the PLL's calculator beyond those of the family.
    pub pll_args: &'static [&'static str],
    /// Where `clk`, `rx` and `tx` are, in the format of the family.
    pub pins: &'static str,
    /// Options by which openFPGALoader knows it.
    pub loader: &'static [&'static str],
}

impl Build {
    /// The build that measures the engine of the configuration `name`.
    pub fn measuring(name: &str) -> Option<&'static Build> {
        MEASURED.iter().find(|build| build.name == name)
    }

    /// The build of the board called `name`.
    pub fn board(name: &str) -> Option<&'static Build> {
        BOARDS.iter().find(|build| build.name == name)
    }

    /// The engine alone, for the same device, that computes hashed weights as it runs; none if no configuration does.
    pub fn hashing(&self) -> Option<&'static Build> {
        let hashes = |build: &&Build| {
            let config = Config::named(build.config);
            build.device.name == self.device.name
                && config.is_some_and(|config| config.store == WeightStore::Hashed)
        };
        MEASURED.iter().find(hashes)
    }

    /// What it is called in messages and file names: boards and engines share names.
    pub fn title(&self) -> String {
        match self.top {
            Top::Measure => self.name.to_owned(),
            Top::Board(_) => format!("board-{}", self.name),
        }
    }
}

const fn measured(config: &'static str, device: &'static Device, target_mhz: f64) -> Build {
    Build {
        name: config,
        doc: "the engine alone",
        config,
        device,
        nextpnr_args: &[],
        target_mhz,
        top: Top::Measure,
    }
}

/// Engines alone, one for each configuration that is synthesised.
pub static MEASURED: &[Build] = &[
    measured("icebreaker", &UP5K, 16.0),
    measured("hx8k", &HX8K, 30.0),
    measured("ulx3s-25f", &LFE5U_25F_6, 65.0),
    measured("versa-45f", &LFE5UM5G_45F_8, 65.0),
    measured("ulx3s-85f", &LFE5U_85F_6, 65.0),
    Build {
        // Spread out: routing is what is short with so many PEs.
        nextpnr_args: &["--placer-heap-beta", "0.5"],
        ..measured("ulx3s-85f-32", &LFE5U_85F_6, 40.0)
    },
    measured("ulx3s-85f-a16", &LFE5U_85F_6, 65.0),
    measured("ulx3s-85f-hashed", &LFE5U_85F_6, 65.0),
];

const ULX3S: Board = Board {
    oscillator_mhz: 25.0,
    pll_args: &[],
    pins: include_str!("../boards/ulx3s.lpf"),
    loader: &["--board", "ulx3s"],
};

/// Every board.
pub static BOARDS: &[Build] = &[
    Build {
        name: "icebreaker",
        doc: "iCEBreaker: iCE40 UP5K, the cheapest board",
        config: "icebreaker",
        device: &UP5K,
        nextpnr_args: &[],
        target_mhz: 30.0,
        top: Top::Board(Board {
            oscillator_mhz: 12.0,
            // Its oscillator is at the pad that belongs to the PLL, from which no other way leads there.
            pll_args: &["-p"],
            pins: include_str!("../boards/icebreaker.pcf"),
            loader: &["--board", "ice40_generic"],
        }),
    },
    Build {
        name: "hx8k",
        doc: "iCE40-HX8K breakout board, no multipliers",
        config: "hx8k",
        device: &HX8K,
        nextpnr_args: &[],
        target_mhz: 66.0,
        top: Top::Board(Board {
            oscillator_mhz: 12.0,
            pll_args: &[],
            pins: include_str!("../boards/hx8k.pcf"),
            loader: &["--board", "ice40_generic"],
        }),
    },
    Build {
        name: "ulx3s-25f",
        doc: "ULX3S with the small ECP5",
        config: "ulx3s-25f",
        device: &LFE5U_25F_6,
        nextpnr_args: &[],
        target_mhz: 75.0,
        top: Top::Board(ULX3S),
    },
    Build {
        name: "ulx3s-85f",
        doc: "ULX3S with the large ECP5",
        config: "ulx3s-85f",
        device: &LFE5U_85F_6,
        nextpnr_args: &[],
        target_mhz: 65.0,
        top: Top::Board(ULX3S),
    },
    Build {
        name: "orangecrab",
        doc: "OrangeCrab r0.2 with the ECP5-25F, serial line on its header",
        config: "ulx3s-25f",
        device: &LFE5U_25F_8,
        nextpnr_args: &[],
        target_mhz: 90.0,
        top: Top::Board(Board {
            oscillator_mhz: 48.0,
            pll_args: &[],
            pins: include_str!("../boards/orangecrab.lpf"),
            loader: &["--board", "orangeCrab"],
        }),
    },
    Build {
        name: "ecpix5",
        doc: "ECPIX-5 with the ECP5-5G-85F",
        config: "ulx3s-85f",
        device: &LFE5UM5G_85F_8,
        nextpnr_args: &[],
        target_mhz: 75.0,
        top: Top::Board(Board {
            oscillator_mhz: 100.0,
            pll_args: &[],
            pins: include_str!("../boards/ecpix5.lpf"),
            loader: &["--board", "ecpix5"],
        }),
    },
    Build {
        name: "versa-45f",
        doc: "ECP5 Versa with the ECP5-5G-45F; no open PHY for its PCIe edge",
        config: "versa-45f",
        device: &LFE5UM5G_45F_8,
        nextpnr_args: &[],
        target_mhz: 75.0,
        top: Top::Board(Board {
            oscillator_mhz: 100.0,
            pll_args: &[],
            pins: include_str!("../boards/versa-45f.lpf"),
            loader: &["--cable", "ft2232"],
        }),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Resource;
    use thresh_regs::Config;

    #[test]
    fn every_build_has_its_configuration_and_its_multipliers() {
        for build in MEASURED.iter().chain(BOARDS) {
            let config = Config::named(build.config).expect(build.name);
            let multipliers = build.device.capacity(Resource::Multiplier);
            assert!(
                multipliers == 0 || config.num_pes as u64 <= multipliers,
                "{}",
                build.name
            );
        }
    }

    #[test]
    fn names_are_unique() {
        for (i, build) in BOARDS.iter().enumerate() {
            assert!(std::ptr::eq(Build::board(build.name).unwrap(), &BOARDS[i]));
        }
        for (i, build) in MEASURED.iter().enumerate() {
            assert!(std::ptr::eq(
                Build::measuring(build.name).unwrap(),
                &MEASURED[i]
            ));
            assert_eq!(build.name, build.config);
        }
    }

    #[test]
    fn every_port_of_the_top_has_one_pin() {
        for build in BOARDS {
            let Top::Board(board) = &build.top else {
                panic!("{} is no board", build.name)
            };
            for port in ["clk", "rx", "tx"] {
                let placed = [
                    format!("set_io {port} "),
                    format!("LOCATE COMP \"{port}\" SITE "),
                ];
                let pins: usize = placed
                    .iter()
                    .map(|line| board.pins.matches(line.as_str()).count())
                    .sum();
                assert_eq!(pins, 1, "{}: {port}", build.name);
            }
        }
    }
}
