//! A Linux guest: an initial file system with the program and its data, and QEMU below `thresh serve`.

use serde_json::Value;
use std::fmt;
use std::fs;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A guest that needs longer has failed.
const LIMIT: Duration = Duration::from_secs(60);

/// Status of QEMU when a guest writes 42 to its exit port: twice that and one.
pub const PASSED: i64 = 2 * 42 + 1;

/// What a guest's script begins with. The last thing it does is to write a status to QEMU's exit port; one that ends without, a
/// kernel panic among them, ends QEMU with 0.
const PREAMBLE: &str = "\
#!/bin/busybox sh
export PATH=/bin LD_LIBRARY_PATH=/lib64 THRESH_DATA=/data
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev
quit() { /bin/quit \"$(printf \"\\\\x$(printf %x $1)\")\"; poweroff -f; }
fail() { echo FAIL $1; quit $1; }
pass() { echo; echo PASS; quit 42; }
";

/// Programs of the shell that scripts use.
const APPLETS: [&str; 8] = [
    "sh", "mount", "cat", "grep", "printf", "poweroff", "echo", "su",
];

/// A program that writes the first byte of its argument to port 0xf4, since Debian's kernel has no `/dev/port`: a static ELF file
/// of one segment. Its code is
///
/// ```text
/// mov edi, 0xf4; mov esi, 1; mov edx, 1; mov eax, 173; syscall    ioperm(0xf4, 1, 1)
/// mov rax, [rsp + 16]; mov al, [rax]; out 0xf4, al
/// mov edi, 1; mov eax, 60; syscall                                exit(1)
/// ```
fn quit() -> Vec<u8> {
    const CODE: &[u8] = b"\
        \xbf\xf4\0\0\0\xbe\x01\0\0\0\xba\x01\0\0\0\xb8\xad\0\0\0\x0f\x05\
        \x48\x8b\x44\x24\x10\x8a\0\xe6\xf4\
        \xbf\x01\0\0\0\xb8\x3c\0\0\0\x0f\x05";
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    // An executable for x86-64, version 1.
    file.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    // Entry, program headers, no sections, flags.
    for word in [BASE + HEADERS, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    // Flags; sizes and counts of the headers.
    file.extend([0, 0, 0, 0]);
    for half in [64u16, 56, 1, 64, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    // Loaded, readable and executable: the whole file.
    file.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    let size = HEADERS + CODE.len() as u64;
    for word in [0, BASE, BASE, size, size, 0x1000] {
        file.extend(word.to_le_bytes());
    }
    file.extend(CODE);
    file
}

/// Where the kernel looks for the libraries of a program.
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

pub struct Guest {
    folder: PathBuf,
}

/// How a guest ended.
pub struct Ended {
    /// Exit status of QEMU, none if it was ended.
    pub status: Option<i64>,
    /// What `thresh serve` says of it.
    pub served: Value,
    /// What the guest printed.
    pub console: String,
    command: String,
    elapsed: Duration,
    errors: String,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let console = self.console.lines();
        let rest = console.skip(self.console.lines().count().saturating_sub(60));
        write!(
            f,
            "{}\nended with {:?} after {:.1} s: {}\n{}\n{}",
            self.command,
            self.status,
            self.elapsed.as_secs_f64(),
            self.served,
            rest.collect::<Vec<_>>().join("\n"),
            self.errors
        )
    }
}

fn tools() -> PathBuf {
    PathBuf::from(
        std::env::var_os("THRESH_TOOLS").expect("THRESH_TOOLS is set by .cargo/config.toml"),
    )
}

#[track_caller]
fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}: run scripts/setup", path.display()))
}

impl Guest {
    /// A guest whose files are kept below cargo's folder for tests, so that its command can be run again by hand.
    pub fn new(name: &str) -> Guest {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("pcie")
            .join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        Guest { folder }
    }

