//! The `brisk` binary.
fn main() {}
