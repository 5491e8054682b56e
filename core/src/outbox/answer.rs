//! What an HTTP answer says about the request as a whole.

/// An answer to a request, or the lack of one. It may come from a proxy, a firewall or a captive portal instead of the
/// endpoint: see [`Answer::is_own`].
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// HTTP status; 0 if no answer came.
    pub status: u16,
    /// The code of an error: the header `x-amzn-errortype`, or else `__type` of a JSON body; empty if there is neither.
    pub error_type: &'a [u8],
    /// Whether the body is Pinpoint's `MessageBody`: a JSON object with the texts `Message` and `RequestID`.
    pub has_message_body: bool,
    /// `Retry-After`, in milliseconds from now; NaN if there is none.
    pub retry_after: f64,
    /// `Date`, in milliseconds since the epoch; NaN if there is none.
    pub date: f64,
    /// What the answer says about each event, in the order of the batch: HTTP statuses of two bytes, little-endian. The
    /// status of an event is `StatusCode` in `Results`, at the endpoint's id, `EventsItemResponse` and the event's id;
    /// 0 if that is not a whole number.
    pub events: &'a [[u8; 2]],
}

/// What to do about a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing: the request succeeded.
    None,
    /// The credentials or the clock are not right: renew and try again.
    NotAuthorized,
    /// The endpoint says that the request itself is at fault.
    Refused,
    /// The request is too large for something on the way.
    TooLarge,
    /// Anything else: try again.
    Failed,
}

/// Only codes of errors about credentials and clocks contain one of these. Pinpoint sends them with status 403, which
/// says enough; the JSON services of AWS send them with 400.
const NOT_AUTHORIZED: [&str; 4] = ["Token", "Signature", "Expired", "UnrecognizedClient"];

impl Answer<'_> {
    /// No answer.
    pub const NONE: Answer<'static> = Answer {
        status: 0,
        error_type: &[],
        has_message_body: false,
        retry_after: f64::NAN,
        date: f64::NAN,
        events: &[],
    };

    /// Whether the endpoint itself gave this answer: it names an error as AWS does, or has Pinpoint's form. Any other
    /// refusal may come from something on the way to the endpoint, and ends no event. A `message` alone does not count:
    /// gateways and firewalls send one, too.
    pub fn is_own(&self) -> bool {
        !self.error_type.is_empty() || self.has_message_body
    }

    pub(super) fn fault(&self) -> Fault {
        match self.status {
            200..=299 => Fault::None,
            401 | 403 => Fault::NotAuthorized,
            400 if self.is_not_authorized() => Fault::NotAuthorized,
            400 | 413 if self.is_own() => Fault::Refused,
            413 => Fault::TooLarge,
            _ => Fault::Failed,
        }
    }

    /// Whether it names an error about credentials or clocks.
    fn is_not_authorized(&self) -> bool {
        let contains = |part: &&str| {
            let mut parts = self.error_type.windows(part.len());
            parts.any(|there| there == part.as_bytes())
        };
        NOT_AUTHORIZED.iter().any(contains)
    }
}
