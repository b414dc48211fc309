//! The protocol, frame by frame, and the driver on a line without faults.

use crate::traffic::{Traffic, runs_a_network};
use crate::{common, line, open};
use std::time::Duration;
use thresh_driver::uart::{ByteStream, Decoder, Frame, UartTransport, WINDOW, encode};
use thresh_driver::{Device, Transport, TransportError};
use thresh_regs::uart::{
    ANSWER_FIELDS, Answer, FLAG, INFO_FIELDS, MAX_WORDS, PROTOCOL, REQUEST_FIELDS, Request, field,
    phase_step,
};
use thresh_regs::{ACTIVATION_WINDOW, Config, reg};
use thresh_sim::Model;
use thresh_sim::uart::{Line, Rates, SimulatedStream};

/// How long an answer may take on the simulated line.
const LIMIT: Duration = Duration::from_millis(3);

fn request(kind: Request, number: u8, address: u32, data: &[u32]) -> Vec<u8> {
    let put = |name, value| field(REQUEST_FIELDS, name).put(value);
    let head =
        put("address", address / 4) | put("kind", kind as u32) | put("sequence", number.into());
    encode(&[&[head], data].concat())
}

/// The frames that come until the line has been silent for [`LIMIT`]: what each says, its number, its data.
fn answers(line: &mut SimulatedStream) -> Vec<(Answer, u8, Vec<u32>)> {
    let (mut decoder, mut found, mut byte) = (Decoder::default(), Vec::new(), [0]);
    decoder.push(FLAG);
    while line.receive(&mut byte, LIMIT).expect("simulated") == 1 {
        match decoder.push(byte[0]) {
            Some(Frame::Good(words)) => {
                let get = |name| field(ANSWER_FIELDS, name).get(words[0]);
                let kind = Answer::of(get("kind")).expect("known");
                found.push((kind, get("next") as u8, words[1..].to_vec()));
            }
            Some(Frame::Damaged) => found.push((Answer::Gap, 0xee, vec![])),
            None => {}
        }
    }
    found
}

fn ask(line: &mut SimulatedStream, bytes: &[u8]) -> Vec<(Answer, u8, Vec<u32>)> {
    line.send(bytes).expect("simulated");
    answers(line)
}

const HELLO: (u8, u32, u32) = (0, 0, 0x7d7e_1234);

fn hello(line: &mut SimulatedStream) -> u32 {
    let (number, address, echo) = HELLO;
    let answers = ask(line, &request(Request::Hello, number, address, &[echo]));
    let [(Answer::Hello, _, data)] = &answers[..] else {
        panic!("{answers:?}");
    };
    assert_eq!(data[0], echo);
    data[1]
}

#[test]
fn nothing_is_done_before_a_hello_which_tells_about_the_bridge() {
    let mut line = line("tiny");
    let write = request(Request::Write, 0, ACTIVATION_WINDOW.offset, &[7]);
    assert_eq!(ask(&mut line, &write), [(Answer::Restarted, 0, vec![])]);
    let info = hello(&mut line);
    assert_eq!(field(INFO_FIELDS, "protocol").get(info), PROTOCOL);
    assert_eq!(field(INFO_FIELDS, "max_words").get(info), MAX_WORDS as u32);
    let read = request(Request::Read, 0, ACTIVATION_WINDOW.offset, &[1]);
    assert_eq!(ask(&mut line, &read), [(Answer::Data, 1, vec![0])]);
}

