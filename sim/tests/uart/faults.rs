//! Each fault, under random accesses: no wrong result, every failure told, and the device works afterwards.

use crate::faulty::{Faults, Faulty};
use crate::traffic::{Traffic, runs_a_network};
use crate::{PATIENCE, common, line, open};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use thresh_driver::TransportError;
use thresh_driver::uart::UartTransport;
use thresh_regs::Config;
use thresh_sim::uart::SimulatedStream;

/// Transactions with each fault at scale 1.
const TRANSACTIONS: u64 = 150;
/// Transactions at a bit error rate of 1e-4, at scale 1.
const NOISY_TRANSACTIONS: u64 = 1000;
/// One in how many bits is flipped.
const ERROR_RATE: u64 = 10_000;

type Link = UartTransport<Faulty<SimulatedStream>>;

fn tiny() -> &'static Config {
    Config::named("tiny").expect("a configuration")
}

/// Runs `count` transactions; calls `disturb` before each. Starts anew, from a cleared engine, behind every failure; gives the
/// link and the failures.
fn run(
    faults: Faults,
    count: u64,
    mut disturb: impl FnMut(&mut Link, u64),
) -> (Link, Vec<TransportError>) {
    let seed = common::seed();
    println!("{}", common::again(seed));
    let mut link = open(Faulty::new(line("tiny"), seed));
    let mut traffic = Traffic::new(tiny(), seed);
    traffic.clear(&mut link).expect("no faults yet");
    link.stream_mut().faults = faults;
    let mut failures = Vec::new();
    for index in 0..count {
        disturb(&mut link, index);
        let mut result = traffic.transaction(&mut link);
        let mut tries = 0;
        while let Err(error) = result {
            tries += 1;
            assert!(tries < 100, "it never works again: {error}");
            failures.push(error);
            result = traffic.clear(&mut link);
        }
    }
    // Writes are posted: what became of the last ones is told by the next access.
    while let Err(error) = traffic.fence(&mut link) {
        assert!(
            failures.len() as u64 <= 2 * count,
            "it never works again: {error}"
        );
        failures.push(error);
    }
    let statistics = link.statistics();
    println!(
        "{count} transactions, {:?}, {statistics:?}",
        link.stream_mut().counts
    );
    (link, failures)
}

/// The device of `link` works without faults.
fn works_afterwards(mut link: Link) {
    link.stream_mut().faults = Faults::default();
    runs_a_network(link, tiny(), common::seed());
}

fn recovers(name: &str, faults: Faults) {
    recovers_in(TRANSACTIONS, name, faults);
}

fn recovers_in(transactions: u64, name: &str, faults: Faults) {
    let (mut link, failures) = run(faults, common::scaled(transactions), |_, _| {});
    assert!(failures.is_empty(), "{name}: {failures:?}");
    let count = link.stream_mut().counts.get(name).copied().unwrap_or(0);
    assert!(count > 10, "only {count} {name}");
    works_afterwards(link);
}

#[test]
fn flipped_bits() {
    recovers(
        "flipped bits",
        Faults {
            flip_bit: 5_000,
            ..Faults::default()
        },
    );
}

#[test]
fn lost_bytes() {
    recovers(
        "lost bytes",
        Faults {
            drop_byte: 1000,
            ..Faults::default()
        },
    );
}

#[test]
fn doubled_bytes() {
    recovers(
        "doubled bytes",
        Faults {
            double_byte: 1000,
            ..Faults::default()
        },
    );
}

#[test]
fn swapped_bytes() {
    recovers(
        "swapped bytes",
        Faults {
            swap_bytes: 1000,
            ..Faults::default()
        },
    );
}

#[test]
fn lost_frames() {
    recovers(
        "lost frames",
        Faults {
            drop_frame: 10,
            ..Faults::default()
        },
    );
}

#[test]
fn doubled_frames() {
    recovers(
        "doubled frames",
        Faults {
            double_frame: 5,
            ..Faults::default()
        },
    );
}

#[test]
fn swapped_frames() {
    recovers(
        "swapped frames",
        Faults {
            swap_frames: 10,
            ..Faults::default()
        },
    );
}

#[test]
fn stalls() {
    let stall_time = 3 * PATIENCE.answer;
    recovers(
        "stalls",
        Faults {
            stall: 20,
            stall_time,
            ..Faults::default()
        },
    );
}

#[test]
fn everything_at_once() {
    let faults = Faults {
        flip_bit: 50_000,
        drop_byte: 5000,
        double_byte: 5000,
        swap_bytes: 5000,
        drop_frame: 50,
        double_frame: 50,
        swap_frames: 50,
        stall: 100,
        stall_time: 2 * PATIENCE.answer,
        ..Faults::default()
    };
    recovers_in(4 * TRANSACTIONS, "lost bytes", faults);
}

#[test]
fn cut_lines_are_told_and_work_again() {
    let seed = common::seed();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (link, failures) = run(
        Faults::default(),
        common::scaled(TRANSACTIONS),
        |link, index| {
            if index % 10 == 5 {
                link.stream_mut().cut_in(1 + random.next_u64() % 1000);
            }
        },
    );
    assert!(
        failures.len() as u64 > TRANSACTIONS / 20,
        "{}",
        failures.len()
    );
    for error in &failures {
        assert!(matches!(error, TransportError::Io(_)), "{error}");
    }
    works_afterwards(link);
}

#[test]
fn resets_of_the_device_are_told_and_it_works_again() {
    let (link, failures) = run(
        Faults::default(),
        common::scaled(TRANSACTIONS),
        |link, index| {
            if index % 5 == 3 {
                // In the middle of whatever is under way.
                link.stream_mut().inner.line().run(100 * (index % 150));
                link.stream_mut().inner.line().reset();
            }
        },
    );
    assert!(
        failures.len() as u64 > TRANSACTIONS / 10,
        "{}",
        failures.len()
    );
    for error in &failures {
        assert!(matches!(error, TransportError::Restarted { .. }), "{error}");
    }
    works_afterwards(link);
}

#[test]
fn bit_errors_on_the_wires() {
    let seed = common::seed();
    println!("{}", common::again(seed));
    let mut link = open(line("tiny"));
    let mut traffic = Traffic::new(tiny(), seed);
    traffic.clear(&mut link).expect("no faults yet");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let noise = move || random.next_u64().is_multiple_of(ERROR_RATE);
    link.stream_mut().line().set_noise(Some(Box::new(noise)));
    let count = common::scaled(NOISY_TRANSACTIONS);
    for index in 0..count {
        traffic
            .transaction(&mut link)
            .unwrap_or_else(|error| panic!("transaction {index}: {error}"));
    }
    let statistics = link.statistics();
    println!("{count} transactions, {statistics:?}");
    assert!(statistics.repeats > count / 50, "{statistics:?}");
    link.stream_mut().line().set_noise(None);
    runs_a_network(link, tiny(), seed);
}
