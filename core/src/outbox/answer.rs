//! What an HTTP answer says about the request as a whole.

/// An answer to a request, or that there is none.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// HTTP status; 0 where no answer came.
    pub status: u16,
    /// `x-amzn-errortype`; empty where it is not there.
    pub error_type: &'a [u8],
    /// `Retry-After`, in milliseconds from now; NaN where it is not there.
    pub retry_after: f64,
    /// `Date`, in milliseconds since the epoch; NaN where it is not there.
    pub date: f64,
    /// What the answer says about each event, as HTTP statuses in the order of the batch; 0 for one
    /// that it says nothing about.
    pub events: &'a [u16],
}

/// What to do about a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing: it succeeded.
    None,
    /// The credentials or the clock are not right: renew and try again.
    NotAuthorized,
    /// The request itself is at fault, says the endpoint.
    Refused,
    /// Anything else: try again.
    Failed,
}

/// What the codes of errors about credentials and clocks begin with, and no others. Pinpoint answers
/// them with 403, which says enough; AWS's JSON services with 400, which needs the code.
const NOT_AUTHORIZED: [[u8; 10]; 7] = [
    *b"ExpiredTok",
    *b"InvalidSig",
    *b"Unrecogniz",
    *b"InvalidCli",
    *b"MissingAut",
    *b"Incomplete",
    *b"RequestExp",
];

impl Answer<'_> {
    /// No answer.
    pub const NONE: Answer<'static> = Answer {
        status: 0,
        error_type: &[],
        retry_after: f64::NAN,
        date: f64::NAN,
        events: &[],
    };

    pub(super) fn fault(&self) -> Fault {
        match self.status {
            200..=299 => Fault::None,
            401 | 403 => Fault::NotAuthorized,
            400 if self
                .error_type
                .first_chunk()
                .is_some_and(|code| NOT_AUTHORIZED.contains(code)) =>
            {
                Fault::NotAuthorized
            }
            400 | 413 => Fault::Refused,
            _ => Fault::Failed,
        }
    }
}
