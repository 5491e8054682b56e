//! Why a whole request is refused, and how that is said: REST-JSON, as Pinpoint does.

use forebay_core::json::Writer;
use forebay_core::sigv4::MAX_SKEW_MS;
use forebay_core::time::Timestamp;
use forebay_core::wire::DecodeError;

use crate::budget::NoRoom;
use crate::http::message::Answer;
use crate::rates::TooMany;

/// When to come back after [`RequestError::Busy`]: requests are answered within seconds.
const BUSY_SECONDS: u32 = 2;

/// Why a request is refused: the caller's faults first, then ours. What `Display` gives is sent to
/// the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No signature.
    #[error("Missing Authentication Token")]
    MissingAuthentication,
    /// A signature that cannot be read.
    #[error("The signature cannot be read: {0}.")]
    IncompleteSignature(&'static str),
    /// A signature for another region or service.
    #[error("Credential should be scoped to region '{region}' and service '{service}'.")]
    WrongScope {
        /// The region asked for.
        region: String,
        /// The service asked for.
        service: &'static str,
    },
    /// The secret, the body or anything else that was signed differs.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your \
         AWS Secret Access Key and signing method."
    )]
    SignatureMismatch,
    /// Signed too long ago.
    #[error(
        "Signature expired: {} is now earlier than {} ({} - 5 min.)",
        signed.to_amz_date(), Timestamp(now.0 - MAX_SKEW_MS).to_amz_date(), now.to_amz_date()
    )]
    SignatureExpired {
        /// When it was signed.
        signed: Timestamp,
        /// The worker's time.
        now: Timestamp,
    },
    /// A presigned request that is used after its time.
    #[error(
        "Signature expired: the time that this request was presigned for ran out before {}.",
        now.to_amz_date()
    )]
    PresignedExpired {
        /// The worker's time.
        now: Timestamp,
    },
    /// Signed in the future.
    #[error(
        "Signature not yet current: {} is still later than {} ({} + 5 min.)",
        signed.to_amz_date(), Timestamp(now.0 + MAX_SKEW_MS).to_amz_date(), now.to_amz_date()
    )]
    SignatureNotYetCurrent {
        /// When it was signed.
        signed: Timestamp,
        /// The worker's time.
        now: Timestamp,
    },
    /// A session token that is not one of ours, or not with this access key id.
    #[error("The security token included in the request is invalid.")]
    UnrecognizedClient,
    /// Credentials that have run out.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
    /// No key of a server, or one that is not configured.
    #[error(
        "Send `Authorization: Bearer <key>`. The key's SHA-256 stands in the worker's SERVER_KEYS."
    )]
    Unauthorized,
    /// A page that asks whether it may send a key.
    #[error(
        "This path is for servers: a key in a page is everybody's. Pages send by PutEvents, as Forebay's client does."
    )]
    NotForPages,
    /// A server key that is not for what was asked.
    #[error("This key may not {0}: `apps` and `may` in the worker's SERVER_KEYS say what it may.")]
    Forbidden(&'static str),
    /// An app id that is not configured.
    #[error("There is no application with this id.")]
    UnknownApp,
    /// A body that is not of the operation's form.
    #[error("{0}")]
    BadRequest(String),
    /// A path that nothing stands at.
    #[error("There is nothing at this path.")]
    NotFound,
    /// The path of the metrics, which shows no more without the key than one where nothing stands.
    #[error("There is nothing at this path.")]
    NoMetrics,
    /// A path that does not take this method.
    #[error("This path takes {allow}.")]
    MethodNotAllowed {
        /// The methods it takes, as in the `Allow` header.
        allow: &'static str,
    },
    /// A body over the operation's limit.
    #[error("The request body is larger than {limit} bytes.")]
    PayloadTooLarge {
        /// Most bytes the operation takes.
        limit: usize,
    },
    /// A body that broke off.
    #[error("The request body broke off before its end.")]
    BodyBrokeOff,
    /// A body that stalled.
    #[error("The request body came too slowly. Send the request again.")]
    BodyStalled,
    /// More requests of a network or an identity than are allowed.
    #[error("Too many requests. Send the request again later.")]
    TooManyRequests(TooMany),
    /// An application that has sent all that it may in a day.
    #[error("The application has used up its daily quota. Send the request again later.")]
    QuotaUsedUp(TooMany),
    /// The requests in flight take all the memory there is for them.
    #[error("The service is busy. Send the request again later.")]
    Busy,
    /// The sink has more to do than it can.
    #[error("The stream is busy. Send the request again later.")]
    StreamBusy,
    /// The sink is not known to have what was sent.
    #[error("What was sent could not be stored. Send it again.")]
    NotStored,
    /// The worker is deployed with a mistake in its configuration.
    #[error("The service is not configured correctly; GET /healthz says what is wrong.")]
    Misconfigured,
    /// The platform refused something that should always work.
    #[error("The service could not handle the request. Send it again.")]
    Internal,
}

impl RequestError {
    /// Whether it is only said of requests whose session token is genuine. What such a client still
    /// sends is worth waiting for, so that it hears the answer.
    pub fn is_of_known_sender(&self) -> bool {
        use RequestError::*;
        matches!(
            self,
            WrongScope { .. }
                | SignatureExpired { .. }
                | PresignedExpired { .. }
                | SignatureNotYetCurrent { .. }
                | ExpiredToken
                | UnknownApp
                | PayloadTooLarge { .. }
                | TooManyRequests(_)
                | QuotaUsedUp(_)
                | Busy
        )
    }

