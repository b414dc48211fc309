//! The bus, the windows and the error bits of a Verilated engine, access by access.

#[path = "../common/mod.rs"]
mod common;
mod errors;
mod windows;

use thresh_driver::Transport;
use thresh_regs::Register;
use thresh_sim::VirtualDevice;

/// Status reads until a state must be reached.
const POLLS: usize = 10_000;

/// Short names for single accesses.
trait Words {
    fn get(&mut self, register: Register) -> u32;
    fn put(&mut self, register: Register, word: u32);
    fn wait_while(&mut self, field: &str);
}

impl Words for VirtualDevice {
    fn get(&mut self, register: Register) -> u32 {
        let mut word = [0];
        self.read(register.offset, &mut word).expect("acknowledged");
        word[0]
    }
    fn put(&mut self, register: Register, word: u32) {
        self.write(register.offset, &[word]).expect("acknowledged");
    }
    fn wait_while(&mut self, field: &str) {
        let status = thresh_regs::reg::STATUS;
        let ended = (0..POLLS).any(|_| status.field(field).get(self.get(status)) == 0);
        assert!(ended, "STATUS.{field} does not fall");
    }
}
