//! The commands.

pub mod carry_out;
pub mod compact;
mod compactor;
mod consume;
mod cursor;
pub mod dead_letters;
pub mod import;
pub mod lambda;
mod ledger;
pub mod load;
mod lookup;
pub mod metrics;
mod reader;
pub mod reconcile;
pub mod repair;
pub mod replay;
mod stream;
mod survey;
pub mod verify;

pub use consume::{ConsumeError, Settings, Start, consume};
pub use ledger::LedgerError;
pub use stream::fair_share;
