//! The engine of a build without the C++: it can be named and asked for, and says what is missing.

use crate::options::{EngineInfo, EngineOptions, LoadError};
use brisk_domain::ModelId;
use brisk_domain::port::{GenerateRequest, Model, Running, Sink};
use std::convert::Infallible;
use std::path::Path;

/// A loaded model; there is none in this build.
pub struct Engine {
    never: Infallible,
}

impl Engine {
    /// Says that this build has no embedded model.
    ///
    /// # Errors
    /// Always [`LoadError::NotBuilt`].
    pub fn load(_: ModelId, _: &Path, _: EngineOptions) -> Result<Engine, LoadError> {
        Err(LoadError::NotBuilt)
    }

    /// Facts about this engine.
    pub fn info(&self) -> &EngineInfo {
        match self.never {}
    }

    /// Its name in the configuration.
    pub fn id(&self) -> &ModelId {
        match self.never {}
    }

    /// Whether it is at work.
    pub fn is_busy(&self) -> bool {
        match self.never {}
    }
}

impl Model for Engine {
    fn generate(&self, _: GenerateRequest, _: Sink) -> Box<dyn Running> {
        match self.never {}
    }

    fn warm(&self, _: GenerateRequest) {
        match self.never {}
    }
}
