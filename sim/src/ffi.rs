//! The C interface of the models, as bindgen reads it from `cpp/model.h`.
#![allow(non_camel_case_types, non_upper_case_globals, missing_docs)]

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
