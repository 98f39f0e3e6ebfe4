//! Text of models and files made safe for a terminal; shared with the live client.

pub(crate) use brisk_patch::visible::{Tabs, clip, flow, visible, width, wrap};
