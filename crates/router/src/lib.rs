//! TaskShape and fleet state to a Route with reasons.
