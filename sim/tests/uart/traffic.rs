//! Random accesses whose results are known, and of which none may happen twice.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use thresh_driver::{Transport, TransportError};
use thresh_model::{Reference, random};
use thresh_regs::{ACTIVATION_WINDOW, Config, reg};

/// Status reads until a load must have ended.
const POLLS: usize = 100;

/// Activation memory as it must be, and the accesses to come.
pub struct Traffic {
    random: ChaCha8Rng,
    memory: Vec<u32>,
}

impl Traffic {
    /// For the engine of `config`, whose activation memory is set to zeros by [`clear`](Self::clear).
    pub fn new(config: &Config, seed: u64) -> Self {
        let words = (config.num_pes << config.act_addr_bits) / config.acts_per_word();
        Traffic {
            random: ChaCha8Rng::seed_from_u64(seed),
            memory: vec![0; words],
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.random.next_u64() % bound as u64) as usize
    }

    /// Resets the engine and sets its activation memory to zeros.
    pub fn clear(&mut self, link: &mut impl Transport) -> Result<(), TransportError> {
        self.memory.fill(0);
        link.write(reg::CONTROL.offset, &[reg::CONTROL.field("reset").put(1)])?;
        settle(link)?;
        link.write(reg::ERROR.offset, &[u32::MAX])?;
        link.write(ACTIVATION_WINDOW.offset, &self.memory)
    }

    /// Waits for every write before.
    pub fn fence(&self, link: &mut impl Transport) -> Result<(), TransportError> {
        settle(link)
    }

    /// One access, or a few that belong together.
    ///
    /// # Panics
    /// If a result is wrong.
    pub fn transaction(&mut self, link: &mut impl Transport) -> Result<(), TransportError> {
        let (first, kind) = (self.below(self.memory.len()), self.below(8));
        let count = 1 + self.below(self.memory.len() - first);
        let address = ACTIVATION_WINDOW.offset + 4 * first as u32;
        match kind {
            0..=2 => {
                let words: Vec<u32> = (0..count).map(|_| self.random.next_u64() as u32).collect();
                // The mirror first: some of the words may arrive even if the link fails.
                self.memory[first..first + count].copy_from_slice(&words);
                link.write(address, &words)
            }
            3..=6 => {
                let mut words = vec![0; count];
                link.read(address, &mut words)?;
                assert_eq!(words, self.memory[first..first + count], "wrong words read");
                Ok(())
            }
            _ => self.stream(link),
        }
    }

    /// Streams words into a load that takes just as many. One too few leaves it open, one too many is an error.
    fn stream(&mut self, link: &mut impl Transport) -> Result<(), TransportError> {
        let count = 1 + self.below(100);
        let words: Vec<u32> = (0..count).map(|_| self.random.next_u64() as u32).collect();
        link.write(
            reg::LOAD_TARGET.offset,
            &[reg::LOAD_TARGET.field("raw").put(1)],
        )?;
        let halves = reg::LOAD_COLUMN.field("count").put(2 * count as u32);
        link.write(reg::LOAD_COLUMN.offset, &[halves, 0])?;
        link.write(reg::CONTROL.offset, &[reg::CONTROL.field("load").put(1)])?;
        link.write_stream(reg::STREAM.offset, &words)?;
        settle(link)?;
        let mut errors = [0];
        link.read(reg::ERROR.offset, &mut errors)?;
        assert_eq!(errors, [0], "words arrived twice or not at all");
        Ok(())
    }
}

/// Waits until the engine is idle.
fn settle(link: &mut impl Transport) -> Result<(), TransportError> {
    let busy = ["busy", "loading", "clearing"].map(|name| reg::STATUS.field(name));
    for _ in 0..POLLS {
        let mut status = [0];
        link.read(reg::STATUS.offset, &mut status)?;
        if busy.iter().all(|field| field.get(status[0]) == 0) {
            return Ok(());
        }
    }
    panic!("the engine is not idle after {POLLS} polls: words are missing");
}

/// Loads a random network over `link`, runs it, and compares the logits with the reference.
pub fn runs_a_network<T: Transport>(link: T, config: &Config, seed: u64) -> T {
    let image = random::image(config, seed);
    let input = random::input(&image, 0.5, seed);
    let expected = Reference::new(&image)
        .expect("sound")
        .run(&input)
        .expect("sized");
    let mut device = thresh_driver::Device::open(link).expect("an engine");
    device.load(&image).expect("loads");
    assert_eq!(device.run(&input).expect("runs").logits, expected.logits);
    device.into_transport()
}
