//! The streams of the settings, and the key that writes to them.

use forebay_aws_call::Endpoint;
use forebay_aws_call::kinesis::KINESIS;

use super::settings::KinesisSettings;
use super::{ConfigError, error, kept, required};
use crate::delivery::Sinks;
use crate::delivery::sinks::kinesis::{Kinesis, KinesisStream};

/// The bindings of the key, unchecked.
pub struct Keys {
    /// `KINESIS_ACCESS_KEY_ID`
    pub access_key_id: Option<String>,
    /// `KINESIS_SECRET_ACCESS_KEY`
    pub secret_access_key: Option<String>,
    /// `KINESIS_SESSION_TOKEN`
    pub session_token: Option<String>,
}

/// The key, checked.
pub struct KinesisKey {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl Keys {
    /// Checks the bindings; what is missing is added to `errors`.
    pub fn read(self, errors: &mut Vec<ConfigError>) -> Option<KinesisKey> {
        let access_key_id = required("KINESIS_ACCESS_KEY_ID", self.access_key_id);
        let access_key_id = kept(access_key_id, errors);
        let secret_access_key = required("KINESIS_SECRET_ACCESS_KEY", self.secret_access_key);
        let secret_access_key = kept(secret_access_key, errors);
        Some(KinesisKey {
            access_key_id: access_key_id?,
            secret_access_key: secret_access_key?,
            session_token: self.session_token.filter(|token| !token.is_empty()),
        })
    }
}

/// The sinks of the settings. `region` is the worker's, which Kinesis has too unless said otherwise.
///
/// # Errors
/// An endpoint or a region that is none.
pub fn of(settings: KinesisSettings, key: KinesisKey, region: &str) -> Result<Sinks, ConfigError> {
    let region = settings.region.unwrap_or_else(|| region.to_owned());
    let kinesis = Kinesis {
        endpoint: endpoint(settings.endpoint.as_deref(), &region)?,
        region,
        access_key_id: key.access_key_id,
        secret_access_key: key.secret_access_key,
        session_token: key.session_token,
    };
    Ok(Sinks {
        events: KinesisStream {
            kinesis: kinesis.clone(),
            name: settings.stream,
        },
        dead_letters: KinesisStream {
            kinesis,
            name: settings.dead_letter_stream,
        },
    })
}

/// Where Kinesis answers: as configured, or AWS's own endpoint of the region.
fn endpoint(url: Option<&str>, region: &str) -> Result<Endpoint, ConfigError> {
    let (setting, endpoint) = match url {
        Some(url) => ("kinesis.endpoint", Endpoint::parse(url)),
        None => (
            "kinesis.region` or `region",
            Endpoint::of_region(&KINESIS, region, false),
        ),
    };
    endpoint.map_err(|problem| error("FOREBAY", format!("`{setting}` {problem}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::config::Config;
    use crate::config::tests::{bindings, settings};

    #[test]
    fn kinesis_is_that_of_the_region_unless_said_otherwise() {
        let config = Config::read(bindings(settings())).ok().unwrap();
        assert_eq!(
            config.sinks.events.kinesis.endpoint.as_str(),
            "https://kinesis.eu-north-1.amazonaws.com"
        );
        let mut other = settings();
        other["kinesis"]["endpoint"] = json!("http://127.0.0.1:4567/");
        other["kinesis"]["region"] = json!("us-west-2");
        let config = Config::read(bindings(other)).ok().unwrap();
        assert_eq!(
            config.sinks.events.kinesis.endpoint.as_str(),
            "http://127.0.0.1:4567"
        );
        assert_eq!(
            (
                config.sinks.events.kinesis.region.as_str(),
                config.region.as_str()
            ),
            ("us-west-2", "eu-north-1")
        );
    }
}
