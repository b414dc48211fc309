//! What a bitstream says of the device that it is for.

use crate::{Build, Device, Family};

/// A bitstream, by its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bitstream {
    /// The family of the device.
    pub family: Family,
    /// The device: its IDCODE for an ECP5, width and height of its configuration for an iCE40; none if the header does not
    /// say it.
    pub part: Option<u32>,
}

/// Bytes before the first command, comments included, at most.
const HEADER: usize = 1 << 12;

/// What ends the comments of an ECP5's.
const ECP5_PREAMBLE: [u8; 4] = [0xff, 0xff, 0xbd, 0xb3];

/// What ends those of an iCE40's.
const ICE40_PREAMBLE: [u8; 4] = [0x7e, 0xaa, 0x99, 0x7e];

/// The command that checks the IDCODE of an ECP5, with its operands; the IDCODE follows.
const VERIFY_ID: [u8; 4] = [0xe2, 0, 0, 0];

/// Parts, their IDCODEs as the maker's data sheet gives them, and what tells the sizes of iCE40s apart.
const PARTS: [(&str, u32); 12] = [
    ("LFE5U-12F", 0x2111_1043),
    ("LFE5U-25F", 0x4111_1043),
    ("LFE5U-45F", 0x4111_2043),
    ("LFE5U-85F", 0x4111_3043),
    ("LFE5UM-25F", 0x0111_1043),
    ("LFE5UM-45F", 0x0111_2043),
    ("LFE5UM-85F", 0x0111_3043),
    ("LFE5UM5G-25F", 0x8111_1043),
    ("LFE5UM5G-45F", 0x8111_2043),
    ("LFE5UM5G-85F", 0x8111_3043),
    ("iCE40UP5K", ice40(692, 336)),
    ("iCE40HX8K", ice40(872, 272)),
];

const fn ice40(width: u32, height: u32) -> u32 {
    width << 16 | height
}

impl Bitstream {
    /// What `bytes` begin with; none if that is no bitstream of an ECP5 or an iCE40.
    pub fn of(bytes: &[u8]) -> Option<Bitstream> {
        let header = &bytes[..bytes.len().min(HEADER)];
        let behind = |mark: [u8; 4]| {
            let at = header.windows(4).position(|part| part == mark)?;
            Some(&header[at + 4..])
        };
        // Comments are text between these bytes.
        let comments = header.starts_with(&[0xff, 0x00]);
        if let Some(commands) =
            behind(ECP5_PREAMBLE).filter(|_| comments || header.starts_with(&[0xff]))
        {
            let part = commands
                .windows(VERIFY_ID.len() + 4)
                .find(|part| part.starts_with(&VERIFY_ID))
                .map(|part| u32::from_be_bytes([part[4], part[5], part[6], part[7]]));
            return Some(Bitstream {
                family: Family::Ecp5,
                part,
            });
        }
        let at_once = header.starts_with(&ICE40_PREAMBLE);
        let commands = behind(ICE40_PREAMBLE).filter(|_| comments || at_once)?;
        Some(Bitstream {
            family: Family::Ice40,
            part: ice40_size(commands),
        })
    }

    /// The name of the device, as its maker writes it without package and speed grade.
    pub fn name(&self) -> String {
        let known = PARTS.iter().find(|(_, part)| Some(*part) == self.part);
        match (known, self.family, self.part) {
            (Some((name, _)), ..) => name.to_string(),
            (None, Family::Ecp5, Some(id)) => format!("an ECP5 with the IDCODE {id:#010x}"),
            (None, Family::Ecp5, None) => "an ECP5".into(),
            (None, Family::Ice40, _) => "another iCE40".into(),
        }
    }

    /// Whether it is for `device`, as far as it says.
    pub fn fits(&self, device: &Device) -> bool {
        let named = |(name, _): &&(&str, u32)| is_part(device.name, name);
        let part = PARTS.iter().find(named).map(|(_, part)| *part);
        self.family == device.family && (self.part.is_none() || self.part == part)
    }

