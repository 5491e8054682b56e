//! The worker's room of this name, as far as it reads what comes from outside.

#[path = "../../../edge-worker/src/pipeline/enrich/agent.rs"]
pub mod agent;
#[path = "../../../edge-worker/src/pipeline/enrich/bot.rs"]
pub mod bot;
#[path = "../../../edge-worker/src/pipeline/enrich/campaign.rs"]
pub mod campaign;
#[path = "../../../edge-worker/src/pipeline/enrich/device.rs"]
pub mod device;
