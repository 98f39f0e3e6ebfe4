//! What `initialize` says about Brisk's extensions. A client that does not name them is a plain ACP client: it gets
//! `session/update` and is asked for permission, and never sees a method that it does not know.

use crate::ext::BRISK_META;
use agent_client_protocol_schema::ProtocolVersion;
use agent_client_protocol_schema::v1::{ClientCapabilities, Implementation, InitializeRequest, Meta};
use serde_json::Value;

/// The greeting of a client that knows the extensions.
pub fn greeting(name: &str, version: &str) -> InitializeRequest {
    let meta = Meta::from_iter([(BRISK_META.to_owned(), Value::Bool(true))]);
    InitializeRequest::new(ProtocolVersion::V1)
        .client_capabilities(ClientCapabilities::new().meta(meta))
        .client_info(Implementation::new(name, version))
}

/// Whether the client that sent this knows the extensions: `clientCapabilities._meta.brisk` is there, and is neither
/// `false` nor `null`.
pub fn knows_extensions(request: &InitializeRequest) -> bool {
    let meta = request.client_capabilities.meta.as_ref();
    meta.and_then(|m| m.get(BRISK_META))
        .is_some_and(|v| !matches!(v, Value::Null | Value::Bool(false)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_knows_the_extensions() {
        let cases = [
            (json!({"protocolVersion": 1}), false),
            (json!({"protocolVersion": 1, "clientCapabilities": {}}), false),
            (
                json!({"protocolVersion": 1, "clientCapabilities": {"_meta": {"brisk": false}}}),
                false,
            ),
            (
                json!({"protocolVersion": 1, "clientCapabilities": {"_meta": {"brisk": true}}}),
                true,
            ),
            (
                json!({"protocolVersion": 1, "clientCapabilities": {"_meta": {"brisk": {"version": 2}}}}),
                true,
            ),
            (serde_json::to_value(greeting("t", "1")).unwrap(), true),
        ];
        for (raw, want) in cases {
            let request = serde_json::from_value(raw.clone()).unwrap();
            assert_eq!(knows_extensions(&request), want, "{raw}");
        }
    }
}