    /// Boards that it is for, by name.
    pub fn boards(&self, boards: &'static [Build]) -> Vec<&'static str> {
        let fits = |build: &&Build| self.part.is_some() && self.fits(build.device);
        boards.iter().filter(fits).map(|build| build.name).collect()
    }
}

/// Whether a device is of a part: its name is that of the part, then grade and package.
fn is_part(device: &str, part: &str) -> bool {
    let rest = device.strip_prefix(part);
    rest.is_some_and(|rest| rest.starts_with('-'))
}

/// Width and height of the configuration, which the first commands of an iCE40 say.
fn ice40_size(mut commands: &[u8]) -> Option<u32> {
    let (mut width, mut height) = (None, None);
    while let Some((&command, rest)) = commands.split_first() {
        let (payload, after) = rest.split_at_checked(usize::from(command & 15))?;
        let value = payload
            .iter()
            .fold(0, |value, &byte| value << 8 | u32::from(byte));
        match command >> 4 {
            6 => width = Some(value + 1),
            7 => height = Some(value),
            _ => {}
        }
        if let (Some(width), Some(height)) = (width, height) {
            return Some(ice40(width, height));
        }
        commands = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BOARDS;

    /// What icepack begins with, for an UP5K and a HX8K.
    const UP5K: &[u8] = b"\xff\x00\x00\xff\x7e\xaa\x99\x7e\x51\x00\x01\x05\x92\x00\x20\x62\x02\xb3\x82\x00\x00\x72\x01\x50\x11\x00";
    const HX8K: &[u8] = b"\xff\x00\x00\xff\x7e\xaa\x99\x7e\x51\x00\x01\x05\x92\x00\x20\x62\x03\x67\x72\x01\x10\x82\x00\x00\x11\x00";

    /// What ecppack begins with, with a comment and the IDCODE.
    fn ecp5(id: u32) -> Vec<u8> {
        let start = b"\xff\x00Part: x\0\xff\xff\xff\xbd\xb3\xff\xff\xff\xff\x3b\0\0\0\xe2\0\0\0";
        [&start[..], &id.to_be_bytes(), b"\x22\0\0\0"].concat()
    }

    #[test]
    fn every_board_takes_a_bitstream_for_its_part_and_no_other() {
        let all = [
            UP5K.to_vec(),
            HX8K.to_vec(),
            ecp5(0x4111_1043),
            ecp5(0x4111_3043),
            ecp5(0x8111_2043),
            ecp5(0x8111_3043),
        ];
        let names = [
            "iCE40UP5K",
            "iCE40HX8K",
            "LFE5U-25F",
            "LFE5U-85F",
            "LFE5UM5G-45F",
            "LFE5UM5G-85F",
        ];
        for (bytes, name) in all.iter().zip(names) {
            let bitstream = Bitstream::of(bytes).expect("a bitstream");
            assert_eq!(bitstream.name(), name);
            for board in BOARDS {
                let fits = board.device.name.starts_with(&format!("{name}-"));
                assert_eq!(bitstream.fits(board.device), fits, "{name} {}", board.name);
            }
            assert!(!bitstream.boards(BOARDS).is_empty(), "{name}");
        }
    }

    #[test]
    fn what_is_no_bitstream_is_none_and_an_unknown_part_fits_no_board() {
        for bytes in [
            &b""[..],
            b"bits",
            b"\xff\x00",
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff\xe0",
        ] {
            assert_eq!(Bitstream::of(bytes), None);
        }
        let other = Bitstream::of(&ecp5(0x1234_5678)).expect("a bitstream");
        assert!(other.name().contains("0x12345678"), "{}", other.name());
        assert!(BOARDS.iter().all(|board| !other.fits(board.device)));
        // A header that is cut says the family alone.
        let cut = Bitstream::of(&UP5K[..12]).expect("a bitstream");
        assert_eq!((cut.family, cut.part), (Family::Ice40, None));
    }
}
