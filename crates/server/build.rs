//! Compiles the page in again whenever its files change.

fn main() {
    println!("cargo:rerun-if-changed=page/dist");
}
