//! `forebay.schema.json`: what is read from it, every mistake it is refused for, and every way an
//! event can break it; against another implementation and the official test suite.
#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

mod engine;
mod event;
mod fields;
mod file;
mod oracle;
mod rules;
mod suite;
mod support;
mod verdict;
