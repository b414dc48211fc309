//! `thresh devices`.

use crate::device::{self, Found, LINKS, Spec};
use crate::output::{Output, Verdict, sentence, table};
use crate::overwrite::Paths;
use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use thresh_driver::{Device, EngineInfo};

/// List the devices that are connected.
///
/// Those on the PCI bus are known by their id, and asked what they are. Every serial port is asked at 3 Mbaud; one with another device
/// at its end gets some bytes that mean nothing to it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  thresh devices
  thresh devices --json
  thresh devices uart:/dev/pts/3                one that is not listed
  thresh devices pcie:04:00.0                   this one alone
  thresh run net.thresh --digit 7 --device uart:/dev/ttyUSB1")]
pub struct Devices {
    /// Ask these alone.
    #[arg(value_name = "DEVICE", value_parser = device::parse)]
    devices: Vec<Spec>,
}

impl Paths for Devices {
    fn reads(&self) -> Vec<PathBuf> {
        vec![]
    }

    fn writes(&self) -> Vec<PathBuf> {
        vec![]
    }
}

impl Devices {
    pub fn run(self, output: &Output) -> Result<Verdict> {
        let (mut rows, mut values, mut silent) = (Vec::new(), Vec::new(), Vec::new());
        for Found { spec, device } in self.find()? {
            let asked = device.and_then(|link| Ok(*Device::open(link)?.info()));
            match &asked {
                Ok(info) => rows.push(row(&spec, info)),
                Err(error) => silent.push(format!("{spec}: {}", sentence(error))),
            }
            values.push(value(&spec, &asked));
        }
        let mut text = match rows.is_empty() {
            true => "no device answers".to_string(),
            false => table(&["device", "engine", "version", "PEs"], rows).to_string(),
        };
        for line in &silent {
            text += &format!("\n{line}");
        }
        output.result(text, &json!({"devices": values}))?;
        Ok(Verdict::Holds)
    }

    fn find(&self) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        if self.devices.is_empty() {
            for link in LINKS {
                found.extend((link.find)()?);
            }
        }
        for spec in &self.devices {
            let Spec::Link(link, end) = spec else {
                bail!(
                    "got {}, expected a device at the end of a link",
                    spec.name()
                );
            };
            found.push(Found {
                spec: spec.name(),
                device: (link.open)(end),
            });
        }
        Ok(found)
    }
}

fn version(info: &EngineInfo) -> String {
    let [_, major, minor, patch] = info.version.to_be_bytes();
    format!("{major}.{minor}.{patch}")
}

fn row(spec: &str, info: &EngineInfo) -> Vec<String> {
    vec![
        spec.into(),
        info.to_string(),
        version(info),
        info.num_pes.to_string(),
    ]
}

fn value(spec: &str, asked: &Result<EngineInfo>) -> Value {
    match asked {
        Ok(info) => json!({
            "device": spec,
            "answers": true,
            "identity": format!("{:#010x}", thresh_regs::ID),
            "version": version(info),
            "config": info.config().map(|config| config.name),
            "num_pes": info.num_pes,
        }),
        Err(error) => json!({"device": spec, "answers": false, "error": sentence(error)}),
    }
}
