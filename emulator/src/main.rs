//! The `azlet` command.

fn main() {}