    /// Runs `script` in the guest, until it calls `pass` or `fail`.
    pub fn run(self, script: &str) -> Ended {
        let files = self.folder.join("initramfs.cpio");
        fs::write(&files, initramfs(&format!("{PREAMBLE}{script}"))).expect("writable");
        let console = self.folder.join("console");
        let tools = tools();
        let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
        command
            .args(["serve", "--json", "--config", "ulx3s-25f", "--pcie", "--"])
            .arg(tools.join("bin/qemu-system-x86_64"))
            .args("-M pc,accel=tcg,memory-backend=ram0 -m 512 -nodefaults -no-user-config -display none -no-reboot".split(' '))
            .args(["-object", "memory-backend-memfd,id=ram0,size=512M,share=on"])
            .args(["-device", "x-pci-proxy-dev,id=thresh,fd=0"])
            .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=1"])
            .args(["-serial", &format!("file:{}", console.display())])
            .arg("-kernel")
            .arg(tools.join("debian/boot/vmlinuz"))
            .arg("-initrd")
            .arg(&files)
            .args(["-append", "console=ttyS0 quiet panic=-1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that QEMU can be ended with it.
            .process_group(0);
        let text = format!("{command:?}");
        let start = Instant::now();
        let mut child = command.spawn().expect("thresh starts");
        while child.try_wait().expect("a child").is_none() && start.elapsed() < LIMIT {
            std::thread::sleep(Duration::from_millis(20));
        }
        if child.try_wait().expect("a child").is_none() {
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        }
        let output = child.wait_with_output().expect("a child");
        let served: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        Ended {
            status: served["status"].as_i64(),
            served,
            console: String::from_utf8_lossy(&fs::read(console).unwrap_or_default())
                .replace('\r', ""),
            command: text,
            elapsed: start.elapsed(),
            errors: String::from_utf8_lossy(&output.stderr).into(),
        }
    }
}

/// The guest's files: `script` as its first program, a shell, the program with its libraries, an image, the test digits.
fn initramfs(script: &str) -> Vec<u8> {
    let mut archive = Archive::default();
    for folder in [
        "proc",
        "sys",
        "dev",
        "bin",
        "data",
        "data/mnist",
        "lib64",
        "etc",
    ] {
        archive.entry(folder, 0o40755, &[]);
    }
    archive.device("dev/console", 5, 1);
    archive.entry("init", 0o100755, script.as_bytes());
    let busybox = read(&tools().join("debian/bin/busybox"));
    archive.entry("bin/busybox", 0o100755, &busybox);
    for applet in APPLETS {
        archive.entry(&format!("bin/{applet}"), 0o120777, b"busybox");
    }
    archive.entry("bin/quit", 0o100755, &quit());
    archive.entry("etc/passwd", 0o100644, b"user::1000:1000::/:/bin/sh\n");
    let program = Path::new(env!("CARGO_BIN_EXE_thresh"));
    archive.entry("bin/thresh", 0o100755, &read(program));
    for library in libraries(program) {
        let name = library.file_name().expect("a file").to_string_lossy();
        archive.entry(&format!("lib64/{name}"), 0o100755, &read(&library));
    }
    let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("images/lenet-300-100.thresh");
    archive.entry("net.thresh", 0o100644, &read(&image));
    let data = PathBuf::from(std::env::var_os("THRESH_DATA").expect("THRESH_DATA is set"));
    for file in [
        "mnist/test-images.idx3-ubyte",
        "mnist/test-labels.idx1-ubyte",
    ] {
        archive.entry(&format!("data/{file}"), 0o100644, &read(&data.join(file)));
    }
    archive.finish()
}

/// The libraries that a program is linked with, its loader among them.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().expect("ldd runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut found: Vec<PathBuf> = text
        .lines()
        .filter_map(|line| line.split_once("=> ")?.1.split_whitespace().next())
        .map(PathBuf::from)
        .collect();
    assert!(!found.is_empty(), "ldd {}: {text}", program.display());
    found.push(LOADER.into());
    found
}

/// A cpio archive of the kind that the kernel unpacks (newc).
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    fn entry(&mut self, name: &str, mode: u32, data: &[u8]) {
        self.put(name, mode, data, [0, 0]);
    }

    fn device(&mut self, name: &str, major: u32, minor: u32) {
        self.put(name, 0o20600, &[], [major, minor]);
    }

    fn put(&mut self, name: &str, mode: u32, data: &[u8], [major, minor]: [u32; 2]) {
        self.entries += 1;
        let (size, name_size) = (data.len() as u32, name.len() as u32 + 1);
        let fields = [
            self.entries,
            mode,
            0,
            0,
            1,
            0,
            size,
            0,
            0,
            major,
            minor,
            name_size,
            0,
        ];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08X}").bytes());
        }
        self.bytes.extend(name.bytes().chain([0]));
        self.pad();
        self.bytes.extend(data);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }
}
