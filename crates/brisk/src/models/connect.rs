//! From what is known of a remote model to the port.

use super::known::Remote;
use crate::config::Protocol;
use brisk_domain::port::{Fault, Model};
use brisk_providers::{
    ChatConfig, ChatModel, MessagesConfig, MessagesModel, Prefill, ResponsesConfig, ResponsesModel,
};
use tokio::runtime::Handle;

/// Checks address and key, and prepares connections; connects to nothing yet.
///
/// # Errors
/// What is wrong with either, with the next step.
pub(crate) fn connect(remote: &Remote, runtime: &Handle) -> Result<Box<dyn Model>, Fault> {
    let (id, url, model) = (remote.id.clone(), remote.base_url.clone(), remote.model.clone());
    let runtime = runtime.clone();
    Ok(match remote.protocol {
        Protocol::Chat => {
            let config = ChatConfig {
                allow_insecure: remote.allow_insecure,
                api_key: remote.key.clone(),
                key_name: remote.key_name.clone(),
                prefill: match remote.prefill {
                    true => Prefill::TrailingMessage,
                    false => Prefill::Unsupported,
                },
                prediction: remote.prediction,
                reasoning: !remote.temperature,
                effort: remote.effort.clone(),
                ..ChatConfig::new(id, url, model)
            };
            Box::new(ChatModel::new(config, runtime)?)
        }
        Protocol::Responses => {
            let config = ResponsesConfig {
                allow_insecure: remote.allow_insecure,
                api_key: remote.key.clone(),
                key_name: remote.key_name.clone(),
                greedy: remote.temperature,
                effort: remote.effort.clone(),
                ..ResponsesConfig::new(id, url, model)
            };
            Box::new(ResponsesModel::new(config, runtime)?)
        }
        Protocol::Messages => {
            let config = MessagesConfig {
                allow_insecure: remote.allow_insecure,
                api_key: remote.key.clone(),
                key_name: remote.key_name.clone(),
                prefill: remote.prefill,
                temperature: remote.temperature,
                effort: remote.effort.clone(),
                ..MessagesConfig::new(id, url, model)
            };
            Box::new(MessagesModel::new(config, runtime)?)
        }
    })
}
