//! The blocks that have a model, each in a small instance so that random inputs meet all its
//! corners. The build script and the lock-step benches share this list.

use thresh_hw::engine;
use thresh_hw::pcie;
use thresh_hw::primitives;
use thresh_hw::uart;
use thresh_hw::wishbone;

macro_rules! blocks {
    (@new $alias:ident) => { <$alias>::default() };
    (@new $alias:ident $new:ident) => { $new() };
    ($($name:ident: $alias:ident = $kind:ty $(, $new:ident)?;)*) => {
        $(pub type $alias = $kind;)*

        /// Name and emitter of every block.
        #[allow(dead_code, reason = "the benches use the types only")]
        pub const BLOCKS: &[(&str, fn(&str) -> thresh_hw::Module)] =
            &[$((stringify!($name), |name| thresh_hw::emit(name, blocks!(@new $alias $($new)?)))),*];
    };
}

blocks! {
    block_ram: BlockRam = primitives::BlockRam<3, 12>;
    lut_ram: LutRam = primitives::LutRam<3, 12>;
    pointer_ram: PointerRam = primitives::PointerRam<3, 12>;
    multiplier: Multiplier = primitives::Multiplier<9, 16, 25>;
    multiplier_16: Multiplier16 = primitives::Multiplier<16, 17, 32>;
    shifter: Shifter = primitives::Shifter<8>;
    shifter_16: Shifter16 = primitives::Shifter<16>;
    token_words: TokenWords = primitives::TokenWords<3, 9, 10, 2>;
    single_port_ram: SinglePortRam = primitives::SinglePortRam<3, 16>;
    fifo: Fifo = engine::Fifo<2, 5, 4, 9, 1>;
    fifo_16: Fifo16 = engine::Fifo<2, 5, 4, 17, 1>;
    token_fifo: TokenFifo = engine::TokenFifo<2, 3, 4, 9, 10, 2>;
    column_queue: ColumnQueue = engine::ColumnQueue<2, 5, 6, 4, 9>;
    column_queue_16: ColumnQueue16 = engine::ColumnQueue<2, 5, 6, 4, 17>;
    block_store: BlockStore = engine::BlockStore<4, 18, 5, 4, 9, 2>;
    block_store_16: BlockStore16 = engine::BlockStore<4, 18, 5, 4, 17, 2>;
    column_seek: ColumnSeek = engine::ColumnSeek<4, 5, 4, 9, 2>;
    hash_round: HashRound = engine::HashRound<7, 1, 15, 5>;
    hashed_store: HashedStore = engine::HashedStore<8, 16, 5, 9, 9, 2, 8, 2>;
    hashed_store_16: HashedStore16 = engine::HashedStore<8, 16, 5, 9, 17, 2, 8, 2>;
    single_port_store: SinglePortStore = engine::SinglePortStore<5, 16, 3, 4, 9>;
    mac: Mac = engine::Mac<9, 8, 16, 8, 9, 1>;
    mac_16: Mac16 = engine::Mac<9, 8, 16, 8, 17, 1>;
    pool: Pool = engine::Pool<8, 1>;
    pool_16: Pool16 = engine::Pool<16, 1>;
    quantiser: Quantiser = engine::Quantiser<8>;
    quantiser_16: Quantiser16 = engine::Quantiser<16>;
    decoder: Decoder = engine::Decoder;
    loader: Loader = engine::Loader<2, 2, 6, 4, 16, 8, 1>;
    scan: Scan = engine::Scan<4, 4, 5, 5, 8, 4, 8, 9, 1>;
    scan_16: Scan16 = engine::Scan<4, 4, 5, 5, 8, 4, 16, 17, 1>;
    broadcast: Broadcast = engine::Broadcast<4, 5, 4, 9>;
    broadcast_16: Broadcast16 = engine::Broadcast<4, 5, 4, 17>;
    drain: Drain = engine::Drain<5, 5, 4, 4, 8, 1>;
    drain_16: Drain16 = engine::Drain<5, 5, 4, 4, 16, 1>;
    counters: Counters = engine::Counters<4, 4>;
    host_port_1: HostPort1 = engine::HostPort<1, 5, 8, 4, 2, 0, 8>;
    host_port_2: HostPort2 = engine::HostPort<2, 5, 8, 2, 1, 0, 16>;
    host_port_8: HostPort8 = engine::HostPort<8, 5, 8, 1, 0, 1, 0>;
    host_port_1_16: HostPort1Of16 = engine::HostPort<1, 5, 16, 2, 1, 0, 16>;
    host_port_2_16: HostPort2Of16 = engine::HostPort<2, 5, 16, 1, 0, 0, 0>;
    host_port_8_16: HostPort8Of16 = engine::HostPort<8, 5, 16, 1, 0, 2, 0>;
    sequencer: Sequencer = engine::Sequencer<6, 5, 6, 5, 5, 6, 4, 1, 1>;
    bus: Bus = engine::Bus<6, 6, 6, 6, 1, 1>, new_bus;
    block_pe: BlockPe = engine::BlockPe<2, 4, 5, 8, 8, 16, 8, 8, 9, 1, 2>;
    block_pe_16: BlockPe16 = engine::BlockPe<2, 4, 5, 8, 8, 16, 8, 16, 17, 1, 2>;
    hashed_pe: HashedPe = engine::HashedPe<2, 8, 5, 9, 8, 16, 8, 8, 9, 1, 2, 2>;
    pcie_check: PcieCheck = pcie::Check;
    pcie_intake: PcieIntake = pcie::Intake<8>;
    pcie_unpack: PcieUnpack = pcie::Unpack;
    pcie_span: PcieSpan = pcie::Span;
    pcie_bridge: PcieBridge = pcie::Bridge;
    pcie_sender: PcieSender = pcie::Sender;
    pcie_counters: PcieCounters = pcie::Counters;
    pcie_endpoint: PcieEndpoint = pcie::Endpoint;
    single_port_pe: SinglePortPe = engine::SinglePortPe<2, 5, 3, 8, 8, 16, 8, 8, 9, 0, 10, 2>;
    uart_receiver: UartReceiver = uart::Receiver;
    uart_transmitter: UartTransmitter = uart::Transmitter;
    uart_crc: UartCrc = uart::Crc;
    uart_deframer: UartDeframer = uart::Deframer;
    uart_framer: UartFramer = uart::Framer;
    uart_executor: UartExecutor = uart::Executor;
    uart_bridge: UartBridge = uart::Bridge;
    wishbone_slave: WishboneSlave = wishbone::Slave;
}

/// A bus whose constant registers are easy to tell apart.
pub fn new_bus() -> Bus {
    Bus::new(std::array::from_fn(|i| 0x1111_1111 * (i as u32 + 1)))
}
