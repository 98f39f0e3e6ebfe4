//! Everything serialised: client protocol, event envelope, wire subsets.
