//! The worker's room of this name, as far as it reads what comes from outside.

#[path = "../../../edge-worker/src/http/cf.rs"]
pub mod cf;
#[path = "../../../edge-worker/src/http/cors.rs"]
pub mod cors;
#[path = "../../../edge-worker/src/http/errors.rs"]
pub mod errors;
#[path = "../../../edge-worker/src/http/gzip.rs"]
pub mod gzip;
#[path = "../../../edge-worker/src/http/message.rs"]
pub mod message;
#[path = "../../../edge-worker/src/http/percent.rs"]
pub mod percent;
#[path = "../../../edge-worker/src/http/router.rs"]
pub mod router;
