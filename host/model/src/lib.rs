//! Networks, the packed image, the packer and the bit-exact reference of Thresh.
//!
//! [`Network`] is what training and compression leave; [`pack`](pack::pack) turns it into an
//! [`Image`] for one configuration of the engine; [`Reference`] says, bit for bit, what the engine
//! computes from that image. The crate shares no code with the gateware, only the facts of
//! `thresh-regs`.

mod bits;
pub mod cycles;
pub mod entropy;
pub mod geometry;
pub mod huffman;
pub mod idx;
pub mod image;
pub mod network;
pub mod pack;
pub mod random;
pub mod reference;
pub mod stream;
pub mod synthetic;

pub use geometry::Geometry;
pub use huffman::CodeLengths;
pub use idx::Dataset;
pub use image::{Image, ImageError, MapSize, Pass, PeData, Run, Transfer};
pub use network::{
    Activation, Frame, Hashed, Head, Layer, Network, NetworkError, Operator, Shape, Weights, Window,
};
pub use pack::{PackError, PackOptions};
pub use reference::{Outputs, Reference};
