//! The tables of a TensorFlow Lite file that are read, with the numbers of their fields.
//!
//! Every access is checked against the bytes; fields that are not listed are skipped.

use planus::errors::ErrorKind;
use planus::table_reader::Table;
use planus::{Error, Vector, VectorReadInner};
use planus::{ReadAsRoot, SliceWithStartOffset, TableRead};

/// A table whose fields are read by number.
macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty = $slot:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name<'a>(Table<'a>);

        impl<'a> $name<'a> {
            $(
                pub fn $field(&self) -> Result<Option<$kind>, Error> {
                    self.0.access($slot, stringify!($name), stringify!($field))
                }
            )*
        }

        impl<'a> TableRead<'a> for $name<'a> {
            fn from_buffer(
                buffer: SliceWithStartOffset<'a>,
                offset: usize,
            ) -> Result<Self, ErrorKind> {
                Table::from_buffer(buffer, offset).map($name)
            }
        }

        impl<'a> VectorReadInner<'a> for $name<'a> {
            type Error = Error;
            const STRIDE: usize = 4;

            unsafe fn from_buffer(
                buffer: SliceWithStartOffset<'a>,
                offset: usize,
            ) -> Result<Self, Error> {
                let at = buffer.offset_from_start;
                let table = <Self as TableRead<'a>>::from_buffer(buffer, offset);
                table.map_err(|kind| kind.with_error_location(stringify!($name), "get", at))
            }
        }
    )*};
}

/// Tables one behind the other.
pub(crate) type Tables<'a, T> = Vector<'a, Result<T, Error>>;

tables! {
    /// A whole file.
    Model {
        version: u32 = 0,
        operator_codes: Tables<'a, OperatorCode<'a>> = 1,
        subgraphs: Tables<'a, SubGraph<'a>> = 2,
        buffers: Tables<'a, Buffer<'a>> = 4,
    }
    /// An operator that the file uses.
    OperatorCode {
        deprecated_builtin_code: i8 = 0,
        custom_code: &'a [u8] = 1,
        builtin_code: i32 = 3,
    }
    /// A graph.
    SubGraph {
        tensors: Tables<'a, Tensor<'a>> = 0,
        inputs: Vector<'a, i32> = 1,
        outputs: Vector<'a, i32> = 2,
        operators: Tables<'a, Operator<'a>> = 3,
    }
    /// A value of a graph.
    Tensor {
        shape: Vector<'a, i32> = 0,
        r#type: i8 = 1,
        buffer: u32 = 2,
        name: &'a [u8] = 3,
        quantization: QuantizationParameters<'a> = 4,
        sparsity: Other<'a> = 6,
        shape_signature: Vector<'a, i32> = 7,
        external_buffer: u32 = 10,
    }
    /// How integers stand for real numbers.
    QuantizationParameters {
        scale: Vector<'a, f32> = 2,
        zero_point: Vector<'a, i64> = 3,
        quantized_dimension: i32 = 6,
    }
    /// A node of a graph.
    Operator {
        opcode_index: u32 = 0,
        inputs: Vector<'a, i32> = 1,
        outputs: Vector<'a, i32> = 2,
        builtin_options: Other<'a> = 4,
    }
    /// Bytes of a constant.
    Buffer {
        data: &'a [u8] = 0,
        offset: u64 = 1,
        size: u64 = 2,
    }
    /// A table whose fields depend on something else.
    Other {}
}

impl<'a> ReadAsRoot<'a> for Model<'a> {
    fn read_as_root(slice: &'a [u8]) -> planus::Result<Self> {
        let buffer = SliceWithStartOffset {
            buffer: slice,
            offset_from_start: 0,
        };
        let model = <Self as TableRead<'a>>::from_buffer(buffer, 0);
        model.map_err(|kind| kind.with_error_location("[Model]", "read_as_root", 0))
    }
}

impl<'a> Other<'a> {
    /// Field `slot`, if it is there.
    pub fn field<T: TableRead<'a>>(&self, slot: usize) -> Result<Option<T>, Error> {
        self.0.access(slot, "options", "field")
    }
}
