//! Remote models behind the model port.
