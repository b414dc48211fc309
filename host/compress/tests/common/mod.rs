//! Digits to learn, and a log of what a run reports.

// Every test program uses a part of it.
#![allow(dead_code)]

use std::{ops::ControlFlow, path::Path, sync::LazyLock};
use thresh_compress::{Context, Data, EpochInfo, Progress, StageInfo};
use thresh_model::{Network, idx};

/// All digits.
pub static MNIST: LazyLock<Data> = LazyLock::new(|| {
    let folder = idx::data_folder().join("mnist");
    Data::read(&folder).expect("MNIST, which scripts/setup fetches")
});

/// Remembers all epochs, and stops after `left` of them.
pub struct Log {
    left: usize,
    pub stages: Vec<StageInfo>,
    pub epochs: Vec<EpochInfo>,
}

impl Log {
    pub fn new(left: usize) -> Self {
        Self {
            left,
            stages: Vec::new(),
            epochs: Vec::new(),
        }
    }
}

impl Progress for Log {
    fn stage(&mut self, info: &StageInfo) {
        self.stages.push(*info);
    }

    fn epoch(&mut self, info: &EpochInfo) -> ControlFlow<()> {
        self.epochs.push(*info);
        self.left -= 1;
        if self.left == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// What a run needs beside options and data.
pub fn context<'a>(folder: Option<&Path>, log: &'a mut Log) -> Context<'a> {
    Context {
        folder: folder.map(Path::to_path_buf),
        command: "thresh test".into(),
        progress: log,
    }
}

/// The network as it is saved.
pub fn bytes(network: &Network) -> Vec<u8> {
    network.to_safetensors().unwrap()
}
