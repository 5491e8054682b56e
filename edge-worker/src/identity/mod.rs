//! Who sends: signatures, session tokens, server keys, logins.

pub mod authenticate;
pub mod ids;
pub mod issuer;
pub mod jwks;
pub mod login;
pub mod openid;
pub mod server_key;
pub mod session_token;
