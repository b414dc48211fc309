//! What differs between the device families: commands, cell names, file endings.

use serde::{Deserialize, Serialize};

/// A device family, hence a nextpnr program and a set of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Family {
    /// Lattice ECP5.
    Ecp5,
    /// Lattice iCE40, the HX and the UltraPlus ones.
    Ice40,
}

/// A kind of resource that a device has a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resource {
    /// Look-up table of four inputs: TRELLIS_COMB on ECP5, ICESTORM_LC on iCE40 (where it comes with a flip-flop).
    Lut,
    /// Flip-flop.
    FlipFlop,
    /// Block RAM: DP16KD (18 kbit) on ECP5, SB_RAM40_4K (4 kbit) on iCE40.
    BlockRam,
    /// Single-port RAM of 256 kbit, iCE40 UltraPlus only.
    Spram,
    /// Multiplier: MULT18X18D on ECP5, SB_MAC16 on iCE40.
    Multiplier,
}

impl Family {
    /// The place-and-route program.
    pub(crate) fn nextpnr(self) -> &'static str {
        match self {
            Family::Ecp5 => "nextpnr-ecp5",
            Family::Ice40 => "nextpnr-ice40",
        }
    }

    /// nextpnr's options, each with its file: the constraints to read and the routed device to write.
    pub(crate) fn nextpnr_files(self) -> [(&'static str, &'static str); 2] {
        match self {
            Family::Ecp5 => [("--lpf", "pins.lpf"), ("--textcfg", "routed.config")],
            Family::Ice40 => [("--pcf", "pins.pcf"), ("--asc", "routed.asc")],
        }
    }

    /// The program that packs a bitstream.
    pub(crate) fn pack(self) -> &'static str {
        match self {
            Family::Ecp5 => "ecppack",
            Family::Ice40 => "icepack",
        }
    }

    /// The packer's arguments for the routed device in the file `routed`.
    pub(crate) fn pack_args(self, routed: &str) -> Vec<&str> {
        match self {
            Family::Ecp5 => vec!["--compress", "--input", routed, "--bit", BITSTREAM],
            Family::Ice40 => vec![routed, BITSTREAM],
        }
    }

    /// nextpnr's options that let it choose pins.
    pub(crate) fn free_pins(self) -> &'static [&'static str] {
        match self {
            Family::Ecp5 => &["--lpf-allow-unconstrained"],
            Family::Ice40 => &["--pcf-allow-unconstrained"],
        }
    }

    /// The program that finds the dividers of a PLL.
    pub(crate) fn pll(self) -> &'static str {
        match self {
            Family::Ecp5 => "ecppll",
            Family::Ice40 => "icepll",
        }
    }

    /// Its arguments to make the module `pll` in `file` for these clocks, in MHz, with the ports `clock_in`, `clock_out`, `locked`.
    pub(crate) fn pll_args<'a>(self, from: &'a str, to: &'a str, file: &'a str) -> Vec<&'a str> {
        let common = ["-n", "pll", "-i", from, "-o", to, "-f", file];
        let own: &[&str] = match self {
            Family::Ecp5 => &["--clkin_name", "clock_in", "--clkout0_name", "clock_out"],
            Family::Ice40 => &["-m"],
        };
        [&common, own].concat()
    }

    /// What stands in the line of its output that tells the clock reached, just before the number or after ` MHz`.
    pub(crate) fn pll_clock_mark(self) -> &'static str {
        match self {
            Family::Ecp5 => "clkout0 frequency:",
            Family::Ice40 => "(achieved)",
        }
    }

    /// Name of the family's folder in Yosys' share folder.
    pub(crate) fn share(self) -> &'static str {
        match self {
            Family::Ecp5 => "ecp5",
            Family::Ice40 => "ice40",
        }
    }

    /// nextpnr's name of a resource, where it counts it by itself.
    pub(crate) fn bel(self, resource: Resource) -> Option<&'static str> {
        match (self, resource) {
            (Family::Ecp5, Resource::Lut) => Some("TRELLIS_COMB"),
            (Family::Ecp5, Resource::FlipFlop) => Some("TRELLIS_FF"),
            (Family::Ecp5, Resource::BlockRam) => Some("DP16KD"),
            (Family::Ecp5, Resource::Multiplier) => Some("MULT18X18D"),
            (Family::Ice40, Resource::Lut) => Some("ICESTORM_LC"),
            (Family::Ice40, Resource::BlockRam) => Some("ICESTORM_RAM"),
            (Family::Ice40, Resource::Spram) => Some("ICESTORM_SPRAM"),
            (Family::Ice40, Resource::Multiplier) => Some("ICESTORM_DSP"),
            (Family::Ice40, Resource::FlipFlop) | (Family::Ecp5, Resource::Spram) => None,
        }
    }

    /// What one cell of Yosys' netlist takes: the resource and how many of it at least.
    pub(crate) fn cost(self, cell: &str) -> Option<(Resource, u64)> {
        match (self, cell) {
            (Family::Ecp5, "LUT4") => Some((Resource::Lut, 1)),
            (Family::Ecp5, "CCU2C") => Some((Resource::Lut, 2)),
            (Family::Ecp5, "TRELLIS_DPR16X4") => Some((Resource::Lut, 4)),
            (Family::Ecp5, "TRELLIS_FF") => Some((Resource::FlipFlop, 1)),
            (Family::Ecp5, "DP16KD" | "PDPW16KD") => Some((Resource::BlockRam, 1)),
            (Family::Ecp5, "MULT18X18D") => Some((Resource::Multiplier, 1)),
            (Family::Ice40, "SB_LUT4") => Some((Resource::Lut, 1)),
            (Family::Ice40, "SB_SPRAM256KA") => Some((Resource::Spram, 1)),
            (Family::Ice40, "SB_MAC16") => Some((Resource::Multiplier, 1)),
            (Family::Ice40, cell) if cell.starts_with("SB_DFF") => Some((Resource::FlipFlop, 1)),
            (Family::Ice40, cell) if cell.starts_with("SB_RAM40_4K") => {
                Some((Resource::BlockRam, 1))
            }
            _ => None,
        }
    }
}

/// File name of the packed bitstream in the folder of the flow.
pub const BITSTREAM: &str = "bitstream.bin";

impl Resource {
    /// Every resource, in the order of tables.
    pub const ALL: [Resource; 5] = [
        Resource::Lut,
        Resource::FlipFlop,
        Resource::BlockRam,
        Resource::Spram,
        Resource::Multiplier,
    ];

    /// Name in a table.
    pub fn name(self) -> &'static str {
        match self {
            Resource::Lut => "LUTs",
            Resource::FlipFlop => "flip-flops",
            Resource::BlockRam => "block RAMs",
            Resource::Spram => "SPRAMs",
            Resource::Multiplier => "multipliers",
        }
    }
}