#[test]
fn a_frame_is_executed_once_and_in_its_turn() {
    let mut line = line("tiny");
    hello(&mut line);
    let a = ACTIVATION_WINDOW.offset;
    let done = |next| (Answer::Done, next, vec![]);
    let first = request(Request::Write, 0, a, &[1, 2]);
    assert_eq!(ask(&mut line, &first), [done(1)]);
    assert_eq!(
        ask(&mut line, &request(Request::Write, 1, a, &[3])),
        [done(2)]
    );
    // Sent again, it is answered but not executed.
    assert_eq!(ask(&mut line, &first), [done(2)]);
    let read = |number| request(Request::Read, number, a, &[2]);
    assert_eq!(ask(&mut line, &read(2)), [(Answer::Data, 3, vec![3, 2])]);
    // Too early: told once, not executed.
    let gap = [(Answer::Gap, 3, vec![])];
    let early = request(Request::Write, 4, a, &[9]);
    assert_eq!(ask(&mut line, &early), gap);
    assert_eq!(ask(&mut line, &early), []);
    assert_eq!(ask(&mut line, &read(3)), [(Answer::Data, 4, vec![3, 2])]);
    // Now it is its turn; and a gap is told again.
    assert_eq!(ask(&mut line, &early), [done(5)]);
    assert_eq!(ask(&mut line, &read(5)), [(Answer::Data, 6, vec![9, 2])]);
    assert_eq!(ask(&mut line, &read(200)), [done(6)]);
    assert_eq!(ask(&mut line, &read(7)), [(Answer::Gap, 6, vec![])]);
}

#[test]
fn damaged_frames_are_not_executed_and_told_once() {
    let mut line = line("tiny");
    hello(&mut line);
    let a = ACTIVATION_WINDOW.offset;
    let good = request(Request::Write, 0, a, &[0x55]);
    for place in 1..good.len() - 1 {
        let mut bad = good.clone();
        bad[place] ^= 0x04;
        let told = ask(&mut line, &bad);
        let expected = if place == 1 {
            vec![(Answer::Gap, 0, vec![])]
        } else {
            vec![]
        };
        assert_eq!(told, expected, "place {place}");
    }
    let mut cut = good.clone();
    cut.remove(4);
    assert_eq!(ask(&mut line, &cut), []);
    let long = request(Request::Write, 0, a, &[1; MAX_WORDS + 1]);
    assert_eq!(ask(&mut line, &long), []);
    let read = request(Request::Read, 0, a, &[1]);
    assert_eq!(ask(&mut line, &read), [(Answer::Data, 1, vec![0])]);
    let dropped = field(INFO_FIELDS, "dropped").get(hello(&mut line));
    assert_eq!(dropped as usize, good.len() - 2 + 2);
}

#[test]
fn garbage_a_break_and_half_a_frame_do_not_keep_the_next_frame_out() {
    let mut line = line("tiny");
    hello(&mut line);
    let read = request(Request::Read, 0, reg::ID.offset, &[1]);
    line.send(&[0x00, 0xff, 0x7d, 0x12, 0x7d])
        .expect("simulated");
    line.send(&read[..read.len() / 2]).expect("simulated");
    answers(&mut line);
    line.line().hold_low(3000);
    let told = ask(&mut line, &read);
    let data = (Answer::Data, 1, vec![thresh_regs::ID]);
    assert!(told.contains(&data), "{told:?}");
    let info = hello(&mut line);
    let errors = field(INFO_FIELDS, "framing_errors").get(info);
    assert!((1..4).contains(&errors), "{errors}: a break is one byte");
    // Begun before power-on: the second half of a frame is ignored.
    let mut line = crate::line("tiny");
    line.send(&read[read.len() / 2..]).expect("simulated");
    hello(&mut line);
}

#[test]
fn a_read_of_nothing_or_too_much_closes_the_link_until_a_hello() {
    for count in [0, MAX_WORDS as u32 + 1, 1 << 7, 1 << 31] {
        let mut line = line("tiny");
        hello(&mut line);
        let read = |number, count| request(Request::Read, number, reg::ID.offset, &[count]);
        let refused = [(Answer::Refused, 1, vec![])];
        assert_eq!(ask(&mut line, &read(0, count)), refused, "{count}");
        assert_eq!(ask(&mut line, &read(1, 1)), refused);
        hello(&mut line);
        let told = ask(&mut line, &read(1, 1));
        assert_eq!(told, [(Answer::Data, 2, vec![thresh_regs::ID])]);
    }
}

