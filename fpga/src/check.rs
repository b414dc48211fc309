//! A report held against what the project says of its engine.

use thresh_regs::{Config, WeightStore};

use crate::{Home, Report, Resource};

/// iCE40 has no distributed RAM, so a small FIFO is flip-flops there. Larger ones are a fault.
const SMALL_MEMORY_BITS: u64 = 64;

/// One statement about the engine, and whether the report bears it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The statement.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was found.
    pub got: String,
}

impl Report {
    /// The claims that an engine built from `config` makes, each checked.
    pub fn claims(&self, config: &Config) -> Vec<Claim> {
        let mut claims = vec![];
        if self.has(Resource::Multiplier) {
            claims.push(self.multipliers(config));
        }
        claims.extend([
            self.store_in_ram(config),
            self.no_flip_flop_memory(),
            self.clock(),
        ]);
        claims
    }

    fn has(&self, resource: Resource) -> bool {
        self.usage.iter().any(|usage| usage.resource == resource)
    }

    fn multipliers(&self, config: &Config) -> Claim {
        let used = self.used(Resource::Multiplier);
        // The other one picks from a pool.
        let (count, text) = match config.store {
            WeightStore::Hashed => (2, "two multipliers"),
            _ => (1, "one multiplier"),
        };
        let all = count * config.num_pes;
        Claim {
            text: format!("{text} a PE, {all} in all"),
            holds: used == all as u64,
            got: used.to_string(),
        }
    }

    fn store_in_ram(&self, config: &Config) -> Claim {
        let (home, name) = match config.store {
            WeightStore::SinglePort if self.has(Resource::Spram) => (Home::Spram, "SPRAM"),
            _ => (Home::BlockRam, "block RAM"),
        };
        let words = 1u64 << config.weight_addr_bits;
        let stores = self
            .memories
            .iter()
            .filter(|memory| memory.home == home && memory.words == words)
            .count();
        Claim {
            text: format!("the weight store of every PE, {words} words, in {name}"),
            holds: stores >= config.num_pes,
            got: format!("{stores} such memories for {} PEs", config.num_pes),
        }
    }

    fn no_flip_flop_memory(&self) -> Claim {
        let found = self.memories_in_flip_flops();
        let names: Vec<String> = found
            .iter()
            .filter(|memory| memory.bits() > SMALL_MEMORY_BITS)
            .map(|memory| format!("{} ({} bits)", memory.name, memory.bits()))
            .collect();
        Claim {
            text: format!("no memory of more than {SMALL_MEMORY_BITS} bits in flip-flops"),
            // A report that knows of no memory at all says nothing about them.
            holds: names.is_empty() && !self.memories.is_empty(),
            got: match (names.is_empty(), self.memories.len()) {
                (true, 0) => "no memory was found".into(),
                (true, count) => format!("none of {count} memories, {} smaller ones", found.len()),
                (false, _) => names.join(", "),
            },
        }
    }

    fn clock(&self) -> Claim {
        Claim {
            text: format!("{} MHz after routing", self.target_mhz),
            holds: self.meets_timing(),
            got: format!("{:.1} MHz", self.fmax_max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    fn held(report: &Report) -> Vec<bool> {
        report
            .claims(Config::named("icebreaker").unwrap())
            .iter()
            .map(|claim| claim.holds)
            .collect()
    }

    #[test]
    fn every_claim_can_fail_by_itself() {
        let mut report = sample();
        report.usage.remove(2);
        assert_eq!(
            held(&report),
            [true, true, true],
            "no multipliers, no claim"
        );
        assert_eq!(held(&sample()), [true, true, true, true]);
        let mut report = sample();
        report.usage[2].used = 5;
        assert_eq!(held(&report), [false, true, true, true]);
        let mut report = sample();
        report.memories[0].home = Home::BlockRam;
        assert_eq!(held(&report), [true, false, true, true]);
        let mut report = sample();
        report.memories[0].words = 8192;
        assert_eq!(held(&report), [true, false, true, true]);
        let mut report = sample();
        report.memories.push(crate::Memory {
            name: "fifo".into(),
            words: 8,
            width: 8,
            home: Home::FlipFlops,
        });
        assert_eq!(held(&report), [true, true, true, true]);
        report.memories.last_mut().unwrap().width = 9;
        assert_eq!(held(&report), [true, true, false, true]);
        assert!(
            report.claims(Config::named("icebreaker").unwrap())[2]
                .got
                .contains("fifo (72 bits)")
        );
        let mut report = sample();
        report.target_mhz = 22.0;
        assert_eq!(held(&report), [true, true, true, false]);
        let mut report = sample();
        report.memories.clear();
        assert_eq!(held(&report), [true, false, false, true]);
    }
}
