//! Money is integers: no floating-point type is named where amounts, prices or health are computed. (Clippy refuses floating-point arithmetic; this
//! refuses the types, too.)

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "tests: the allowance in clippy.toml does not reach functions beside the test functions"
)]

use std::{fs, path::Path};

fn check(directory: &Path, found: &mut Vec<String>, files: &mut usize) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            check(&path, found, files);
            continue;
        }
        *files += 1;
        for (line, number) in fs::read_to_string(&path).unwrap().lines().zip(1..) {
            let is_float = |word: &str| ["f32", "f64", "f128", "as_f64", "from_f64"].contains(&word);
            if line.split(|c: char| !c.is_alphanumeric() && c != '_').any(is_float) {
                found.push(format!("{}:{number}: {line}", path.display()));
            }
        }
    }
}

#[test]
fn no_floating_point_type_is_named_in_domain_or_keeper() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (mut found, mut files) = (Vec::new(), 0);
    for name in ["domain", "keeper"] {
        check(&crates.join(name).join("src"), &mut found, &mut files);
    }
    assert!(files > 40, "only {files} files were found");
    assert!(found.is_empty(), "{found:#?}");
}
