//! What a person chooses for a session by the means of ACP: the mode, and the model.

use crate::config::NO_MODEL;
use brisk_domain::{Intent, ModelId};
use brisk_protocol::{ModelState, acp};

/// Config option for the mode.
const MODE: &str = "mode";
/// Config option for the model.
const MODEL: &str = "model";
/// Live edits in the fast lane.
const FAST: &str = "fast";
/// Answers in words.
const ASK: &str = "ask";

/// What is chosen for one session by one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) intent: Intent,
    pub(crate) model: Option<ModelId>,
}

impl Default for Choice {
    fn default() -> Choice {
        Choice {
            intent: Intent::Edit,
            model: None,
        }
    }
}

impl Choice {
    /// Takes a mode; says what there is if there is no such mode.
    pub(crate) fn set_mode(&mut self, id: &str) -> Result<(), String> {
        self.intent = match id {
            FAST => Intent::Edit,
            ASK => Intent::Ask,
            other => return Err(format!("there is no mode {other}; choose {FAST} or {ASK}")),
        };
        Ok(())
    }

    /// Takes the value of an option; says what there is if there is no such value.
    pub(crate) fn set(&mut self, option: &str, value: &str, models: &[ModelState]) -> Result<(), String> {
        match (option, value) {
            (MODE, mode) => self.set_mode(mode),
            (MODEL, NO_MODEL) => {
                self.model = None;
                Ok(())
            }
            (MODEL, name) => match models.iter().find(|m| m.id.0 == name) {
                Some(model) => {
                    self.model = Some(model.id.clone());
                    Ok(())
                }
                None => Err(format!("there is no model {name}; see `brisk model list`")),
            },
            (other, _) => Err(format!("there is no option {other}; choose {MODE} or {MODEL}")),
        }
    }

    fn mode(&self) -> &'static str {
        match self.intent {
            Intent::Edit => FAST,
            Intent::Ask => ASK,
        }
    }

    /// The modes, for clients that have no options.
    pub(crate) fn modes(&self) -> acp::SessionModeState {
        let mode = |(id, name, what): (&'static str, &'static str, &'static str)| {
            acp::SessionMode::new(id, name).description(what.to_owned())
        };
        acp::SessionModeState::new(self.mode(), MODES.map(mode).to_vec())
    }

    /// The current mode, for clients that have no options.
    pub(crate) fn current_mode(&self) -> acp::CurrentModeUpdate {
        acp::CurrentModeUpdate::new(self.mode())
    }

    /// Both options with their values.
    pub(crate) fn options(&self, models: &[ModelState]) -> Vec<acp::SessionConfigOption> {
        let value = |(id, name, what): (&'static str, &'static str, &'static str)| {
            acp::SessionConfigSelectOption::new(id, name).description(what.to_owned())
        };
        let auto = acp::SessionConfigSelectOption::new(NO_MODEL, "Automatic")
            .description("Brisk chooses by the task".to_owned());
        let named = models.iter().map(|m| {
            acp::SessionConfigSelectOption::new(m.id.0.clone(), m.id.0.clone())
                .description(format!("{}, {}", m.source, m.state))
        });
        let model = self.model.as_ref().map_or(NO_MODEL.to_owned(), |m| m.0.clone());
        vec![
            acp::SessionConfigOption::select(MODE, "Mode", self.mode(), MODES.map(value).to_vec())
                .category(acp::SessionConfigOptionCategory::Mode),
            acp::SessionConfigOption::select(
                MODEL,
                "Model",
                model,
                std::iter::once(auto).chain(named).collect::<Vec<_>>(),
            )
            .category(acp::SessionConfigOptionCategory::Model),
        ]
    }
}

const MODES: [(&str, &str, &str); 2] = [
    (FAST, "Edit", "Live edits; nothing is written before you agree"),
    (ASK, "Ask", "Answers in words; nothing is changed"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_chosen() {
        let models = [ModelState {
            id: ModelId("tiny".into()),
            source: "embedded".into(),
            ready: true,
            state: "loaded".into(),
        }];
        let tiny = Some(ModelId("tiny".into()));
        let cases = [
            ("mode", "ask", Ok((Intent::Ask, None))),
            ("mode", "fast", Ok((Intent::Edit, None))),
            ("model", "tiny", Ok((Intent::Edit, tiny))),
            ("model", "auto", Ok((Intent::Edit, None))),
            ("mode", "slow", Err("fast or ask")),
            ("model", "huge", Err("brisk model list")),
            ("colour", "red", Err("mode or model")),
        ];
        for (option, value, want) in cases {
            let mut choice = Choice::default();
            let got = choice.set(option, value, &models);
            match want {
                Ok((intent, model)) => {
                    assert_eq!(got, Ok(()), "{option} {value}");
                    assert_eq!(choice, Choice { intent, model }, "{option} {value}");
                    let shown = serde_json::to_value(choice.options(&models)).unwrap();
                    let at = usize::from(option == "model");
                    assert_eq!(shown[at]["currentValue"], value);
                    assert_eq!(shown[at]["category"], option);
                }
                Err(words) => assert!(got.unwrap_err().contains(words), "{option} {value}"),
            }
        }
    }
}
