//! `docs/registers.md`, made from the tables.

use crate::{
    ADDRESS_BITS, CONFIGS, DESCRIPTOR_FIELDS, DESCRIPTOR_WORDS, REGISTERS, TABLE_FIELDS, WINDOWS,
    WeightStore, map_hash, pcie,
};
use std::fmt::Write as _;

/// The text of `docs/registers.md`.
pub fn registers_markdown() -> String {
    let mut out = String::from(
        "# Registers, windows, pass descriptor, configurations\n\n\
         Made from `hw/regs` by `cargo run -p thresh-regs --example registers_md > docs/registers.md`; \
         a test fails when this page is stale.\n\n",
    );
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!(
        "The engine is a 32-bit little-endian Wishbone slave of {} KiB. Only whole, aligned words are \
         read or written. `MAP_HASH` of this map is `0x{:08x}`.\n",
        (1 << ADDRESS_BITS) / 1024,
        map_hash()
    ));
    line("## Registers\n\n| offset | name | access | meaning |\n|---|---|---|---|".into());
    for r in REGISTERS {
        line(format!(
            "| `0x{:02x}` | `{}` | {} | {} |",
            r.offset,
            r.name,
            r.access.name(),
            r.doc
        ));
    }
    for r in REGISTERS.iter().filter(|r| !r.fields.is_empty()) {
        line(format!(
            "\n### {}\n\n| bits | field | meaning |\n|---|---|---|",
            r.name
        ));
        for f in r.fields {
            line(format!(
                "| {} | `{}` | {} |",
                bits(f.lsb, f.width),
                f.name,
                f.doc
            ));
        }
    }
    line(
        "\n## Windows\n\n| offset | bytes | name | access | a word is |\n|---|---|---|---|---|"
            .into(),
    );
    for w in WINDOWS {
        line(format!(
            "| `0x{:05x}` | {} | `{}` | {} | {} |",
            w.offset,
            w.bytes,
            w.name,
            w.access.name(),
            w.doc
        ));
    }
    line(format!(
        "\n## Pass descriptor\n\n{DESCRIPTOR_WORDS} words; bits that no field names are zero.\n\n\
         | word | bits | field | meaning |\n|---|---|---|---|"
    ));
    for f in DESCRIPTOR_FIELDS {
        line(format!(
            "| {} | {} | `{}` | {} |",
            f.word,
            bits(f.lsb, f.width),
            f.name,
            f.doc
        ));
    }
    line(
        "\n## Geometry table\n\nOne 32-bit word a row (y table) or column (x table) of a map.\n\n\
         | bits | field | meaning |\n|---|---|---|"
            .into(),
    );
    for f in TABLE_FIELDS {
        line(format!(
            "| {} | `{}` | {} |",
            bits(f.lsb, f.width),
            f.name,
            f.doc
        ));
    }
    line(format!(
        "\n## PCIe\n\nVendor `{:04x}`, device `{:04x}`, class `{:06x}`. BAR0 has {} KiB: the map above, and from `{:#x}` on the registers of \
         the endpoint ([docs/pcie.md](pcie.md)), which count since power-on and wrap.\n\n\
         | offset | name | access | meaning |\n|---|---|---|---|",
        pcie::VENDOR_ID,
        pcie::DEVICE_ID,
        pcie::CLASS,
        pcie::BAR0_BYTES / 1024,
        pcie::ENDPOINT_BASE
    ));
    for r in pcie::ENDPOINT_REGISTERS {
        line(format!(
            "| `{:#x}` | `{}` | {} | {} |",
            pcie::ENDPOINT_BASE + r.offset,
            r.name,
            r.access.name(),
            r.doc
        ));
    }
    line(
        "\n## Configurations\n\nDepths are those of one PE (codebook and passes: of the engine).\n\n\
         | name | PEs | activation bits | activations | store words | accumulators | columns | codebook | passes | FIFO | tables | row bits | store | for |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
            .into(),
    );
    for c in CONFIGS {
        let store = match c.store {
            WeightStore::BlockRam => "block RAM",
            WeightStore::SinglePort => "single port",
            WeightStore::Hashed => "hashed",
        };
        let mut row = format!("| `{}` | {} | {}", c.name, c.num_pes, c.act_bits);
        for bits in [
            c.act_addr_bits,
            c.weight_addr_bits,
            c.acc_addr_bits,
            c.col_addr_bits,
            c.codebook_addr_bits,
            c.pass_addr_bits,
            c.fifo_addr_bits,
        ] {
            let _ = write!(row, " | {}", 1u64 << bits);
        }
        let tables = if c.maps {
            (1u64 << c.table_addr_bits).to_string()
        } else {
            "no maps".into()
        };
        line(format!(
            "{row} | {tables} | {} | {store} | {} |",
            c.row_bits, c.doc
        ));
    }
    out
}

pub(crate) fn bits(lsb: u32, width: u32) -> String {
    if width == 1 {
        lsb.to_string()
    } else {
        format!("{}:{}", lsb + width - 1, lsb)
    }
}
