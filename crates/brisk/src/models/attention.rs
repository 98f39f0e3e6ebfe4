//! The attention kernel that `brisk model bench` found faster, by model file, for every later load on this machine.

use brisk_llama::FlashAttention;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file of choices below the state folder.
#[derive(Debug, Clone)]
pub(crate) struct Choices(PathBuf);

impl Choices {
    pub(crate) fn below(state: &Path) -> Choices {
        Choices(state.join("attention.json"))
    }

    /// What was measured for this model file; the rule of the engine where nothing was.
    pub(crate) fn of(&self, model: &Path) -> FlashAttention {
        match name(model).and_then(|name| self.read().remove(&name)) {
            Some(true) => FlashAttention::On,
            Some(false) => FlashAttention::Off,
            None => FlashAttention::Fitting,
        }
    }

    /// Remembers what was measured.
    #[cfg(any(feature = "embedded", test))]
    pub(crate) fn remember(&self, model: &Path, choice: FlashAttention) -> std::io::Result<()> {
        let Some(name) = name(model) else { return Ok(()) };
        let mut all = self.read();
        match choice {
            FlashAttention::On => all.insert(name, true),
            FlashAttention::Off => all.insert(name, false),
            FlashAttention::Fitting => all.remove(&name),
        };
        if let Some(folder) = self.0.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let text = serde_json::to_vec(&all).map_err(std::io::Error::other)?;
        crate::whole::replace(&self.0, &text)
    }

    /// A file that is not there or not readable holds no choice: it can be measured again.
    fn read(&self) -> BTreeMap<String, bool> {
        std::fs::read(&self.0)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }
}

/// Name and size tell model files apart.
fn name(model: &Path) -> Option<String> {
    let bytes = std::fs::metadata(model).ok()?.len();
    Some(format!("{} {bytes}", model.file_name()?.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_for_one_file_and_survives() {
        let dir = tempfile::tempdir().unwrap();
        let model = dir.path().join("a.gguf");
        std::fs::write(&model, "1").unwrap();
        let choices = Choices::below(dir.path());
        assert_eq!(choices.of(&model), FlashAttention::Fitting);
        choices.remember(&model, FlashAttention::On).unwrap();
        assert_eq!(Choices::below(dir.path()).of(&model), FlashAttention::On);
        std::fs::write(&model, "another").unwrap();
        assert_eq!(choices.of(&model), FlashAttention::Fitting, "another model");
        choices.remember(&model, FlashAttention::Off).unwrap();
        assert_eq!(choices.of(&model), FlashAttention::Off);
        std::fs::write(dir.path().join("attention.json"), "{torn").unwrap();
        assert_eq!(choices.of(&model), FlashAttention::Fitting);
    }
}
