//! Who sends: signatures, session tokens, logins.

pub mod authenticate;
pub mod ids;
pub mod issuer;
pub mod jwks;
pub mod login;
pub mod session_token;
