//! The kernels that `brisk model bench` found faster, by model file, for every later load on this machine.

use brisk_llama::Kernels;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file of choices below the state folder.
#[derive(Debug, Clone)]
pub(crate) struct Choices(PathBuf);

impl Choices {
    pub(crate) fn below(state: &Path) -> Choices {
        Choices(state.join("kernels.json"))
    }

    /// What was measured for this model file, if anything was.
    pub(crate) fn of(&self, model: &Path) -> Option<Kernels> {
        self.read().remove(&name(model)?)
    }

    /// Remembers what was measured.
    #[cfg(any(feature = "embedded", test))]
    pub(crate) fn remember(&self, model: &Path, measured: Kernels) -> std::io::Result<()> {
        let Some(name) = name(model) else { return Ok(()) };
        let mut all = self.read();
        all.insert(name, measured);
        if let Some(folder) = self.0.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let text = serde_json::to_vec(&all).map_err(std::io::Error::other)?;
        crate::whole::replace(&self.0, &text)
    }

    /// A file that is not there or not readable holds no choice: it can be measured again.
    fn read(&self) -> BTreeMap<String, Kernels> {
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
        assert_eq!(choices.of(&model), None);
        for repacked in [false, true] {
            let measured = Kernels {
                flash_attention: !repacked,
                repacked,
            };
            choices.remember(&model, measured).unwrap();
            assert_eq!(Choices::below(dir.path()).of(&model), Some(measured));
        }
        std::fs::write(&model, "another").unwrap();
        assert_eq!(choices.of(&model), None, "another model");
        std::fs::write(&model, "2").unwrap();
        assert!(choices.of(&model).is_some());
        std::fs::write(dir.path().join("kernels.json"), "{torn").unwrap();
        assert_eq!(choices.of(&model), None);
    }
}
