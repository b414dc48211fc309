//! The devices: what the tools call them, and what they have.

use crate::{Family, Resource};

/// One device, in one package and speed grade.
#[derive(Debug)]
pub struct Device {
    /// Name as its maker writes it, package and speed grade included.
    pub name: &'static str,
    /// Device family.
    pub family: Family,
    /// Yosys' command for it. Why these options: `fpga/README.md`.
    pub synth_command: &'static str,
    /// nextpnr's options for device, package and speed grade.
    pub nextpnr_args: &'static [&'static str],
    /// What it has of each resource.
    pub capacity: &'static [(Resource, u64)],
}

impl Device {
    /// How many of `resource` it has.
    pub fn capacity(&self, resource: Resource) -> u64 {
        self.capacity
            .iter()
            .find(|(kind, _)| *kind == resource)
            .map_or(0, |(_, count)| *count)
    }
}

const fn ecp5(
    name: &'static str,
    nextpnr_args: &'static [&'static str],
    capacity: &'static [(Resource, u64)],
) -> Device {
    Device {
        name,
        family: Family::Ecp5,
        synth_command: "synth_ecp5",
        nextpnr_args,
        capacity,
    }
}

const SMALL: &[(Resource, u64)] = &[
    (Resource::Lut, 24288),
    (Resource::FlipFlop, 24288),
    (Resource::BlockRam, 56),
    (Resource::Multiplier, 28),
];
const LARGE: &[(Resource, u64)] = &[
    (Resource::Lut, 83640),
    (Resource::FlipFlop, 83640),
    (Resource::BlockRam, 208),
    (Resource::Multiplier, 156),
];

/// iCE40 UltraPlus, QFN of 48 pins.
pub static UP5K: Device = Device {
    name: "iCE40UP5K-SG48",
    family: Family::Ice40,
    synth_command: "synth_ice40 -device u -dsp -spram",
    nextpnr_args: &["--up5k", "--package", "sg48"],
    capacity: &[
        (Resource::Lut, 5280),
        (Resource::FlipFlop, 5280),
        (Resource::BlockRam, 30),
        (Resource::Spram, 4),
        (Resource::Multiplier, 8),
    ],
};

/// iCE40 HX, which has no multipliers.
pub static HX8K: Device = Device {
    name: "iCE40HX8K-CT256",
    family: Family::Ice40,
    synth_command: "synth_ice40 -device hx",
    nextpnr_args: &["--hx8k", "--package", "ct256"],
    capacity: &[
        (Resource::Lut, 7680),
        (Resource::FlipFlop, 7680),
        (Resource::BlockRam, 32),
    ],
};

/// ECP5-25F of the ULX3S.
pub static LFE5U_25F_6: Device = ecp5(
    "LFE5U-25F-6BG381C",
    &["--25k", "--package", "CABGA381", "--speed", "6"],
    SMALL,
);

/// ECP5-25F of the OrangeCrab.
pub static LFE5U_25F_8: Device = ecp5(
    "LFE5U-25F-8MG285C",
    &["--25k", "--package", "CSFBGA285", "--speed", "8"],
    SMALL,
);

/// ECP5-85F of the ULX3S.
pub static LFE5U_85F_6: Device = ecp5(
    "LFE5U-85F-6BG381C",
    &["--85k", "--package", "CABGA381", "--speed", "6"],
    LARGE,
);

/// ECP5-5G-85F of the ECPIX-5.
pub static LFE5UM5G_85F_8: Device = ecp5(
    "LFE5UM5G-85F-8BG554I",
    &["--um5g-85k", "--package", "CABGA554", "--speed", "8"],
    LARGE,
);

/// ECP5-5G-45F of the Versa board.
pub static LFE5UM5G_45F_8: Device = ecp5(
    "LFE5UM5G-45F-8BG381C",
    &["--um5g-45k", "--package", "CABGA381", "--speed", "8"],
    &[
        (Resource::Lut, 43848),
        (Resource::FlipFlop, 43848),
        (Resource::BlockRam, 108),
        (Resource::Multiplier, 72),
    ],
);
