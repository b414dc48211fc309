//! Prints `docs/registers.md`.
fn main() {
    print!("{}", thresh_regs::registers_markdown());
}
