//! How the module is linked.

fn main() {
    // Its frames are small and nothing recurses: a megabyte, as by default, would be memory that each
    // page pays for, and longer addresses in the module.
    println!("cargo::rustc-link-arg-cdylib=-zstack-size=16384");
}
