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

/// The host of a URL with this scheme, and its port where it has one; `None` where a reader could
/// take it for another, as where a user stands before the host.
fn host_of<'a>(url: &'a str, scheme: &str) -> Option<&'a str> {
    let rest = url.strip_prefix(scheme)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest.get(..end)?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let is_plain = !host.is_empty() && host.bytes().all(is_allowed);
    let is_url = url
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (is_plain && is_url).then_some(host)
}

/// Whether a URL is one of https whose host no reader can mistake.
pub fn is_https(url: &str) -> bool {
    host_of(url, "https://").is_some()
}

/// Whether a URL is of this machine: for tests, where nobody can stand between.
fn is_local(url: &str) -> bool {
    let Some(host) = host_of(url, "http://") else {
        return false;
    };
    let port = ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .find_map(|local| host.strip_prefix(local));
    port.is_some_and(|port| match port.strip_prefix(':') {
        Some(port) => !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()),
        None => port.is_empty(),
    })
}

/// A provider's name without a slash at its end.
pub fn provider(name: &str) -> &str {
    name.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_of_this_machine_is_local() {
        for url in [
            "http://localhost:80/keys",
            "http://127.0.0.1:8080",
            "http://localhost/keys?x=@y",
            "http://[::1]:80/keys",
        ] {
            assert!(is_local(url), "{url}");
        }
        for url in [
            "http://localhost:x@evil.example/keys",
            "http://localhost:80@evil.example/keys",
            "http://localhost@evil.example/",
            "http://127.0.0.1:80@evil.example",
            "http://localhost.evil.example:80/",
            "http://127.0.0.1.evil.example:80/",
            "http://localhost:80\\@evil.example/",
            "http://localhost:/",
            "http://localhost:8o/",
            "http://localhost: 80/",
            "http://LOCALHOST.evil/",
            "http://evil.example/#localhost:80",
            "https://localhost:80/",
            "http://",
            "localhost:80",
        ] {
            assert!(!is_local(url), "{url}");
        }
        assert!(is_https("https://login.example/pool"));
        for url in [
            "https://",
            "https:///keys",
            "https://login.example@evil.example/",
            "https://login.example\\@evil.example/",
            "https://login.example evil.example/",
            "http://login.example/",
        ] {
            assert!(!is_https(url), "{url}");
        }
    }
}
