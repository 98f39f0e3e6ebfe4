//! The embedded model: llama.cpp behind the model port.
