//! The models: the embedded ones (which there are, how they come here, whether what is here is whole), and the remote
//! ones (which there are, how they are reached).

pub(crate) mod began;
pub mod catalogue;
pub(crate) mod connect;
pub mod fetch;
mod hub;
pub(crate) mod kernels;
pub(crate) mod known;
mod parts;
pub(crate) mod provider;
pub(crate) mod remote;
#[cfg(test)]
mod tests;
pub mod verify;
pub mod worth;

pub(crate) use hub::client;
