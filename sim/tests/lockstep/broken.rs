//! The harness can fail.

use crate::blocks::{BlockRam, Shifter};
use crate::harness::{Lockstep, dut};

#[test]
fn a_wrong_model_is_found() {
    let ports = dut!(
        BlockRam, clock,
        in [read_address, read_enable, write_address, write_data, write_enable],
        out [read_data]
    );
    let difference = Lockstep::new("broken_block_ram", ports)
        .compare(10_000, |_| {})
        .expect_err("the model writes address 6 to address 5");
    let text = difference.to_string();
    assert!(
        text.starts_with("broken_block_ram: read_data is "),
        "{text}"
    );
    assert!(
        text.contains("THRESH_SEED=") && text.contains("write_address="),
        "{text}"
    );
}

#[test]
fn an_output_that_rests_is_found() {
    let ports = dut!(Shifter, in [value, amount], out [low, floor, beyond]);
    let difference = Lockstep::new("shifter", ports)
        .compare(100, |inputs| inputs.set("value", 0))
        .expect_err("zero shifted is zero");
    assert!(
        difference.to_string().contains("low never changed"),
        "{difference}"
    );
}

#[test]
#[should_panic(expected = "ports that the bench lists")]
fn a_forgotten_port_is_found() {
    Lockstep::new(
        "shifter",
        dut!(Shifter, in [value], out [low, floor, beyond]),
    );
}