#[test]
fn numbers_up_to_127_before_the_next_are_done_and_all_others_a_gap() {
    let mut line = line("tiny");
    hello(&mut line);
    let a = ACTIVATION_WINDOW.offset;
    let mut next = 0;
    let mut write = |line: &mut SimulatedStream| {
        let told = ask(line, &request(Request::Write, next, a, &[u32::from(next)]));
        next = next.wrapping_add(1);
        assert_eq!(told, [(Answer::Done, next, vec![])]);
        next
    };
    // Past the end of the numbers, so that those before wrap.
    for _ in 0..10 {
        write(&mut line);
    }
    for before in [1, 64, 127] {
        let next = write(&mut line);
        let early = request(Request::Write, next.wrapping_sub(before), a, &[99]);
        assert_eq!(
            ask(&mut line, &early),
            [(Answer::Done, next, vec![])],
            "{before}"
        );
    }
    for before in [128, 129, 255] {
        let next = write(&mut line);
        let late = request(Request::Write, next.wrapping_sub(before), a, &[99]);
        assert_eq!(
            ask(&mut line, &late),
            [(Answer::Gap, next, vec![])],
            "{before}"
        );
    }
    let last = write(&mut line);
    let told = ask(&mut line, &request(Request::Read, last, a, &[1]));
    assert_eq!(told, [(Answer::Data, last + 1, vec![u32::from(last) - 1])]);
}

