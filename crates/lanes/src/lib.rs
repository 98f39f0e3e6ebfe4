//! The session as a pure reducer.
