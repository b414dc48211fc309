//! The committed register page is the one that the tables give.

#[test]
fn registers_page_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/registers.md");
    let page = std::fs::read_to_string(path).expect("docs/registers.md");
    assert!(
        page == thresh_regs::registers_markdown(),
        "docs/registers.md is stale: cargo run -p thresh-regs --example registers_md > docs/registers.md"
    );
}
