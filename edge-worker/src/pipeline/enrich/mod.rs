//! What the worker adds to an event, in this order: when it happened by a clock that can be trusted, on
//! what device, where, through whose network, whether by a bot, and what brought the visitor. Each can be
//! switched off. What a request says is read once for all of its events.
//!
//! A server's request says nothing of the people whose events it sends.

pub mod agent;
pub mod bot;
pub mod campaign;
pub mod clock;
pub mod device;
pub mod network;
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
    /// [`network`]
    pub network: bool,
    /// [`bot`]
    pub bot: bool,
    /// [`campaign`]
    pub campaign: bool,
}

impl Default for Enrichment {
    fn default() -> Enrichment {
        Enrichment {
            clock: true,
            device: true,
            place: true,
            network: true,
            bot: true,
            campaign: true,
        }
    }
}
