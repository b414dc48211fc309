//! The ordinary driver at the path of a terminal, with a Verilated device behind it.

use std::path::Path;
use std::time::Duration;
use thresh_driver::uart::{HELLO_TIMEOUT, Patience, SerialStream, UartTransport};
use thresh_driver::{Device, DriverError, Transport, TransportError};
use thresh_model::{Image, Reference, random};
use thresh_regs::uart::BAUD;
use thresh_regs::{Config, reg};
use thresh_sim::uart::{Pty, Rates};

/// Images that are run at scale 1.
const IMAGES: u64 = 20;

fn serial(pty: &Pty) -> UartTransport<SerialStream> {
    let stream = SerialStream::open(pty.path(), BAUD).expect("a terminal");
    UartTransport::open(stream).expect("answers")
}

#[test]
fn an_image_is_loaded_and_run_with_the_logits_of_the_reference() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../host/cli/images/lenet-300-100.thresh"
    );
    let bytes = std::fs::read(path).expect("the image that is kept with the sources");
    let image = Image::from_bytes(&bytes).expect("sound");
    let reference = Reference::new(&image).expect("sound");
    let pty = Pty::new("ulx3s-25f", Rates::default()).expect("a terminal");
    let mut device = Device::open(serial(&pty)).expect("an engine");
    assert_eq!(device.info().config(), Config::named("ulx3s-25f"));
    device.load(&image).expect("loads");
    for seed in 0..crate::common::scaled(IMAGES) {
        let input = random::input(&image, 0.2, seed);
        let expected = reference.run(&input).expect("sized");
        assert_eq!(
            device.run(&input).expect("runs").logits,
            expected.logits,
            "input {seed}"
        );
    }
    println!("{:?}", device.transport_mut().statistics());
}

#[test]
fn programs_follow_each_other_and_a_reset_is_told() {
    let pty = Pty::new("tiny", Rates::default()).expect("a terminal");
    let config = Config::named("tiny").expect("a configuration");
    for seed in 1..=3 {
        crate::traffic::runs_a_network(serial(&pty), config, seed);
    }
    // A program that dies in the middle of a frame.
    let raw = serial2::SerialPort::open(pty.path(), BAUD).expect("a terminal");
    raw.write_all(&[0x7e, 1, 2, 3]).expect("takes bytes");
    drop(raw);
    let mut device = Device::open(serial(&pty)).expect("an engine");
    let image = random::image(config, 1);
    device.load(&image).expect("loads");
    pty.reset();
    std::thread::sleep(Duration::from_millis(100));
    let input = random::input(&image, 0.5, 1);
    let error = device.run(&input).expect_err("restarted");
    assert!(
        matches!(
            &error,
            DriverError::Link {
                source: TransportError::Restarted { .. },
                ..
            }
        ),
        "{error}"
    );
    device.load(&image).expect("loads again");
    device.run(&input).expect("runs again");
    assert!(pty.is_alive());
}

#[test]
fn a_path_that_is_no_port_and_a_port_without_a_device_are_told() {
    let open = |path: &str| SerialStream::open(Path::new(path), BAUD).expect_err("no port");
    let text = open("/dev/no-such-port").to_string();
    assert!(
        text.contains("/dev/no-such-port") && text.contains("there "),
        "{text}"
    );
    let text = open("/dev/null").to_string();
    assert!(text.contains("is it a serial port"), "{text}");
    let (_other, port) = serial2::SerialPort::pair().expect("a terminal");
    let fd = std::os::fd::AsRawFd::as_raw_fd(&port);
    let path = std::fs::read_link(format!("/proc/self/fd/{fd}")).expect("its path");
    let stream = SerialStream::open(&path, BAUD).expect("a terminal");
    let patience = Patience {
        hello: HELLO_TIMEOUT / 10,
        hello_attempts: 2,
        ..Patience::default()
    };
    let error = UartTransport::open_with(stream, patience).expect_err("nobody answers");
    assert!(matches!(error, TransportError::NoDevice { .. }), "{error}");
}

#[test]
fn a_port_that_another_program_has_is_told_at_once() {
    let (_other, port) = serial2::SerialPort::pair().expect("a terminal");
    let fd = std::os::fd::AsRawFd::as_raw_fd(&port);
    let path = std::fs::read_link(format!("/proc/self/fd/{fd}")).expect("its path");
    let first = SerialStream::open(&path, BAUD).expect("a terminal");
    let error = SerialStream::open(&path, 9600).expect_err("taken");
    assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy);
    let text = error.to_string();
    assert!(text.contains("another program has the port"), "{text}");
    // The rate of the first is what it was.
    assert_eq!(
        port.get_configuration()
            .and_then(|s| s.get_baud_rate())
            .expect("a rate"),
        BAUD
    );
    drop(first);
    SerialStream::open(&path, BAUD).expect("free again");
}

#[test]
fn a_terminal_that_goes_away_is_told() {
    let pty = Pty::new("tiny", Rates::default()).expect("a terminal");
    let mut link = serial(&pty);
    drop(pty);
    let error = link.read(reg::ID.offset, &mut [0]).expect_err("gone");
    assert!(
        error.to_string().contains("was the cable pulled"),
        "{error}"
    );
}
