//! Random rich servers: recipes that proptest can shrink, cooked with plain tmux commands.

mod cook;
mod step;
mod words;

pub use cook::Cooked;
pub use step::{Config, Edge, Pick, Recipe, Scope, Step, config, recipe};
