//! What sinks on AWS share: where a service answers, and a signed call.

use std::time::Duration;

use forebay_aws_call::{Answer, Credentials, Endpoint, Operation, Signer};

use crate::delivery::SinkError;
use crate::platform::{HttpRequest, Platform, Unreachable};
use crate::text::hex;

/// Five hundred results, each with an error and its message, have some 200 KB.
const MAX_RESPONSE_BYTES: usize = 1024 * 1024;

/// A service in a region, and the key that may call it.
#[derive(Debug, Clone)]
pub struct Access {
    /// E.g. `https://kinesis.us-east-1.amazonaws.com`.
    pub endpoint: Endpoint,
    /// The region to sign for.
    pub region: String,
    /// The key.
    pub credentials: Credentials,
}

impl Access {
    /// Makes a signed call, which takes no longer than `time_out`.
    ///
    /// # Errors
    /// [`SinkError`]
    pub async fn call<O: Operation>(
        &self,
        operation: &O,
        time_out: Duration,
        platform: &impl Platform,
    ) -> Result<O::Output, SinkError> {
        let call = operation.call();
        let body_sha256 = hex(&platform.sha256(call.body().as_bytes()).await);
        let signer = Signer {
            endpoint: &self.endpoint,
            region: &self.region,
            credentials: &self.credentials,
        };
        let request = signer.sign(call, Some(body_sha256), platform.now())?;
        let response = platform.send(HttpRequest {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            time_out,
            max_response_bytes: MAX_RESPONSE_BYTES,
        });
        let response = response
            .await
            .map_err(|Unreachable| SinkError::Unreachable(String::new()))?;
        operation.read(&Answer {
            status: response.status,
            error_type: response.error_type.as_deref(),
            retry_after: response.retry_after.as_deref(),
            body: &response.body,
            arrived: platform.now(),
        })
    }
}
