//! A task's shape, a policy and the state of the models to a route with reasons.
//!
//! Pure: the same arguments give the same route. [`shape`](shape::shape) reads the task, [`policy`] holds the person's and
//! the repository's words, [`quota`] and [`breaker`] what is left and what is up, [`score`] the rest; [`decide`](decide::decide)
//! makes the decision, hard bounds first. [`live`] makes it for a live turn; [`hedge`] and [`speed`] serve whoever then asks
//! the model.

pub mod breaker;
pub mod checks;
pub mod decide;
pub mod fleet;
pub mod hedge;
pub mod hindsight;
pub mod live;
pub mod policy;
pub mod quota;
pub mod scale;
pub mod score;
pub mod shape;
pub mod speed;
