//! Every crate takes the workspace's lints.

use super::Finding;

/// The findings in a TOML file; other files than a crate's manifest have none.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let ours = path == "xtask/Cargo.toml" || (path.starts_with("crates/") && path.ends_with("/Cargo.toml"));
    if !ours {
        return Vec::new();
    }
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => return vec![Finding::error(path, 0, error.to_string())],
    };
    let inherits = table
        .get("lints")
        .and_then(|lints| lints.get("workspace"))
        .and_then(toml::Value::as_bool);
    if inherits == Some(true) {
        Vec::new()
    } else {
        vec![Finding::error(
            path,
            0,
            "the workspace's lints are missing: `[lints]` with `workspace = true`",
        )]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lints() {
        let cases = [
            ("crates/x/Cargo.toml", "[lints]\nworkspace = true\n", 0),
            ("crates/x/Cargo.toml", "lints.workspace = true\n", 0),
            ("crates/x/Cargo.toml", "# [lints]\n# workspace = true\n", 1),
            ("crates/x/Cargo.toml", "[lints]\nworkspace = false\n", 1),
            ("xtask/Cargo.toml", "[package]\n", 1),
            ("crates/x/Cargo.toml", "[package\n", 1),
            ("Cargo.toml", "[workspace]\n", 0),
            ("fuzz/Cargo.toml", "[package]\n", 0),
        ];
        for (path, text, want) in cases {
            assert_eq!(check(path, text).len(), want, "{path}: {text:?}");
        }
    }
}
