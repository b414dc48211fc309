//! Formal proofs of blocks: the properties in `proofs`, checked by SymbiYosys on the Verilog that is emitted.
//!
//! `THRESH_PROVE=deep` lengthens the proofs that are bounded. Each proof has faults, changes of the Verilog that must make it fail, so
//! none holds because it says nothing.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rust_hdl_core::prelude::Block;
use thresh_hw::{engine, uart, wishbone};
use thresh_regs as regs;

/// Seconds that a proof may take, and a deep one.
const LIMIT: u32 = 1200;
const DEEP_LIMIT: u32 = 7200;

/// How far a proof goes.
#[derive(Clone, Copy)]
enum Reach {
    /// All reachable states.
    Always,
    /// All reachable states, by induction over this many cycles.
    Induction(u32),
    /// All states within so many cycles, quickly or with `THRESH_PROVE=deep`.
    Within(u32, u32),
}

/// Emits a block under a name.
type Emitter = Box<dyn Fn(&str) -> thresh_hw::Module>;

/// Properties and what they are of.
struct Proof {
    /// Name of the file in `proofs`, and of the module that its text goes to the end of, unless it is one of its own.
    name: &'static str,
    modules: Vec<(&'static str, Emitter)>,
    /// Modules below that give anything: the properties say what is assumed of them.
    free: &'static [&'static str],
    /// Numbers that the properties name, 32 bits wide unless they say how wide they are.
    numbers: Vec<(&'static str, String)>,
    reach: Reach,
    /// Changes of the Verilog, each of which must break the proof.
    faults: &'static [(&'static str, &'static str)],
}

fn emits<B: Block>(new: impl Fn() -> B + 'static) -> Emitter {
    Box::new(move |name| thresh_hw::emit(name, new()))
}

#[test]
fn decoder() {
    Proof {
        name: "decoder",
        modules: vec![("decoder", emits(engine::Decoder::default))],
        free: &["decoder$counts", "decoder$symbols"],
        numbers: vec![("MAX_CODE_LENGTH", regs::MAX_CODE_LENGTH.to_string())],
        reach: Reach::Induction(8),
        faults: &[
            ("found = here < count", "found = here <= count"),
            ("length$q == last_length", "length$q == one_length"),
            ("looking$d = found", "looking$d = 1'b0"),
        ],
    }
    .check();
}

#[test]
fn fifo() {
    const F: usize = 2;
    Proof {
        name: "fifo",
        modules: vec![("fifo", emits(engine::Fifo::<F, 5, 4, 9, 1>::default))],
        free: &[],
        numbers: vec![("F", F.to_string()), ("TOKEN", "22".into())],
        reach: Reach::Always,
        faults: &[
            ("head_after = head_at$q + one", "head_after = head_at$q"),
            ("is_full$d = fills & ~pop", "is_full$d = fills"),
        ],
    }
    .check();
}

/// Sender and receiver, each with its rate; cycles a bit are half of the range of the phase by the step.
fn line(send_cycles: f64, take_cycles: f64, cycles: u32, deep: u32) -> Proof {
    let step = |cycles: f64| {
        let step = f64::from(1 << (regs::uart::PHASE_BITS - 1)) / cycles;
        format!("{}'d{}", regs::uart::PHASE_BITS, step.round())
    };
    let byte = (send_cycles * 11.0).ceil() as u32;
    Proof {
        name: "line",
        modules: vec![
            ("uart_transmitter", emits(uart::Transmitter::default)),
            ("uart_receiver", emits(uart::Receiver::default)),
        ],
        free: &[],
        numbers: vec![
            ("SEND", step(send_cycles)),
            ("TAKE", step(take_cycles)),
            ("RUBBISH", "12".into()),
            ("QUIET", (12 + byte).to_string()),
        ],
        reach: Reach::Within(cycles, deep),
        faults: &[
            ("low$d = early$q", "low$d = rx"),
            ("place$q == last_data_bit", "place$q == stop_bit"),
        ],
    }
}

#[test]
fn line_of_the_fewest_cycles_a_bit() {
    line(8.0, 8.0, 220, 400).check();
}

#[test]
fn line_of_a_fraction_of_a_cycle() {
    line(25.0 / 3.0, 25.0 / 3.0, 220, 400).check();
}

#[test]
fn line_with_a_slow_sender() {
    line(8.16, 8.0, 220, 400).check();
}

#[test]
fn line_with_a_fast_sender() {
    line(8.0, 8.16, 220, 400).check();
}

#[test]
fn deframer() {
    use regs::uart::{CRC_GOOD, ESCAPE, ESCAPE_XOR, FLAG, MAX_WORDS, SLOTS};
    Proof {
        name: "deframer",
        modules: vec![("deframer", emits(uart::Deframer::default))],
        free: &["deframer$crc"],
        numbers: vec![
            ("FLAG", format!("8'd{FLAG}")),
            ("ESCAPE", format!("8'd{ESCAPE}")),
            ("ESCAPE_XOR", format!("8'd{ESCAPE_XOR}")),
            ("MAX_WORDS", MAX_WORDS.to_string()),
            ("SLOTS", SLOTS.to_string()),
            ("CRC_GOOD", format!("32'd{CRC_GOOD}")),
        ],
        reach: Reach::Induction(3),
        faults: &[
            ("fill$d = ~fill$q", "fill$d = fill$q"),
            ("bad$d = 1'b1", "bad$d = bad$q"),
            ("index$q >= least_words", "1'b1"),
        ],
    }
    .check();
}

#[test]
fn bus() {
    use regs::reg;
    let word = |offset: u32| format!("18'd{}", offset / 4);
    let values = [0x1234_5678, 2, 3, 4, 5, 6, 7];
    Proof {
        name: "bus",
        modules: vec![(
            "bus",
            emits(move || engine::Bus::<6, 6, 6, 6, 1, 1>::new(values)),
        )],
        free: &[],
        numbers: vec![
            ("CONTROL", word(reg::CONTROL.offset)),
            ("STREAM", word(reg::STREAM.offset)),
            ("CODE_COUNT", word(reg::CODE_COUNT.offset)),
            ("CODE_SYMBOL", word(reg::CODE_SYMBOL.offset)),
            ("PASS", word(reg::PASS.offset)),
            ("LOAD_TARGET", word(reg::LOAD_TARGET.offset)),
            ("LOAD_COLUMN", word(reg::LOAD_COLUMN.offset)),
            ("LOAD_ENTRY", word(reg::LOAD_ENTRY.offset)),
            ("ERROR", word(reg::ERROR.offset)),
            ("ID", word(reg::ID.offset)),
            ("ID_VALUE", format!("32'd{}", values[0])),
            ("LAST_REGISTER", word(reg::MAPS.offset)),
            ("DESCRIPTORS", word(regs::DESCRIPTOR_WINDOW.offset)),
            ("CODEBOOK", word(regs::CODEBOOK_WINDOW.offset)),
            ("TABLES", word(regs::TABLE_WINDOW.offset)),
            ("ACTIVATIONS", word(regs::ACTIVATION_WINDOW.offset)),
            (
                "BAD_ADDRESS",
                format!("8'd{}", 1 << reg::ERROR.field("bad_address").lsb),
            ),
            ("OVERLAP", "1'b1".into()),
            (
                "WAITS_FOR_PORT",
                (engine::BusState::Port as usize).to_string(),
            ),
        ],
        reach: Reach::Always,
        faults: &[
            ("start_q$d = idle &", "start_q$d ="),
            (
                "descriptor_write_q$d = is_descriptor$q &",
                "descriptor_write_q$d =",
            ),
            ("& ~cleared", "& cleared"),
            ("ack = state$q ==", "ack = state$q !="),
        ],
    }
    .check();
}

#[test]
fn wishbone_slave() {
    Proof {
        name: "wishbone",
        modules: vec![("wishbone", emits(wishbone::Slave::default))],
        free: &[],
        numbers: vec![],
        reach: Reach::Always,
        faults: &[
            ("done$d = wants & ~gone$q", "done$d = wants"),
            ("wb_sel_i == whole", "1'b1"),
            ("strobe = running$q", "strobe = running$q & wants"),
            (
                "wb_ack_o = done$q & wb_cyc_i & wb_stb_i",
                "wb_ack_o = done$q",
            ),
        ],
    }
    .check();
}

impl Proof {
    /// That it holds, and with no fault.
    fn check(&self) {
        let verilog = self.verilog();
        let (status, seconds, folder) = self.run(&verilog, "sound");
        assert_eq!(status, "PASS", "{}: see {}", self.name, folder.display());
        println!("{}: {}, {seconds:.0} s", self.name, self.told());
        for (i, (from, to)) in self.faults.iter().enumerate() {
            assert!(
                verilog.contains(from),
                "{}: no {from:?} in the Verilog",
                self.name
            );
            let (status, _, folder) =
                self.run(&verilog.replacen(from, to, 1), &format!("fault-{i}"));
            let failed = match self.reach {
                Reach::Induction(_) => ["FAIL", "UNKNOWN"].contains(&status.as_str()),
                _ => status == "FAIL",
            };
            assert!(
                failed,
                "{} with {to:?} for {from:?}: {status}, see {}",
                self.name,
                folder.display()
            );
        }
        println!(
            "{}: fails with each of {} faults",
            self.name,
            self.faults.len()
        );
    }

