use super::{BlockStore, Fifo, HashedStore, Mac, Pool, Quantiser, SinglePortStore, TokenFifo};
use rust_hdl_core::prelude::*;

macro_rules! pe {
    ($(#[$doc:meta])* $name:ident, $fifo:ty, $store:ty, $forward:literal, [$($generic:ident),*]) => {
        $(#[$doc])*
        ///
        /// Wiring only: FIFO, weight store, multiply-accumulate, quantiser, pool.
        #[derive(LogicBlock, Default)]
        pub struct $name<$(const $generic: usize),*> {
            /// Clock.
            pub clock: Signal<In, Clock>,
            /// Drops all tokens.
            pub abort: Signal<In, Bit>,
            /// Take a token.
            pub push: Signal<In, Bit>,
            /// Its column pointer index.
            pub push_column: Signal<In, Bits<C>>,
            /// Its activation, two's complement.
            pub push_value: Signal<In, Bits<V>>,
            /// Its accumulator base.
            pub push_base: Signal<In, Bits<R>>,
            /// Segments of the column that it means.
            pub push_count: Signal<In, Bits<4>>,
            /// The FIFO has no room.
            pub full: Signal<Out, Bit>,
            /// Codebook address of code 0.
            pub codebook_base: Signal<In, Bits<K>>,
            /// Write a codebook weight.
            pub codebook_write: Signal<In, Bit>,
            /// Its address.
            pub codebook_address: Signal<In, Bits<K>>,
            /// Its value.
            pub codebook_data: Signal<In, Bits<16>>,
            /// Write a word of the weight store.
            pub entry_write: Signal<In, Bit>,
            /// Its address.
            pub entry_address: Signal<In, Bits<W>>,
            /// Its value.
            pub entry_data: Signal<In, Bits<E>>,
            /// Write a column pointer.
            pub pointer_write: Signal<In, Bit>,
            /// What would be written is a column pointer.
            pub pointing: Signal<In, Bit>,
            /// Its index.
            pub pointer_address: Signal<In, Bits<C>>,
            /// Its value.
            pub pointer_data: Signal<In, Bits<W>>,
            /// The drain has store and accumulators.
            pub draining: Signal<In, Bit>,
            /// Accumulator to drain.
            pub drain_address: Signal<In, Bits<R>>,
            /// Store address of its bias.
            pub bias_address: Signal<In, Bits<W>>,
            /// Set an accumulator to zero.
            pub clear: Signal<In, Bit>,
            /// Which.
            pub clear_address: Signal<In, Bits<R>>,
            /// Places of the quantiser's shifter.
            pub amount: Signal<In, Bits<5>>,
            /// Clamp to unsigned.
            pub relu: Signal<In, Bit>,
            /// Drain whole sums, part by part.
            pub wide: Signal<In, Bit>,
            /// The activation that leaves the quantiser is the first of its pool window.
            pub pool_first: Signal<In, Bit>,
            /// The pass is hashed: this and the next five are for a hashed store.
            pub hashed: Signal<In, Bit>,
            /// Column pointer index of the pool.
            pub hash_pool: Signal<In, Bits<C>>,
            /// Words of the pool.
            pub hash_length: Signal<In, Bits<16>>,
            /// Rows of a column.
            pub hash_rows: Signal<In, Bits<W>>,
            /// Bits of a row that the index of its words has.
            pub hash_mask: Signal<In, Bits<4>>,
            /// Number of the PE.
            pub number: Signal<In, Bits<6>>,
            /// The activation drained.
            pub activation: Signal<Out, Bits<B>>,
            /// A multiply-accumulate begins.
            pub macs: Signal<Out, Bit>,
            /// There is work, but no entry yet.
            pub seeking: Signal<Out, Bit>,
            /// Anything is under way.
            pub busy: Signal<Out, Bit>,
            fifo: $fifo,
            store: $store,
            mac: Mac<R, K, E, Q, V, $forward>,
            quantiser: Quantiser<B>,
            pool: Pool<B, MAPS>,
            waiting: Signal<Local, Bit>,
        }

        impl<$(const $generic: usize),*> Logic for $name<$($generic),*> {
            #[hdl_gen]
            fn update(&mut self) {
                self.fifo.clock.next = self.clock.val();
                self.store.clock.next = self.clock.val();
                self.mac.clock.next = self.clock.val();
                self.quantiser.clock.next = self.clock.val();
                self.pool.clock.next = self.clock.val();

                self.fifo.clear.next = self.abort.val();
                self.fifo.push.next = self.push.val();
                self.fifo.push_column.next = self.push_column.val();
                self.fifo.push_value.next = self.push_value.val();
                self.fifo.push_base.next = self.push_base.val();
                self.fifo.push_count.next = self.push_count.val();
                self.full.next = self.fifo.full.val();

                self.store.clear.next = self.abort.val();
                self.store.seek.next = self.fifo.valid.val();
                self.store.seek_column.next = self.fifo.column.val();
                self.store.seek_value.next = self.fifo.value.val();
                self.store.seek_base.next = self.fifo.base.val();
                self.store.seek_count.next = self.fifo.count.val();
                self.fifo.pop.next = self.fifo.valid.val() & self.store.ready.val();
                self.store.draining.next = self.draining.val();
                self.store.bias_address.next = self.bias_address.val();
                self.store.entry_write.next = self.entry_write.val();
                self.store.entry_address.next = self.entry_address.val();
                self.store.entry_data.next = self.entry_data.val();
                self.store.pointer_write.next = self.pointer_write.val();
                self.store.pointing.next = self.pointing.val();
                self.store.pointer_address.next = self.pointer_address.val();
                self.store.pointer_data.next = self.pointer_data.val();
                self.store.hashed.next = self.hashed.val();
                self.store.pool.next = self.hash_pool.val();
                self.store.length.next = self.hash_length.val();
                self.store.hash_rows.next = self.hash_rows.val();
                self.store.mask.next = self.hash_mask.val();
                self.store.number.next = self.number.val();

                self.mac.entry_valid.next = self.store.entry_valid.val();
                self.mac.entry.next = self.store.entry.val();
                self.mac.value.next = self.store.value.val();
                self.mac.base.next = self.store.base.val();
                self.mac.codebook_base.next = self.codebook_base.val();
                self.mac.codebook_write.next = self.codebook_write.val();
                self.mac.codebook_address.next = self.codebook_address.val();
                self.mac.codebook_data.next = self.codebook_data.val();
                self.mac.draining.next = self.draining.val();
                self.mac.drain_address.next = self.drain_address.val();
                self.mac.clear.next = self.clear.val();
                self.mac.clear_address.next = self.clear_address.val();

                self.quantiser.sum.next = self.mac.sum.val();
                self.quantiser.bias.next = self.store.entry.val().get_bits::<16>(0);
                self.quantiser.amount.next = self.amount.val();
                self.quantiser.relu.next = self.relu.val();
                self.quantiser.wide.next = self.wide.val();
                self.pool.first.next = self.pool_first.val();
                self.pool.relu.next = self.relu.val();
                self.pool.value.next = self.quantiser.activation.val();
                self.activation.next = self.pool.largest.val();

                self.waiting.next = self.fifo.valid.val() | self.store.busy.val();
                self.macs.next = self.store.entry_valid.val();
                self.seeking.next = self.waiting.val() & !self.store.entry_valid.val();
                self.busy.next = self.waiting.val() | self.mac.busy.val();
            }
        }
    };
}

pe!(
    /// PE with its weights in block RAM.
    BlockPe, Fifo<F, C, R, V, MAPS>, BlockStore<W, E, C, R, V, X>, 1, [F, W, C, R, K, E, Q, B, V, MAPS, X]
);
pe!(
    /// PE with its weights in block RAM, where they may be picked from pools by a hash. `S` PEs, log2.
    HashedPe, Fifo<F, C, R, V, MAPS>, HashedStore<W, E, C, R, V, X, Q, S>, 1, [F, W, C, R, K, E, Q, B, V, MAPS, X, S]
);
pe!(
    /// PE with its weights in one single-port RAM. Columns are at least two cycles apart, and rows
    /// differ within a column, so sums need no forwarding.
    SinglePortPe, TokenFifo<F, C, R, V, TOKEN, REST>, SinglePortStore<W, E, C, R, V>, 0,
    [F, W, C, R, K, E, Q, B, V, MAPS, TOKEN, REST]
);