    /// Whether it says that a key, or what was signed with it, is wrong.
    pub fn is_of_wrong_key(&self) -> bool {
        use RequestError::*;
        matches!(
            self,
            Unauthorized | UnrecognizedClient | SignatureMismatch | NoMetrics
        )
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        use RequestError::*;
        match self {
            MissingAuthentication
            | IncompleteSignature(_)
            | WrongScope { .. }
            | SignatureMismatch
            | SignatureExpired { .. }
            | PresignedExpired { .. }
            | SignatureNotYetCurrent { .. }
            | UnrecognizedClient
            | ExpiredToken
            | Forbidden(_)
            | NotForPages => 403,
            Unauthorized => 401,
            BadRequest(_) | BodyBrokeOff => 400,
            UnknownApp | NotFound | NoMetrics => 404,
            MethodNotAllowed { .. } => 405,
            BodyStalled => 408,
            PayloadTooLarge { .. } => 413,
            Busy | StreamBusy | TooManyRequests(_) | QuotaUsedUp(_) => 429,
            Misconfigured | Internal | NotStored => 500,
        }
    }

    /// AWS's name of the error, as `x-amzn-errortype` holds it.
    pub fn code(&self) -> &'static str {
        use RequestError::*;
        match self {
            MissingAuthentication => "MissingAuthenticationTokenException",
            IncompleteSignature(_) => "IncompleteSignatureException",
            WrongScope { .. }
            | SignatureMismatch
            | SignatureExpired { .. }
            | PresignedExpired { .. }
            | SignatureNotYetCurrent { .. } => "InvalidSignatureException",
            UnrecognizedClient => "UnrecognizedClientException",
            ExpiredToken => "ExpiredTokenException",
            Forbidden(_) | NotForPages => "ForbiddenException",
            Unauthorized => "UnauthorizedException",
            BadRequest(_) | BodyBrokeOff => "BadRequestException",
            UnknownApp | NotFound | NoMetrics => "NotFoundException",
            MethodNotAllowed { .. } => "MethodNotAllowedException",
            BodyStalled => "RequestTimeoutException",
            Busy | StreamBusy | TooManyRequests(_) | QuotaUsedUp(_) => "TooManyRequestsException",
            PayloadTooLarge { .. } => "PayloadTooLargeException",
            Misconfigured | Internal | NotStored => "InternalServerErrorException",
        }
    }

    /// The answer: `{"Message","RequestID"}` and `x-amzn-errortype`.
    pub fn answer(&self, request_id: &str) -> Answer {
        let body = message_body(&self.to_string(), request_id);
        let answer = Answer::json(self.status(), body).with_header("x-amzn-errortype", self.code());
        match self {
            RequestError::MethodNotAllowed { allow } => answer.with_header("allow", *allow),
            RequestError::Unauthorized => answer.with_header("www-authenticate", "Bearer"),
            _ => self.with_retry_after(answer),
        }
    }

    /// `Retry-After`, for what passes by itself.
    pub fn with_retry_after(&self, answer: Answer) -> Answer {
        match self {
            RequestError::Busy | RequestError::StreamBusy | RequestError::NotStored => {
                answer.with_retry_after(BUSY_SECONDS)
            }
            RequestError::TooManyRequests(refused) | RequestError::QuotaUsedUp(refused) => {
                answer.with_retry_after(refused.retry_after_seconds)
            }
            _ => answer,
        }
    }
}

impl From<NoRoom> for RequestError {
    fn from(_: NoRoom) -> RequestError {
        RequestError::Busy
    }
}

impl From<TooMany> for RequestError {
    fn from(refused: TooMany) -> RequestError {
        RequestError::TooManyRequests(refused)
    }
}

impl From<DecodeError> for RequestError {
    fn from(error: DecodeError) -> RequestError {
        RequestError::BadRequest(match error.path.as_str() {
            "" => format!("Could not read the request body: {}.", error.reason),
            path => format!("{path}: {}.", error.reason),
        })
    }
}

/// `MessageBody` of Pinpoint's API.
pub fn message_body(message: &str, request_id: &str) -> String {
    let mut writer = Writer::new();
    writer.begin_object();
    writer.name("Message").string(message);
    writer.name("RequestID").string(request_id);
    writer.end_object();
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_signature_is_told_in_the_words_that_sdks_look_for() {
        let now = Timestamp::parse_amz_date("20261121T011203Z").unwrap();
        let signed = Timestamp::parse_amz_date("20261121T010603Z").unwrap();
        assert_eq!(
            RequestError::SignatureExpired { signed, now }.to_string(),
            "Signature expired: 20261121T010603Z is now earlier than 20261121T010703Z \
             (20261121T011203Z - 5 min.)"
        );
        assert_eq!(
            RequestError::SignatureNotYetCurrent {
                signed: now,
                now: signed
            }
            .to_string(),
            "Signature not yet current: 20261121T011203Z is still later than 20261121T011103Z \
             (20261121T010603Z + 5 min.)"
        );
    }

    #[test]
    fn the_answer_is_rest_json() {
        let answer = RequestError::MethodNotAllowed { allow: "POST" }.answer("id-1");
        assert_eq!(answer.status, 405);
        assert_eq!(
            answer.body,
            r#"{"Message":"This path takes POST.","RequestID":"id-1"}"#
        );
        for header in [
            ("content-type", "application/json"),
            ("x-amzn-errortype", "MethodNotAllowedException"),
            ("allow", "POST"),
        ] {
            assert!(
                answer.headers.contains(&(header.0, header.1.into())),
                "{header:?}"
            );
        }
    }
}
