//! The shell of Brisk: daemon, transports, clocks, CLI. It joins the rooms; it decides nothing.

pub mod models;
