//! The embedded models: which there are, how they come here, and whether what is here is whole.

pub(crate) mod attention;
pub mod catalogue;
pub mod fetch;
mod hub;
mod parts;
#[cfg(test)]
mod tests;
pub mod verify;

pub(crate) use hub::client;
