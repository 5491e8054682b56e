//! A call, and the signed HTTP request it becomes.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use forebay_core::time::Timestamp;
use http::HeaderValue;

use crate::answer::{Answer, CallError, ServiceError};
use crate::endpoint::Endpoint;

/// A service of AWS.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// How its host names begin: `kinesis`.
    pub host: &'static str,
    /// What its requests are signed for.
    pub signing_name: &'static str,
    /// What stands before an operation's name in `X-Amz-Target`, where the service speaks JSON 1.1;
    /// empty where it speaks REST-JSON.
    pub target_prefix: &'static str,
    /// Whether its ordinary endpoints in GovCloud are those of FIPS, too.
    pub is_fips_in_us_gov: bool,
}

/// What is asked of a service, before it is known where and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    service: &'static Service,
    method: &'static str,
    path: String,
    target: Option<String>,
    content_type: &'static str,
    body: String,
}

impl Call {
    /// A call of AWS JSON 1.1: the operation is named by a header, and the body has the rest.
    pub fn json(service: &'static Service, operation: &str, body: String) -> Call {
        Call {
            service,
            method: "POST",
            path: "/".to_owned(),
            target: Some(format!("{}.{operation}", service.target_prefix)),
            content_type: "application/x-amz-json-1.1",
            body,
        }
    }

    /// A call of REST-JSON: method and path name the operation. The path begins with a slash, and
    /// each of its segments is encoded ([`path_segment`]).
    pub fn rest(
        service: &'static Service,
        method: &'static str,
        path: String,
        body: String,
    ) -> Call {
        Call {
            service,
            method,
            path,
            target: None,
            content_type: "application/json",
            body,
        }
    }

    /// The body, over which a signature goes.
    pub fn body(&self) -> &str {
        &self.body
    }
}

/// A text as one segment of a path: everything but RFC 3986's unreserved characters is encoded.
pub fn path_segment(text: &str) -> String {
    let mut segment = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push('%');
            segment.push(hex_digit(byte >> 4));
            segment.push(hex_digit(byte & 0x0f));
        }
    }
    segment
}

fn hex_digit(value: u8) -> char {
    char::from(b"0123456789ABCDEF"[usize::from(value & 0x0f)])
}

/// A request, to be sent as it is; redirects must not be followed, since they would take the
/// signature elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// The whole URL.
    pub url: String,
    /// All but `host` and `content-length`; the names are in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// Signs calls to one endpoint, as one caller.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// Where calls go.
    pub endpoint: &'a Endpoint,
    /// The region they are signed for.
    pub region: &'a str,
    /// Who calls.
    pub credentials: &'a Credentials,
}

impl Signer<'_> {
    /// Signs a call by Signature Version 4, at the time `now`. Whoever has a faster SHA-256 than
    /// this crate's hands over that of the body, in 64 small hexadecimal digits.
    ///
    /// # Errors
    /// [`CallError::NotSigned`]
    pub fn sign(
        &self,
        call: Call,
        body_sha256: Option<String>,
        now: Timestamp,
    ) -> Result<Request, CallError> {
        let url = format!("{}{}", self.endpoint, call.path);
        let mut headers = vec![("content-type".to_owned(), call.content_type.to_owned())];
        if let Some(target) = call.target {
            headers.push(("x-amz-target".to_owned(), target));
        }
        let identity = self.credentials.clone().into();
        let since_epoch = Duration::from_millis(u64::try_from(now.0).unwrap_or_default());
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(call.service.signing_name)
            .time(SystemTime::UNIX_EPOCH + since_epoch)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| CallError::NotSigned(error.to_string()))?
            .into();
        let to_sign = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let body = match body_sha256 {
            Some(digest) => SignableBody::Precomputed(digest),
            None => SignableBody::Bytes(call.body.as_bytes()),
        };
        let (instructions, _) = SignableRequest::new(call.method, &url, to_sign, body)
            .and_then(|request| sign(request, &parameters))
            .map_err(|error| CallError::NotSigned(error.to_string()))?
            .into_parts();
        let added = instructions.headers();
        headers.extend(added.map(|(name, value)| (name.to_owned(), value.to_owned())));
        // A key that was read from a file with its newline, say.
        if headers
            .iter()
            .any(|(_, value)| HeaderValue::from_str(value).is_err())
        {
            let problem = "a key holds what no header can";
            return Err(CallError::NotSigned(problem.to_owned()));
        }
        Ok(Request {
            method: call.method,
            url,
            headers,
            body: call.body,
        })
    }
}

/// An operation of a service: what is sent for it, and what its answer says.
pub trait Operation {
    /// What the answer says.
    type Output;

    /// The call that is made.
    fn call(&self) -> Call;

    /// Reads the body of an answer that is no error.
    ///
    /// # Errors
    /// [`CallError::Unintelligible`] where it is not of the operation's form.
    fn output(&self, body: &[u8]) -> Result<Self::Output, CallError>;

    /// Reads an answer of any status.
    ///
    /// # Errors
    /// [`CallError::Refused`] where the status is none of success, and what
    /// [`Operation::output`] gives.
    fn read(&self, answer: &Answer<'_>) -> Result<Self::Output, CallError> {
        if (200..300).contains(&answer.status) {
            self.output(answer.body)
        } else {
            Err(CallError::Refused(ServiceError::decode(answer)))
        }
    }
}