    fn deep() -> bool {
        std::env::var_os("THRESH_PROVE").is_some_and(|value| value == "deep")
    }

    fn told(&self) -> String {
        match self.reach {
            Reach::Always => "proved for all reachable states".into(),
            Reach::Induction(depth) => {
                format!("proved for all reachable states by induction over {depth} cycles")
            }
            Reach::Within(quick, deep) => {
                format!(
                    "proved for the first {} cycles",
                    if Self::deep() { deep } else { quick }
                )
            }
        }
    }

    /// The modules with the properties in their place, and what is free made so.
    fn verilog(&self) -> String {
        let mut verilog = String::new();
        for (name, emit) in &self.modules {
            verilog += &emit(name).verilog;
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("proofs")
            .join(self.name)
            .with_extension("sv");
        let properties = fs::read_to_string(&file).expect("the properties are there");
        let mut numbers = String::new();
        for (name, value) in &self.numbers {
            let _ = writeln!(numbers, "    localparam {name} = {value};");
        }
        let own = properties
            .find("\nmodule ")
            .map(|at| at + properties[at..].find(";\n").expect("a header") + 2);
        match own {
            Some(at) => verilog += &(properties[..at].to_owned() + &numbers + &properties[at..]),
            None => {
                let module = self.modules[0].0;
                let begin = verilog
                    .find(&format!("module {module}("))
                    .expect("the module is there");
                let end = begin + verilog[begin..].find("endmodule").expect("it ends");
                verilog.insert_str(end, &(numbers + &properties));
            }
        }
        for free in self.free {
            verilog = freed(&verilog, free);
        }
        verilog
    }

    /// Runs SymbiYosys: what it says, after how many seconds, and where its files are.
    fn run(&self, verilog: &str, variant: &str) -> (String, f64, PathBuf) {
        let tools = PathBuf::from(
            std::env::var_os("THRESH_TOOLS").expect("run cargo inside the repository"),
        );
        let numbers: String = self
            .numbers
            .iter()
            .map(|(_, value)| value.replace('\'', "_") + "-")
            .collect();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("proofs")
            .join(if self.name == "line" {
                format!("line-{numbers}")
            } else {
                self.name.into()
            })
            .join(variant);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("design.sv"), verilog).expect("written");
        let (mode, depth, solver) = match self.reach {
            Reach::Always => ("prove", 0, "abc pdr"),
            Reach::Induction(depth) => ("prove", depth, "smtbmc z3"),
            Reach::Within(_, depth) if Self::deep() => ("bmc", depth, "abc bmc3"),
            Reach::Within(depth, _) => ("bmc", depth, "abc bmc3"),
        };
        let depth = if depth == 0 {
            String::new()
        } else {
            format!("depth {depth}\n")
        };
        let limit = if Self::deep() { DEEP_LIMIT } else { LIMIT };
        let script = format!(
            "[options]\nmode {mode}\n{depth}timeout {limit}\naigsmt z3\n[engines]\n{solver}\n[script]\n\
             read_verilog -formal -sv design.sv\nprep -top {}\n[files]\ndesign.sv\n",
            self.name
        );
        fs::write(folder.join("proof.sby"), script).expect("written");
        let start = Instant::now();
        let sby = tools.join("bin/sby");
        let output = Command::new(&sby)
            .args(["-f", "proof.sby"])
            .current_dir(&folder)
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}: run scripts/setup", sby.display()));
        fs::write(folder.join("log"), output.stdout).expect("written");
        let status = fs::read_to_string(folder.join("proof/status")).unwrap_or_default();
        let word = status
            .split_whitespace()
            .next()
            .unwrap_or("no status")
            .to_owned();
        (word, start.elapsed().as_secs_f64(), folder)
    }
}

/// The module `name` with outputs that give anything.
fn freed(verilog: &str, name: &str) -> String {
    let begin = verilog
        .find(&format!("module {name}("))
        .unwrap_or_else(|| panic!("no module {name}"));
    let end = begin + verilog[begin..].find("endmodule").expect("it ends");
    // The ports end where the next comment begins.
    let head = verilog[begin..end]
        .match_indices("//")
        .nth(1)
        .expect("a module has two comments at least")
        .0;
    let ports = &verilog[begin..begin + head];
    let mut body = String::new();
    for line in ports
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("output reg"))
    {
        let declared = line
            .trim_start_matches("output reg")
            .trim_end_matches(';')
            .trim();
        let (range, port) = declared.rsplit_once(' ').unwrap_or(("", declared));
        let _ = write!(
            body,
            "(* anyseq *) wire {range} any_{port};\nalways @(*) {port} = any_{port};\n"
        );
    }
    assert!(!body.is_empty(), "{name} has no output");
    verilog[..begin].to_owned() + ports + &body + &verilog[end..]
}
