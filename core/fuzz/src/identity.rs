//! The worker's room of this name, as far as it reads what comes from outside.

#[path = "../../../edge-worker/src/identity/issuer.rs"]
pub mod issuer;
#[path = "../../../edge-worker/src/identity/jwks.rs"]
pub mod jwks;
#[path = "../../../edge-worker/src/identity/login.rs"]
pub mod login;
#[path = "../../../edge-worker/src/identity/session_token.rs"]
pub mod session_token;
