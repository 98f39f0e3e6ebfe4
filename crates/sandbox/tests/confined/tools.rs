//! Real tools of the person do their work inside.

use crate::house::{House, ran, sandbox};
use brisk_sandbox::{Confined, EnvRule, Exit, toolchains};
use std::fs;
use std::path::PathBuf;

#[tokio::test]
async fn cargo_tests_a_crate_without_a_network() {
    let Some(sandbox) = sandbox() else { return };
    let (Some(home), Some(cargo)) = (std::env::home_dir(), std::env::var_os("CARGO")) else {
        println!("SKIPPED: not run by cargo");
        return;
    };
    let house = House::new();
    let manifest = "[package]\nname = \"small\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(house.work().join("Cargo.toml"), manifest).unwrap();
    fs::create_dir(house.work().join("src")).unwrap();
    let source =
        "#[test]\nfn it_holds() {\n    assert!(std::fs::write(\"/usr/brisk-test\", \"\").is_err());\n}\n";
    fs::write(house.work().join("src/lib.rs"), source).unwrap();
    // The toolchain itself, beside what is usual: it may be anywhere.
    let toolchain = PathBuf::from(&cargo);
    let toolchain = toolchain.ancestors().nth(2).map(PathBuf::from);
    let usual = toolchains(&home);
    let own =
        toolchain.filter(|path| !path.starts_with("/usr") && !usual.iter().any(|one| path.starts_with(one)));
    let argv = [
        cargo,
        "test".into(),
        "--offline".into(),
        "--quiet".into(),
        "--lib".into(),
    ];
    let confined = Confined {
        read_only: usual.into_iter().chain(own).collect(),
        writable: vec![house.work()],
        env: vec![
            EnvRule::Pass("PATH".into()),
            EnvRule::Pass("HOME".into()),
            EnvRule::PassPrefix("RUSTUP_".into()),
        ],
        ..Confined::new(argv.to_vec(), house.work())
    };
    let ran = ran(sandbox, confined).await;
    assert_eq!(ran.outcome.exit, Exit::Code(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("1 passed"), "{}", ran.out);
    assert!(house.work().join("target/debug").is_dir());
}
