//! The boards: device, pins, top and target clock, each defined here once.

use crate::{Family, Resource};

/// One board that the engine is built for.
#[derive(Debug)]
pub struct Board {
    /// Name, which is also that of the engine configuration built for it.
    pub name: &'static str,
    /// What it is, in a few words.
    pub doc: &'static str,
    /// Device family.
    pub family: Family,
    /// Device as its maker writes it, package and speed grade included.
    pub device: &'static str,
    /// nextpnr's options for device, package and speed grade, and what helps it there.
    pub nextpnr_args: &'static [&'static str],
    /// Clock that the engine must reach after routing, MHz.
    pub target_mhz: f64,
    /// The board's top in Verilog, module `board_top`.
    pub top: &'static str,
    /// Pin constraints, in the format of the family.
    pub pins: &'static str,
    /// What the device has of each resource.
    pub capacity: &'static [(Resource, u64)],
}

impl Board {
    /// The board called `name`.
    pub fn named(name: &str) -> Option<&'static Board> {
        BOARDS.iter().find(|board| board.name == name)
    }

    /// What the device has of `resource`.
    pub fn capacity(&self, resource: Resource) -> u64 {
        self.capacity
            .iter()
            .find(|(kind, _)| *kind == resource)
            .map_or(0, |(_, count)| *count)
    }
}

const ULX3S_85F: Board = Board {
    name: "ulx3s-85f",
    doc: "ULX3S with the large ECP5: the flagship",
    family: Family::Ecp5,
    device: "LFE5U-85F-6BG381C",
    nextpnr_args: &["--85k", "--package", "CABGA381", "--speed", "6"],
    target_mhz: 65.0,
    top: include_str!("../boards/ulx3s-85f/top.v"),
    pins: include_str!("../boards/ulx3s-85f/pins.lpf"),
    capacity: &[
        (Resource::Lut, 83640),
        (Resource::FlipFlop, 83640),
        (Resource::BlockRam, 208),
        (Resource::Multiplier, 156),
    ],
};

/// Every board.
pub const BOARDS: &[Board] = &[
    Board {
        name: "icebreaker",
        doc: "iCEBreaker, iCE40 UP5K: the cheapest board",
        family: Family::Ice40,
        device: "iCE40UP5K-SG48",
        nextpnr_args: &["--up5k", "--package", "sg48"],
        target_mhz: 16.0,
        top: include_str!("../boards/icebreaker/top.v"),
        pins: include_str!("../boards/icebreaker/pins.pcf"),
        capacity: &[
            (Resource::Lut, 5280),
            (Resource::FlipFlop, 5280),
            (Resource::BlockRam, 30),
            (Resource::Spram, 4),
            (Resource::Multiplier, 8),
        ],
    },
    Board {
        name: "ulx3s-25f",
        doc: "ULX3S with the small ECP5",
        family: Family::Ecp5,
        device: "LFE5U-25F-6BG381C",
        nextpnr_args: &["--25k", "--package", "CABGA381", "--speed", "6"],
        target_mhz: 65.0,
        top: include_str!("../boards/ulx3s-25f/top.v"),
        pins: include_str!("../boards/ulx3s-25f/pins.lpf"),
        capacity: &[
            (Resource::Lut, 24288),
            (Resource::FlipFlop, 24288),
            (Resource::BlockRam, 56),
            (Resource::Multiplier, 28),
        ],
    },
    ULX3S_85F,
    Board {
        name: "ulx3s-85f-32",
        doc: "ULX3S with the large ECP5, twice the PEs with smaller memories",
        // Spread out: routing is what is short with so many PEs.
        nextpnr_args: &[
            "--85k",
            "--package",
            "CABGA381",
            "--speed",
            "6",
            "--placer-heap-beta",
            "0.5",
        ],
        target_mhz: 40.0,
        ..ULX3S_85F
    },
    Board {
        name: "ulx3s-85f-a16",
        doc: "ULX3S with the large ECP5, activations of 16 bits",
        ..ULX3S_85F
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use thresh_regs::Config;

    #[test]
    fn every_board_has_its_configuration_and_its_multipliers() {
        for board in BOARDS {
            let config = Config::named(board.name).expect(board.name);
            assert!(
                config.num_pes as u64 <= board.capacity(Resource::Multiplier),
                "{}",
                board.name
            );
            assert_eq!(
                Board::named(board.name).map(|b| b.device),
                Some(board.device)
            );
        }
    }

    #[test]
    fn every_port_of_a_top_has_a_pin() {
        for board in BOARDS {
            for line in board
                .top
                .lines()
                .filter(|line| line.trim_start().starts_with(['i', 'o']))
            {
                let Some(port) = line.split_whitespace().nth(2) else {
                    continue;
                };
                let port = port.trim_end_matches(',');
                assert!(board.pins.contains(port), "{}: {port}", board.name);
            }
        }
    }
}
