//! Prints the tables of `docs/uart.md`.
fn main() {
    print!("{}", thresh_regs::uart::markdown());
}
