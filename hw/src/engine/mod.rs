//! The engine, one block a file, in the order of the data path.

mod block_store;
mod broadcast;
mod bus;
mod column_queue;
mod counters;
mod decoder;
mod drain;
mod fifo;
mod host_port;
mod loader;
mod mac;
mod pe;
mod pool;
mod quantiser;
mod scan;
mod sequencer;
mod single_port_store;
mod top;

pub use block_store::BlockStore;
pub use broadcast::Broadcast;
pub use bus::{Bus, BusState};
pub use column_queue::ColumnQueue;
pub use counters::Counters;
pub use decoder::Decoder;
pub use drain::Drain;
pub use fifo::Fifo;
pub use host_port::HostPort;
pub use loader::{Loader, LoaderState};
pub use mac::Mac;
pub use pe::{BlockPe, SinglePortPe};
pub use pool::Pool;
pub use quantiser::Quantiser;
pub use scan::Scan;
pub use sequencer::{Sequencer, SequencerState};
pub use single_port_store::SinglePortStore;
pub use top::{BlockEngine, SinglePortEngine};
