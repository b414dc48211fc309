//! Which engine an image runs on, and how it is opened.

use crate::device::Spec;
use anyhow::{Context, Result, anyhow, ensure};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use thresh_driver::{Device, Transport};
use thresh_fpga::{BOARDS, Build, MEASURED};
use thresh_model::Image;
use thresh_regs::{CONFIGS, Config};
use thresh_sim::VirtualDevice;

/// Reads the value of `--config`.
pub fn config_parser() -> impl TypedValueParser<Value = &'static Config> {
    PossibleValuesParser::new(CONFIGS.iter().map(|config| config.name))
        .map(|name| Config::named(&name).expect("clap lets only names of configurations through"))
}

/// Reads the value of `--board`.
pub fn board_parser() -> impl TypedValueParser<Value = &'static Build> {
    build_parser(BOARDS, Build::board)
}

/// Reads the value of `--config` where an engine is measured.
pub fn measured_parser() -> impl TypedValueParser<Value = &'static Build> {
    build_parser(MEASURED, Build::measuring)
}

fn build_parser(
    builds: &'static [Build],
    named: fn(&str) -> Option<&'static Build>,
) -> impl TypedValueParser<Value = &'static Build> {
    PossibleValuesParser::new(builds.iter().map(|build| build.name))
        .map(move |name| named(&name).expect("clap lets only names of builds through"))
}

/// The configuration that `image` is run on: the one asked for, or the first that holds it.
pub fn config_for(image: &Image, asked: Option<&'static Config>) -> Result<&'static Config> {
    if let Some(config) = asked {
        image.check_target(config)?;
        return Ok(config);
    }
    CONFIGS.iter().find(|config| thresh_hw::is_built(config) && image.check_target(config).is_ok()).ok_or_else(|| {
        let sizes: Vec<String> =
            CONFIGS.iter().map(|c| format!("{} ({} PEs, {} bits)", c.name, c.num_pes, c.act_bits)).collect();
        anyhow!(
            "no configuration holds this image for {} PEs and activations of {} bits; there are {}; pack the network for one of them",
            image.num_pes,
            image.act_bits,
            sizes.join(", ")
        )
    })
}

/// Refuses a configuration whose engine this build does not have.
pub fn check_built(config: &Config) -> Result<()> {
    ensure!(thresh_hw::is_built(config), thresh_hw::not_built(config));
    Ok(())
}

/// A device over any link.
pub type AnyDevice = Device<Box<dyn Transport>>;

/// The configuration that `image` is run on by `spec`: that of [`config_for`], or the one of the device at the end of a link,
/// which must be the one asked for.
pub fn config_on(
    spec: &Spec,
    image: &Image,
    asked: Option<&'static Config>,
) -> Result<&'static Config> {
    let Spec::Link(link, end) = spec else {
        return config_for(image, asked);
    };
    let device = Device::open((link.open)(end)?)?;
    let config = device.info().config().ok_or_else(|| {
        anyhow!(
            "{} is {}: this thresh was built without it; use the one that its bitstream was built with",
            spec.name(),
            device.info()
        )
    })?;
    if let Some(asked) = asked {
        ensure!(
            asked == config,
            "{} is the engine {}, not {}; leave --config out, or connect the other board",
            spec.name(),
            config.name,
            asked.name
        );
    }
    image.check_target(config)?;
    Ok(config)
}

/// The device of `spec`, with the engine `config`, that holds `image`.
pub fn open(spec: &Spec, config: &Config, image: &Image) -> Result<AnyDevice> {
    let doing = || match spec {
        Spec::Virtual => format!("virtual device {}", config.name),
        Spec::Link(..) => spec.name(),
    };
    let transport: Box<dyn Transport> = match spec {
        Spec::Virtual => {
            check_built(config)?;
            Box::new(VirtualDevice::new(config.name).with_context(doing)?)
        }
        Spec::Link(link, end) => (link.open)(end).with_context(doing)?,
    };
    let mut device = Device::open(transport)?;
    device.load(image).with_context(doing)?;
    Ok(device)
}