#[test]
fn a_request_without_data_is_a_gap_and_words_too_many_are_not_looked_at() {
    let a = ACTIVATION_WINDOW.offset;
    for kind in [
        Request::Write,
        Request::Stream,
        Request::Read,
        Request::Hello,
    ] {
        let mut line = line("tiny");
        hello(&mut line);
        assert_eq!(
            ask(&mut line, &request(kind, 0, a, &[])),
            [(Answer::Gap, 0, vec![])],
            "{kind:?}"
        );
    }
    let mut line = line("tiny");
    let told = ask(&mut line, &request(Request::Hello, 0, 0, &[5, 6]));
    let [(Answer::Hello, 0, data)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!((data.len(), data[0]), (2, 5));
    let read = request(Request::Read, 0, reg::ID.offset, &[1, 64]);
    assert_eq!(
        ask(&mut line, &read),
        [(Answer::Data, 1, vec![thresh_regs::ID])]
    );
}

#[test]
fn behind_the_last_word_comes_word_0() {
    let mut line = line("tiny");
    hello(&mut line);
    let last = 4 * ((1 << field(REQUEST_FIELDS, "address").width) - 1);
    let told = ask(&mut line, &request(Request::Read, 0, last, &[2]));
    let read = ask(&mut line, &request(Request::Read, 1, 0, &[1]));
    let [(Answer::Data, 2, first)] = &read[..] else {
        panic!("{read:?}");
    };
    assert_eq!(told, [(Answer::Data, 1, vec![0, first[0]])]);
    assert_ne!(first[0], 0, "word 0 holds something");
}

/// A bridge whose bus this bench serves: it never ends an access, or always in the same cycle.
fn bridge(ack: bool) -> SimulatedStream {
    let mut model = Model::new("uart_bridge").expect("the build script makes it");
    let rates = Rates::default();
    let step = phase_step(rates.clock_hz, rates.baud).expect("in range");
    for (port, value) in [
        ("step", step.into()),
        ("ack", ack.into()),
        ("read_data", 0x7e7d_0123),
    ] {
        let port = model.port(port);
        model.set(port, value);
    }
    SimulatedStream::of_line(Line::of_model(model, rates), "bridge")
}

#[test]
fn an_access_that_does_not_end_is_told_until_a_hello() {
    for kind in [Request::Read, Request::Write, Request::Stream] {
        let mut line = bridge(false);
        hello(&mut line);
        let first = request(
            kind,
            0,
            0,
            &[2, 3][..if kind == Request::Read { 1 } else { 2 }],
        );
        let fault = [(Answer::Fault, 1, vec![])];
        let told = ask(&mut line, &first);
        // An answer that had begun is left damaged.
        assert_eq!(told[told.len() - 1..], fault, "{kind:?}: {told:?}");
        assert_eq!(told.len(), if kind == Request::Read { 2 } else { 1 });
        for number in [0, 1, 2] {
            let next = request(Request::Read, number, 0, &[1]);
            assert_eq!(ask(&mut line, &next), fault);
        }
        hello(&mut line);
        let ack = line.line().model_mut().port("ack");
        line.line().model_mut().set(ack, 1);
        let read = request(Request::Read, 1, 0, &[1]);
        assert_eq!(
            ask(&mut line, &read),
            [(Answer::Data, 2, vec![0x7e7d_0123])]
        );
    }
    let mut link = open(bridge(false));
    let error = link.read(0x40, &mut [0]).expect_err("a fault");
    assert!(
        matches!(error, TransportError::Fault { address: 0x40, .. }),
        "{error}"
    );
}

#[test]
fn accesses_that_end_at_once_and_words_full_of_marks_are_right() {
    let mut link = open(bridge(true));
    let mut words = [0; 3 * MAX_WORDS];
    link.read(0, &mut words).expect("read");
    assert_eq!(words, [0x7e7d_0123; 3 * MAX_WORDS]);
    link.write(0, &[0x7e7e_7e7e; 2 * MAX_WORDS]).expect("sent");
    link.flush().expect("answered");
    assert_eq!(link.statistics().repeats, 0);
}

#[test]
fn a_reset_closes_the_link_and_resets_the_engine() {
    let mut stream = line("tiny");
    hello(&mut stream);
    let mut link = open(stream);
    link.write(ACTIVATION_WINDOW.offset + 4 * 4096, &[0])
        .expect("sent");
    let mut words = [0];
    link.read(reg::ERROR.offset, &mut words).expect("read");
    assert_ne!(words, [0], "an address that holds nothing");
    link.stream_mut().line().reset();
    let error = link
        .read(reg::ERROR.offset, &mut words)
        .expect_err("restarted");
    assert!(matches!(error, TransportError::Restarted { .. }), "{error}");
    assert!(
        error.to_string().contains("load the image again"),
        "{error}"
    );
    // The next call opens the link anew.
    link.read(reg::ID.offset, &mut words).expect("read");
    assert_eq!(words, [thresh_regs::ID]);
}

#[test]
fn a_silent_line_is_given_up() {
    #[derive(Debug)]
    struct Silent(Duration);
    impl ByteStream for Silent {
        fn send(&mut self, _: &[u8]) -> std::io::Result<()> {
            Ok(())
        }
        fn receive(&mut self, _: &mut [u8], limit: Duration) -> std::io::Result<usize> {
            self.0 += limit;
            Ok(0)
        }
        fn now(&self) -> Duration {
            self.0
        }
        fn baud(&self) -> u32 {
            115_200
        }
        fn describe(&self) -> String {
            "silent line".into()
        }
    }
    let error = UartTransport::open(Silent(Duration::ZERO)).expect_err("nobody answers");
    let text = error.to_string();
    assert!(
        text.contains("silent line") && text.contains("115200 baud"),
        "{text}"
    );
}

#[test]
fn requests_far_beyond_the_window_and_the_numbers_arrive_in_order() {
    let config = Config::named("tiny").expect("a configuration");
    let mut link = open(line("tiny"));
    let mut traffic = Traffic::new(config, common::seed());
    println!("{}", common::again(common::seed()));
    traffic.clear(&mut link).expect("clears");
    for i in 0..10 * WINDOW as u32 {
        link.write(ACTIVATION_WINDOW.offset + 4 * (i % 3), &[i])
            .expect("sent");
    }
    let mut words = [0; 3];
    link.read(ACTIVATION_WINDOW.offset, &mut words)
        .expect("read");
    assert_eq!(words, [159, 157, 158]);
    traffic.clear(&mut link).expect("clears");
    for _ in 0..100 {
        traffic.transaction(&mut link).expect("no faults");
    }
    let statistics = link.statistics();
    assert!(statistics.requests > 256, "{statistics:?}");
    assert_eq!(
        (statistics.repeats, statistics.damaged),
        (0, 0),
        "{statistics:?}"
    );
}

#[test]
fn the_driver_loads_and_runs_networks_over_the_line() {
    let config = Config::named("tiny").expect("a configuration");
    let mut link = open(line("tiny"));
    for seed in 1..=3 {
        link = runs_a_network(link, config, seed);
    }
    assert!(Device::open(link).expect("an engine").info().config() == Some(config));
}
