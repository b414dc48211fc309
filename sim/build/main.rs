//! Makes Verilated models of the engines and their blocks: Rust-HDL to Verilog, Verilog to C++ by
//! Verilator, C++ to a static library, and bindings to its C interface.

mod blocks;
mod catalogue;
mod cpp;
#[cfg(feature = "netlist")]
mod netlist;
#[cfg(feature = "netlist")]
#[path = "../src/netlist.rs"]
mod netlists;
mod tools;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, thread};
use tools::Tools;

fn main() {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=cpp");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let tools = Tools::find().unwrap_or_else(|error| fail(&error));

    let models = catalogue::models(&out).unwrap_or_else(|error| fail(&error));
    let built = in_parallel(&models, |model| cpp::build(&tools, &out, model));
    let (objects, errors): (Vec<_>, Vec<_>) = built.into_iter().partition(Result::is_ok);
    if !errors.is_empty() {
        let errors: Vec<String> = errors.into_iter().filter_map(Result::err).collect();
        fail(&errors.join("\n"));
    }
    let mut objects: Vec<PathBuf> = objects.into_iter().flatten().collect();
    objects.push(cpp::table(&tools, &out, &models));
    objects.extend(cpp::runtime(&tools, &out));
    cpp::archive(&objects);
    bindings(&out);
}

fn fail(error: &str) -> ! {
    eprintln!("error: {error}");
    std::process::exit(1);
}

/// Maps `work` over `items` on as many threads as cargo allows, in order of the list.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let jobs = env::var("NUM_JOBS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1);
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..jobs.min(items.len()) {
            scope.spawn(|| {
                while let Some((index, item)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    items.get(index).map(|item| (index, item))
                } {
                    let result = work(item);
                    done.lock()
                        .expect("no worker panicked")
                        .push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no worker panicked");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

fn bindings(out: &Path) {
    let header = cpp::folder().join("model.h");
    bindgen::Builder::default()
        .header(header.to_str().expect("the repository's path is UTF-8"))
        .allowlist_item("thresh_.*")
        .layout_tests(false)
        .generate()
        .unwrap_or_else(|error| {
            panic!("bindgen: {error}\nlibclang is installed by scripts/setup and named by LIBCLANG_PATH")
        })
        .write_to_file(out.join("bindings.rs"))
        .unwrap_or_else(|error| panic!("bindings.rs: {error}"));
}
