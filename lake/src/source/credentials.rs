//! AWS credentials, from where every AWS tool takes them, renewed before they expire.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use forebay_aws_call::{CallError, Credentials};

/// How long before their end credentials are renewed.
const RENEWAL: Duration = Duration::from_secs(300);

/// Where credentials come from.
pub struct Identity {
    provider: Box<dyn ProvideCredentials>,
    current: Mutex<Option<Credentials>>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Identity")
    }
}

impl Identity {
    /// The default chain: environment, shared configuration and credentials files, web identity,
    /// container, instance. Asks by `http`.
    pub async fn of_environment(http: reqwest::Client, region: &str) -> Identity {
        let region = aws_config::Region::new(region.to_owned());
        let config = ProviderConfig::without_region()
            .with_region(Some(region))
            .with_http_client(Http(http));
        let chain = DefaultCredentialsChain::builder().configure(config);
        Identity::of(chain.build().await)
    }

    /// Those of any provider.
    pub fn of(provider: impl ProvideCredentials + 'static) -> Identity {
        Identity {
            provider: Box::new(provider),
            current: Mutex::default(),
        }
    }

    /// Credentials that hold for some time.
    ///
    /// # Errors
    /// [`CallError::NotSigned`] where there are none, [`CallError::Unreachable`] where there were some and
    /// their provider does not answer.
    pub async fn credentials(&self) -> Result<Credentials, CallError> {
        let known = self.current().clone();
        if let Some(known) = known.filter(holds) {
            return Ok(known);
        }
        self.renewed().await
    }

    /// Credentials that were asked for now.
    ///
    /// # Errors
    /// Those of [`Identity::credentials`].
    pub async fn renewed(&self) -> Result<Credentials, CallError> {
        let asked = self.provider.provide_credentials().await;
        let had_some = self.current().is_some();
        let credentials = asked.map_err(|error| in_words(&error, had_some))?;
        *self.current() = Some(credentials.clone());
        Ok(credentials)
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Credentials>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn holds(credentials: &Credentials) -> bool {
    let renewal = SystemTime::now() + RENEWAL;
    credentials.expiry().is_none_or(|expiry| expiry > renewal)
}

/// Where there were credentials before, their provider may only be out of reach for a while.
fn in_words(error: &CredentialsError, had_some: bool) -> CallError {
    // The outer errors say that something failed; the innermost says what.
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if had_some && !matches!(error, CredentialsError::InvalidConfiguration(_)) {
        return CallError::Unreachable(format!("credentials could not be renewed: {cause}"));
    }
    CallError::NotSigned(format!(
        "no credentials were found ({cause}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
         AWS_PROFILE, or give the machine or the container a role"
    ))
}

/// The transport of the provider of credentials.
#[derive(Debug, Clone)]
struct Http(reqwest::Client);

impl HttpClient for Http {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let http = self.0.clone();
        HttpConnectorFuture::new(async move { send(http, request).await })
    }
}

async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let method = reqwest::Method::from_bytes(request.method().as_bytes())
        .map_err(|error| ConnectorError::user(error.into()))?;
    let mut call = http.request(method, request.uri());
    for (name, value) in request.headers() {
        call = call.header(name, value);
    }
    let body = request.body().bytes().unwrap_or_default().to_vec();
    let failed = |error: reqwest::Error| match error.is_timeout() {
        true => ConnectorError::timeout(error.into()),
        false => ConnectorError::io(error.into()),
    };
    let answer = call.body(body).send().await.map_err(failed)?;
    let status = answer.status().as_u16();
    let headers = answer.headers().clone();
    let body = SdkBody::from(answer.bytes().await.map_err(failed)?.to_vec());
    let status = status
        .try_into()
        .map_err(|_| ConnectorError::other("no such status".into(), None))?;
    let mut response = HttpResponse::new(status, body);
    for (name, value) in &headers {
        if let Ok(value) = value.to_str() {
            response
                .headers_mut()
                .append(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_credential_types::provider::future;

    use super::*;

    /// Gives other credentials each time, which expire so many seconds from now.
    #[derive(Debug)]
    struct Counter(AtomicUsize, u64);

    impl ProvideCredentials for Counter {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            let expiry = SystemTime::now() + Duration::from_secs(self.1);
            let key = number.to_string();
            let given = Credentials::new(key, "secret", None, Some(expiry), "test");
            future::ProvideCredentials::ready(Ok(given))
        }
    }

    #[tokio::test]
    async fn credentials_are_kept_until_shortly_before_their_end() {
        let lasting = Identity::of(Counter(AtomicUsize::new(0), 3_600));
        let key = |given: Credentials| given.access_key_id().to_owned();
        assert_eq!(key(lasting.credentials().await.unwrap()), "0");
        assert_eq!(key(lasting.credentials().await.unwrap()), "0");
        assert_eq!(key(lasting.renewed().await.unwrap()), "1");
        assert_eq!(key(lasting.credentials().await.unwrap()), "1");

        let ending = Identity::of(Counter(AtomicUsize::new(0), 200));
        assert_eq!(key(ending.credentials().await.unwrap()), "0");
        assert_eq!(key(ending.credentials().await.unwrap()), "1");
    }
}
