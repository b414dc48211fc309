//! `thresh serve`, and what reaches it over its serial port.

mod common;

use common::{Place, refused};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// `thresh serve` until this is dropped, and what `--device` says of it.
struct Served {
    child: Child,
    device: String,
}

impl Served {
    fn new(place: &Place, config: &str) -> Served {
        let mut command = place.command(&format!("serve --config {config} --seconds 300"));
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut device = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut device).unwrap();
        Served {
            child,
            device: device.trim().into(),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn run_and_bench_give_over_a_serial_port_what_they_give_without() {
    let place = Place::new();
    place.pack();
    let served = Served::new(&place, "tiny");
    let device = &served.device;
    assert!(device.starts_with("uart:/dev/pts/"), "{device}");

    let found = place.json(&format!("devices {device}"));
    assert_eq!(found["devices"][0]["config"], "tiny");
    assert_eq!(found["devices"][0]["identity"], "0x54485348");

    let here = place.json("run net.thresh --digit 0 --digit 1");
    let there = place.json(&format!(
        "run net.thresh --digit 0 --digit 1 --device {device}"
    ));
    assert_eq!(there["device"], device.as_str());
    for index in 0..2 {
        let (here, there) = (&here["inferences"][index], &there["inferences"][index]);
        assert_eq!(here["logits"], there["logits"]);
        assert_eq!(here["counters"], there["counters"]);
        assert_eq!(there["matches_reference"], true);
    }

    let bench = place.json(&format!("bench net.thresh --count 10 --device {device}"));
    assert_eq!(bench["mismatches"], 0);
    assert_eq!(bench["inferences"], 10);
    assert!(bench["measured_inferences_per_second"].as_f64().unwrap() > 0.0);

    refused(
        &place,
        &format!("run net.thresh --digit 0 --config tiny16 --device {device}"),
        1,
        &["is the engine tiny, not tiny16"],
    );
}

#[test]
fn devices_that_are_not_there_are_refused() {
    let place = Place::new();
    place.pack();
    for (device, status, texts) in [
        ("uart:/dev/no-such-port", 1, ["/dev/no-such-port", "there "]),
        ("uart:/dev/null", 1, ["/dev/null", "is it a serial port"]),
        ("uart:/dev/null,fast", 1, ["fast", "bits a second"]),
        ("usb:1", 2, ["usb:1", "uart:PORT[,BAUD]"]),
    ] {
        let command = format!("run net.thresh --digit 0 --device {device}");
        refused(&place, &command, status, &texts);
    }
    for (options, text) in [
        ("--baud 9600000", "from a clock of 25000000 Hz"),
        ("--clock 0", "expected MHz"),
    ] {
        let command = format!("verilog --config tiny --uart {options}");
        refused(&place, &command, 1, &[text]);
    }
    let verilog = place.ok("verilog --config tiny --uart --clock 48 --baud 115200");
    assert!(verilog.contains("module uart_engine("), "no top");
    let verilog = place.ok("verilog --config tiny --wishbone");
    assert!(verilog.contains("module wishbone_engine("), "no top");
    refused(
        &place,
        "verilog --config tiny --wishbone --uart",
        2,
        &["--uart"],
    );
}
