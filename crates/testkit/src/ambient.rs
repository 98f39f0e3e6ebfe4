//! What the environment of whoever runs the tests would change.

/// Variables that the product reads: keys and addresses of models, ways to servers and whom to believe there, where
/// figures are sent. Tests run it without them, and give it those that they are about.
pub const AMBIENT: [&str; 20] = [
    "ALL_PROXY",
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "BRISK_MODEL",
    "CEREBRAS_API_KEY",
    "GROQ_API_KEY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "OLLAMA_HOST",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENROUTER_API_KEY",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];
