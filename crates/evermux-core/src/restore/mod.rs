//! Restoring: applying a plan to a running server.

#![allow(dead_code)] // until the verb is here

mod apply;
mod finish;
mod hooks;
mod leftovers;
mod script;
mod settle;
mod skeleton;
mod text;

pub use apply::{Applied, ApplyError, Tools, apply};
