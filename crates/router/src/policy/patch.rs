//! What a policy file changes: each field is there only where the file says something.

use super::{Bounds, ModelPolicy, Weights};
use crate::hedge::Hedge;
use crate::quota::Limits;
use crate::scale::{Safety, Set, Trust};
use std::collections::BTreeMap;
use std::ops::Range;

/// Changes to [`Bounds`]; what is not said stays.
#[derive(Debug, Clone, Default)]
pub(super) struct BoundsPatch {
    pub(super) enabled: Option<bool>,
    pub(super) tools: Option<Set>,
    pub(super) lanes: Option<Set>,
    pub(super) candidates: Option<Vec<String>>,
    pub(super) trust: Option<Trust>,
    pub(super) safety: Option<Safety>,
    pub(super) limits: Limits,
    /// Where each key stands.
    pub(super) places: BTreeMap<&'static str, Range<usize>>,
}

impl BoundsPatch {
    pub(super) fn over(&self, own: &mut Bounds) {
        own.enabled = self.enabled.unwrap_or(own.enabled);
        own.tools = self.tools.unwrap_or(own.tools);
        own.lanes = self.lanes.unwrap_or(own.lanes);
        own.candidates = self.candidates.clone().or_else(|| own.candidates.take());
        own.trust = self.trust.or(own.trust);
        own.safety = self.safety.or(own.safety);
        own.limits = self.limits.or(&own.limits);
    }

    /// As bounds of its own, the widest where nothing is said.
    pub(super) fn alone(&self) -> Bounds {
        let mut bounds = Bounds::default();
        self.over(&mut bounds);
        bounds
    }
}

/// Changes to [`ModelPolicy`], or to what a lane has beside its bounds.
#[derive(Debug, Clone, Default)]
pub(super) struct ModelPatch {
    pub(super) bounds: BoundsPatch,
    /// Of a lane only, with its place.
    pub(super) hedge: Option<(Hedge, Range<usize>)>,
    pub(super) input_price: Option<u64>,
    pub(super) output_price: Option<u64>,
    pub(super) quality: Option<u8>,
    pub(super) pool: Option<String>,
}

impl ModelPatch {
    pub(super) fn over(&self, own: &mut ModelPolicy) {
        self.bounds.over(&mut own.bounds);
        own.input_price = self.input_price.or(own.input_price);
        own.output_price = self.output_price.or(own.output_price);
        own.quality = self.quality.or(own.quality);
        own.pool = self.pool.clone().or_else(|| own.pool.take());
    }
}

/// Changes to [`Weights`].
#[derive(Debug, Clone, Default)]
pub(super) struct WeightsPatch(pub(super) Vec<(&'static str, u32)>);

impl WeightsPatch {
    pub(super) fn over(&self, own: &mut Weights) {
        for (name, value) in &self.0 {
            if let Some((_, field)) = weights(own).into_iter().find(|(n, _)| n == name) {
                *field = *value;
            }
        }
    }
}

pub(super) fn weights(own: &mut Weights) -> [(&'static str, &mut u32); 6] {
    [
        ("quality", &mut own.quality),
        ("latency", &mut own.latency),
        ("cost", &mut own.cost),
        ("cache", &mut own.cache),
        ("load", &mut own.load),
        ("order", &mut own.order),
    ]
}

/// The keys whose value the meet with what holds would not keep.
pub(super) fn loosened(patch: &BoundsPatch, own: &Bounds) -> Vec<&'static str> {
    let mut said = own.clone();
    patch.over(&mut said);
    let met = own.meet(&said);
    let mut keys = Vec::new();
    let mut note = |key, loose: bool| {
        if loose {
            keys.push(key);
        }
    };
    note("enabled", met.enabled != said.enabled);
    note("tools", met.tools != said.tools);
    note("lanes", met.lanes != said.lanes);
    note(
        "candidates",
        met.candidates.as_ref().map(Vec::len) != said.candidates.as_ref().map(Vec::len),
    );
    note("trust", met.trust != said.trust);
    note("safety", met.safety != said.safety);
    note("quota", met.limits != said.limits);
    keys
}
