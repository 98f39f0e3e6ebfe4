//! `doctor`'s look at the person's servers of tools: each is started as an attempt would start it, asked what it offers,
//! and ended; all at once, each for as long as its own limit says and ten seconds at most.

use super::{Check, ok, warn};
use crate::cli::context::Context;
use crate::cli::style::count;
use crate::cli::term::Hold;
use crate::config::{Config, ToolServer};
use crate::daemon::mcp::Servers;
use std::collections::BTreeMap;

/// Seconds that a server may take here, at most: somebody waits for it.
const PATIENCE: u64 = 10;

pub(super) fn checks(context: &Context) -> Vec<Check> {
    // Mistakes in the file are told by the check of the configuration.
    let config = Config::load(&context.home.config_file()).unwrap_or_default();
    if config.mcp.is_empty() {
        return Vec::new();
    }
    let hold = match Hold::take() {
        Ok(hold) => hold,
        Err(e) => return vec![warn("tools", format!("signals cannot be handled: {e}"), "")],
    };
    std::thread::scope(|scope| {
        let looks: Vec<_> = config
            .mcp
            .iter()
            .map(|(name, server)| {
                let hold = &hold;
                scope.spawn(move || look(name, server, &|| !hold.is_told()))
            })
            .collect();
        looks.into_iter().filter_map(|look| look.join().ok()).collect()
    })
}

fn look(name: &str, server: &ToolServer, wanted: &dyn Fn() -> bool) -> Check {
    let server = ToolServer {
        timeout_s: server.timeout_s.min(PATIENCE),
        ..server.clone()
    };
    let alone = BTreeMap::from([(name.to_owned(), server)]);
    let (servers, wrong) = Servers::open(&alone, wanted);
    let tools = count(servers.tools().len(), "tool");
    match servers.down().into_iter().next() {
        None if wrong.is_empty() => ok("tools", format!("{name} offers {tools}")),
        None => {
            let lost = wrong.len();
            ok(
                "tools",
                format!("{name} offers {tools}, and {lost} without a usable name"),
            )
        }
        Some((_, why)) => warn(
            "tools",
            format!("{name}: {why}"),
            format!("try its `command` yourself; it stands at [mcp.{name}] in config.toml"),
        ),
    }
}
