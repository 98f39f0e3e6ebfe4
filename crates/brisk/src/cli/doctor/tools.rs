//! `doctor`'s look at the person's servers of tools: each is started as an attempt would start it, asked what it offers,
//! and ended; all at once, each for as long as its own limit says.

use super::{Check, ok, warn};
use crate::cli::context::Context;
use crate::cli::style::count;
use crate::config::{Config, ToolServer};
use crate::daemon::mcp::Servers;
use std::collections::BTreeMap;

pub(super) fn checks(context: &Context) -> Vec<Check> {
    // Mistakes in the file are told by the check of the configuration.
    let config = Config::load(&context.home.config_file()).unwrap_or_default();
    std::thread::scope(|scope| {
        let looks: Vec<_> = config
            .mcp
            .iter()
            .map(|(name, server)| scope.spawn(move || look(name, server)))
            .collect();
        looks.into_iter().filter_map(|look| look.join().ok()).collect()
    })
}

fn look(name: &str, server: &ToolServer) -> Check {
    let alone = BTreeMap::from([(name.to_owned(), server.clone())]);
    let servers = Servers::open(&alone, &|| true);
    match servers.down().into_iter().next() {
        None => ok(
            "tools",
            format!("{name} offers {}", count(servers.tools().len(), "tool")),
        ),
        Some((_, why)) => warn(
            "tools",
            format!("{name}: {why}"),
            format!("try its `command` yourself; it stands at [mcp.{name}] in config.toml"),
        ),
    }
}
