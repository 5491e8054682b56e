//! The issuers whose tokens are logins, as the configuration names them.

use serde::Deserialize;

/// Whose tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// `iss` of its tokens, an https URL.
    pub issuer: String,
    /// The clients whose tokens are taken: `aud` of a token is, or has, one of them.
    pub audiences: Vec<String>,
    /// Where its keys stand.
    pub jwks_uri: String,
}

impl Issuer {
    /// Checks the settings.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), &'static str> {
        let is_https = |url: &str| url.len() > "https://".len() && url.starts_with("https://");
        // On this machine, for tests, nobody can stand between.
        let is_local = |url: &str| {
            let url = url.strip_prefix("http://").unwrap_or_default();
            url.starts_with("127.0.0.1:") || url.starts_with("localhost:")
        };
        if !is_https(&self.issuer) {
            Err("an `issuer` is not an https URL")
        } else if !is_https(&self.jwks_uri) && !is_local(&self.jwks_uri) {
            Err("a `jwks_uri` is not an https URL")
        } else if self.audiences.is_empty() {
            Err("an issuer's `audiences` names no audience")
        } else {
            Ok(())
        }
    }

    /// Its name in `Logins`: as Cognito has it, the URL without `https://`.
    pub fn provider(&self) -> &str {
        provider(self.issuer.strip_prefix("https://").unwrap_or_default())
    }
}

/// A provider's name without a slash at its end.
pub fn provider(name: &str) -> &str {
    name.trim_end_matches('/')
}
