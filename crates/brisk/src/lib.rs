//! The shell of Brisk: daemon, transports, clocks, CLI. It joins the rooms; it decides nothing.

pub mod cli;
pub mod config;
pub mod daemon;
pub mod exit;
pub mod home;
pub mod models;
mod routing;
mod trust;
mod verify;
mod whole;
