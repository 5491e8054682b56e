//! What the worker adds to an event, in this order: when it happened by a clock that can be trusted,
//! on what device, and where. Each can be switched off.

pub mod clock;
pub mod device;
pub mod place;

use serde::Deserialize;

/// `enrichment` of the configuration: what is added. All of it, unless it is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Enrichment {
    /// [`clock`]
    pub clock: bool,
    /// [`device`]
    pub device: bool,
    /// [`place`]
    pub place: bool,
}

impl Default for Enrichment {
    fn default() -> Enrichment {
        Enrichment {
            clock: true,
            device: true,
            place: true,
        }
    }
}
