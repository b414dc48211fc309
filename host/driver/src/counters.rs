//! The performance counters of a run.

use std::iter::Sum;
use std::ops::Add;
use thresh_regs::{Register, reg};

macro_rules! counters {
    ($($name:ident: $register:ident, $doc:literal;)*) => {
        /// What the engine counted between a start and its end.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $(#[doc = $doc] pub $name: u64,)*
        }

        impl Counters {
            /// The register of every counter, by offset.
            pub const REGISTERS: &'static [Register] = &[$(reg::$register),*];

            /// The counters whose registers read `word(register)`.
            pub(crate) fn from_words(word: impl Fn(Register) -> u32) -> Self {
                Counters { $($name: u64::from(word(reg::$register)),)* }
            }

            /// Name and value of every counter, by offset of its register.
            pub fn list(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }

        impl Add for Counters {
            type Output = Counters;

            fn add(self, other: Counters) -> Counters {
                Counters { $($name: self.$name + other.$name,)* }
            }
        }
    };
}

counters! {
    cycles: CYCLES, "Cycles from start to done: the sum of the next four.";
    fetch_cycles: FETCH_CYCLES, "Cycles that fetched descriptors.";
    scan_cycles: SCAN_CYCLES, "Cycles in which activations were scanned and broadcast.";
    flush_cycles: FLUSH_CYCLES, "Cycles after the last broadcast in which PEs still worked.";
    drain_cycles: DRAIN_CYCLES, "Cycles that drained accumulators.";
    macs: MACS, "Multiply-accumulates, summed over PEs, padding zeros included.";
    starved: STARVED, "PE cycles with nothing to do, summed over PEs.";
    seeking: SEEKING, "PE cycles with work but no entry yet, summed over PEs.";
    broadcasts: BROADCASTS, "Activations broadcast to at least one PE.";
    fifo_stalls: FIFO_STALLS, "Cycles in which a broadcast waited for a full activation FIFO.";
}

impl Counters {
    /// The share of all PE cycles that did a multiply-accumulate: MACs / (PEs x cycles); 0 when
    /// nothing ran.
    pub fn utilisation(&self, num_pes: usize) -> f64 {
        match num_pes as u64 * self.cycles {
            0 => 0.0,
            pe_cycles => self.macs as f64 / pe_cycles as f64,
        }
    }
}

impl Sum for Counters {
    fn sum<I: Iterator<Item = Counters>>(counters: I) -> Counters {
        counters.fold(Counters::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_register_is_read_and_summed() {
        let first = Counters::from_words(|r| r.offset);
        let values: Vec<u64> = first.list().iter().map(|&(_, value)| value).collect();
        let offsets: Vec<u64> = Counters::REGISTERS
            .iter()
            .map(|r| r.offset.into())
            .collect();
        assert_eq!(values, offsets);
        let twice: Counters = [first, first].into_iter().sum();
        assert!(
            twice
                .list()
                .iter()
                .zip(offsets)
                .all(|(&(_, sum), offset)| sum == 2 * offset)
        );
    }

    #[test]
    fn utilisation_of_nothing_is_zero() {
        assert_eq!(Counters::default().utilisation(8), 0.0);
        let half = Counters {
            cycles: 10,
            macs: 40,
            ..Counters::default()
        };
        assert_eq!(half.utilisation(8), 0.5);
    }
}
