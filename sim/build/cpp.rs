//! From Verilog to object files.

use crate::catalogue::Model;
use crate::tools::Tools;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Two-state, since all flip-flops are initialised; lints are a test of their own.
const VERILATOR: &[&str] = &[
    "--cc",
    "-O3",
    "--x-assign",
    "fast",
    "--x-initial",
    "fast",
    "--noassert",
    "--no-timing",
    "--output-split",
    "0",
    "-Wno-lint",
    "-Wno-style",
    // A port may be called like a C++ function; it is renamed then, see `shim`.
    "-Wno-SYMRSVDWORD",
];

/// For Yosys' cell models, which are not ours to mend.
const CELLS: &[&str] = &[
    "-Wno-TIMESCALEMOD",
    "-Wno-SPECIFYIGN",
    "-Wno-MODDUP",
    "-Wno-REDEFMACRO",
    "-Wno-INITIALDLY",
];

/// The hand-written part of the C++.
pub fn folder() -> PathBuf {
    Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("cpp")
}

fn trace() -> bool {
    env::var_os("CARGO_FEATURE_TRACE").is_some()
}

fn compiler(tools: &Tools) -> cc::Build {
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++17")
        .warnings(false)
        .cargo_metadata(false)
        .include(&tools.include)
        .include(tools.include.join("vltstd"))
        .include(folder())
        .define("VL_IGNORE_UNKNOWN_ARCH", None);
    if trace() {
        build
            .define("THRESH_TRACE", None)
            .define("VM_TRACE", "1")
            .define("VM_TRACE_VCD", "1");
    }
    build
}

