//! Which engine an image runs on, and how it is opened.

use anyhow::{Context, Result, anyhow, ensure};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use thresh_driver::Device;
use thresh_model::Image;
use thresh_regs::{CONFIGS, Config};
use thresh_sim::VirtualDevice;

/// Reads the value of `--config`.
pub fn config_parser() -> impl TypedValueParser<Value = &'static Config> {
    PossibleValuesParser::new(CONFIGS.iter().map(|config| config.name))
        .map(|name| Config::named(&name).expect("clap lets only names of configurations through"))
}

/// Reads the value of `--config` where a board is needed.
pub fn board_parser() -> impl TypedValueParser<Value = &'static thresh_fpga::Board> {
    PossibleValuesParser::new(thresh_fpga::BOARDS.iter().map(|board| board.name)).map(|name| {
        thresh_fpga::Board::named(&name).expect("clap lets only names of boards through")
    })
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

/// A virtual device of `config` that holds `image`.
pub fn virtual_device(config: &Config, image: &Image) -> Result<Device<VirtualDevice>> {
    let doing = || format!("virtual device {}", config.name);
    check_built(config)?;
    let mut device = Device::open(VirtualDevice::new(config.name).with_context(doing)?)?;
    device.load(image).with_context(doing)?;
    Ok(device)
}
