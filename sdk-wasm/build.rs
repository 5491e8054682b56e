//! How the module is linked.

fn main() {
    // Its frames are small, less than 1,000 bytes together, and nothing recurses. A megabyte, as by default,
    // would be memory that each page pays for, and longer addresses in the module.
    println!("cargo::rustc-link-arg-cdylib=-zstack-size=4096");
}