fn compile(mut build: cc::Build, source: &Path) -> PathBuf {
    build.file(source).compile_intermediates().remove(0)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rename(from: &Path, to: &Path) {
    fs::rename(from, to).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// The C++ identifier of a model.
fn identifier(name: &str) -> String {
    name.replace('-', "_")
}

/// Makes a model's object file, or takes that of the last run when nothing it is made of has changed.
///
/// # Errors
/// What Verilator says against the Verilog.
pub fn build(tools: &Tools, out: &Path, model: &Model) -> Result<PathBuf, String> {
    let id = identifier(&model.name);
    let folder = out.join(&id);
    let source = out.join(format!("{id}.v"));
    let prefix = format!("V{id}");
    let folder_name = folder.to_str().expect("the build folder's path is UTF-8");
    let mut arguments = VERILATOR.to_vec();
    arguments.extend(["--top-module", &model.module.name, "--prefix", &prefix]);
    arguments.extend(["--Mdir", folder_name]);
    if trace() {
        arguments.push("--trace-vcd");
    }
    let cells = model.cells.as_ref().map(|cells| {
        let file = cells.file.to_str().expect("the tools' path is UTF-8");
        (file, format!("+incdir+{}", cells.include.display()))
    });
    if let Some((file, include)) = &cells {
        arguments.extend(CELLS);
        // A library: modules of the source itself go before its own.
        arguments.extend([include.as_str(), "-v", file]);
    }

    let key_path = out.join(format!("{id}.key"));
    let key = [
        &arguments.join(" "),
        &read(&tools.include.join("verilated_config.h")),
        include_str!("cpp.rs"),
        include_str!("../cpp/instance.h"),
        include_str!("../cpp/model.h"),
        &format!("{:?}", model.module.ports),
        &model.module.verilog,
    ]
    .join("\n");
    let object = out.join(format!("{id}.o"));
    if object.exists() && fs::read_to_string(&key_path).is_ok_and(|old| old == key) {
        return Ok(object);
    }

    let _ = fs::remove_file(&key_path);
    let _ = fs::remove_dir_all(&folder);
    write(&source, &model.module.verilog);
    tools.verilate(&arguments, &source)?;
    // One translation unit, so that the whole model can be inlined.
    let header = |name: &str| read(&folder.join(format!("{prefix}{name}.h")));
    let mut text = shim(model, &id, &header(""), &header("___024root"));
    for part in generated(&folder) {
        writeln!(text, "#include \"{}\"", part.display()).expect("a string takes all");
    }
    let unit = out.join(format!("{id}.cpp"));
    write(&unit, &text);
    let mut build = compiler(tools);
    // A netlist is a hundred thousand lines that run for seconds.
    let effort = if cells.is_some() { 1 } else { 3 };
    build.include(&folder).opt_level(effort);
    rename(&compile(build, &unit), &object);
    write(&key_path, &key);
    Ok(object)
}

fn generated(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut parts: Vec<_> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cpp"))
        .collect();
    parts.sort();
    parts
}

/// The model's ports by index, and its entry for the table. `header` and `root` are Verilator's.
fn shim(model: &Model, id: &str, header: &str, root: &str) -> String {
    let (mut list, mut get, mut set) = (String::new(), String::new(), String::new());
    let mut clock = "";
    for (index, port) in model.module.ports.iter().enumerate() {
        let (name, bits) = (&port.name, port.bits);
        assert!(
            (1..=64).contains(&bits),
            "{}: port {name} has {bits} bits, at most 64 fit",
            model.name
        );
        let mut field = name.replace('$', "__024");
        if header.contains(&format!("&__SYM__{field},")) {
            field.insert_str(0, "__SYM__");
        }
        let mask = u64::MAX >> (64 - bits);
        writeln!(
            list,
            "    {{\"{name}\", {bits}, {}}},",
            u8::from(port.input)
        )
        .expect("a string takes all");
        writeln!(get, "        case {index}: return model.{field};").expect("a string takes all");
        if name == "clock" {
            clock = "model.clock = level;";
        } else if port.input {
            writeln!(
                set,
                "        case {index}: model.{field} = value & {mask}ull; break;"
            )
            .expect("a string takes all");
        }
    }
    let memories = memories(root);
    let (mut memory_list, mut peek, mut poke) = (String::new(), String::new(), String::new());
    for (index, memory) in memories.iter().enumerate() {
        let Memory {
            field,
            name,
            words,
            bits,
        } = memory;
        let mask = u64::MAX >> (64 - bits);
        let cell = format!("model.rootp->{field}[word]");
        writeln!(memory_list, "    {{\"{name}\", {words}, {bits}}},").expect("a string takes all");
        writeln!(
            peek,
            "        case {index}: return word < {words} ? {cell} : 0;"
        )
        .expect("a string takes all");
        writeln!(
            poke,
            "        case {index}: if (word < {words}) {cell} = value & {mask}ull; break;"
        )
        .expect("a string takes all");
    }
    // An array has an element at least; the count says how many mean something.
    memory_list.push_str("    {\"\", 0, 0},\n");
    let memory_count = memories.len();
    // Where Verilator keeps the clock's last level. Resetting it saves a quarter of the time.
    let last_level = "__Vtrigprevexpr___TOP__clock__0";
    let negative = model.cells.is_some() || model.module.verilog.contains("negedge");
    let forget = if root.contains(last_level) && !negative {
        format!("model.rootp->{last_level} = 0; return true;")
    } else {
        "(void)model; return false;".into()
    };
    let name = &model.name;
    format!(
        "\
#include \"V{id}.h\"
#include \"V{id}___024root.h\"
#include \"instance.h\"
namespace {{
struct Ports_{id} {{
    static constexpr thresh_port list[] = {{
{list}    }};
    static constexpr unsigned count = sizeof list / sizeof *list;
    static constexpr thresh_memory memories[] = {{
{memory_list}    }};
    static constexpr unsigned memory_count = {memory_count};
    static void clock(V{id} &model, int level) {{ (void)model, (void)level; {clock} }}
    static bool forget_clock(V{id} &model) {{ {forget} }}
    static unsigned long long get(V{id} &model, unsigned port) {{
        switch (port) {{
{get}        }}
        return 0;
    }}
    static void set(V{id} &model, unsigned port, unsigned long long value) {{
        switch (port) {{
{set}        }}
    }}
    static unsigned long long peek(V{id} &model, unsigned memory, unsigned word) {{
        (void)model, (void)word;
        switch (memory) {{
{peek}        }}
        return 0;
    }}
    static void poke(V{id} &model, unsigned memory, unsigned word, unsigned long long value) {{
        (void)model, (void)word, (void)value;
        switch (memory) {{
{poke}        }}
    }}
}};
}}
extern \"C\" const thresh_model thresh_model_{id};
const thresh_model thresh_model_{id} = Instance<V{id}, Ports_{id}>::describe(\"{name}\");
"
    )
}

/// A memory of a module.
struct Memory {
    /// Its field in Verilator's class.
    field: String,
    /// Its name in the module.
    name: String,
    words: u32,
    bits: u32,
}

/// The memories with words of 64 bits at most that Verilator's `root` class has.
fn memories(root: &str) -> Vec<Memory> {
    let memory = |line: &str| {
        // As `VlUnpacked<SData/*15:0*/, 512> engine__DOT__pe__0240__DOT__cells;`
        let line = line.trim().strip_prefix("VlUnpacked<")?;
        let (kind, rest) = line.split_once("/*")?;
        let (range, rest) = rest.split_once("*/, ")?;
        let (words, field) = rest.strip_suffix(';')?.split_once("> ")?;
        let narrow = ["CData", "SData", "IData", "QData"].contains(&kind);
        let name = field.replace("__DOT__", ".").replace("__024", "$");
        (narrow && !field.starts_with("__")).then_some(Memory {
            field: field.into(),
            name,
            words: words.parse().ok()?,
            bits: 1 + range.strip_suffix(":0")?.parse::<u32>().ok()?,
        })
    };
    root.lines().filter_map(memory).collect()
}

/// The list of all models.
pub fn table(tools: &Tools, out: &Path, models: &[Model]) -> PathBuf {
    let mut text = String::from("#include \"model.h\"\nextern \"C\" {\n");
    for model in models {
        writeln!(
            text,
            "extern const thresh_model thresh_model_{};",
            identifier(&model.name)
        )
        .expect("a string takes all");
    }
    text.push_str("const thresh_model *const thresh_models[] = {\n");
    for model in models {
        writeln!(text, "    &thresh_model_{},", identifier(&model.name))
            .expect("a string takes all");
    }
    writeln!(
        text,
        "}};\nconst unsigned thresh_model_count = {};\n}}",
        models.len()
    )
    .expect("a string takes all");
    let unit = out.join("table.cpp");
    write(&unit, &text);
    compile(compiler(tools), &unit)
}

/// What Verilator's models need at run time.
pub fn runtime(tools: &Tools, out: &Path) -> Vec<PathBuf> {
    let mut parts = vec!["verilated.cpp", "verilated_threads.cpp"];
    if trace() {
        parts.push("verilated_vcd_c.cpp");
    }
    parts
        .iter()
        .map(|part| {
            let source = tools.include.join(part);
            let object = out.join(part).with_extension("o");
            let key_path = out.join(part).with_extension("key");
            let key = format!("{}\n{}\n{}", trace(), include_str!("cpp.rs"), read(&source));
            if !object.exists() || !fs::read_to_string(&key_path).is_ok_and(|old| old == key) {
                let _ = fs::remove_file(&key_path);
                let mut build = compiler(tools);
                build.opt_level(2);
                rename(&compile(build, &source), &object);
                write(&key_path, &key);
            }
            object
        })
        .collect()
}

/// Links the objects into the crate.
pub fn archive(objects: &[PathBuf]) {
    cc::Build::new()
        .cpp(true)
        .objects(objects)
        .compile("thresh_models");
}
