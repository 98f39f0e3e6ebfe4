//! From what is known of a remote model to the port.

use super::known::Remote;
use crate::config::Protocol;
use brisk_domain::port::{Fault, Model};
use brisk_providers::{
    ChatConfig, ChatModel, Endpoint, MessagesConfig, MessagesModel, Prefill, ResponsesConfig, ResponsesModel,
};
use tokio::runtime::Handle;

/// Checks address and key, and prepares connections; connects to nothing yet.
///
/// # Errors
/// What is wrong with either, with the next step.
pub(crate) fn connect(remote: &Remote, runtime: &Handle) -> Result<Box<dyn Model>, Fault> {
    let endpoint = Endpoint {
        allow_insecure: remote.allow_insecure,
        api_key: remote.key.clone(),
        key_name: remote.key_name.clone(),
        timeouts: remote.timeouts,
        ..Endpoint::new(remote.id.clone(), &remote.base_url, &remote.model)
    };
    let runtime = runtime.clone();
    Ok(match remote.protocol {
        Protocol::Chat => {
            let config = ChatConfig {
                prefill: match remote.prefill {
                    true => Prefill::TrailingMessage,
                    false => Prefill::Unsupported,
                },
                prediction: remote.prediction,
                reasoning: !remote.temperature,
                effort: remote.effort.clone(),
                ..ChatConfig::at(endpoint)
            };
            Box::new(ChatModel::new(config, runtime)?)
        }
        Protocol::Responses => {
            let config = ResponsesConfig {
                greedy: remote.temperature,
                effort: remote.effort.clone(),
                ..ResponsesConfig::at(endpoint)
            };
            Box::new(ResponsesModel::new(config, runtime)?)
        }
        Protocol::Messages => {
            let config = MessagesConfig {
                prefill: remote.prefill,
                temperature: remote.temperature,
                effort: remote.effort.clone(),
                ..MessagesConfig::at(endpoint)
            };
            Box::new(MessagesModel::new(config, runtime)?)
        }
    })
}
