//! The program as its users meet it.
#![allow(clippy::unwrap_used)]

mod common;
mod program;
mod rule_choice;
mod rule_tests;
mod rules;
