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
    /// What the answer says about each event, as HTTP statuses of two bytes, the lower one first, in the order
    /// of the batch; 0 for one that it says nothing about.
    pub events: &'a [[u8; 2]],
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

/// What the codes of errors about credentials and clocks go on with behind their second letter, and no
/// others: each is one number to compare. Pinpoint answers them with 403, which says enough; AWS's JSON
/// services with 400, which needs the code.
const NOT_AUTHORIZED: [u64; 7] = [
    u64::from_le_bytes(*b"piredTok"),
    u64::from_le_bytes(*b"validSig"),
    u64::from_le_bytes(*b"recogniz"),
    u64::from_le_bytes(*b"validCli"),
    u64::from_le_bytes(*b"ssingAut"),
    u64::from_le_bytes(*b"complete"),
    u64::from_le_bytes(*b"questExp"),
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
            400 if self.is_not_authorized() => Fault::NotAuthorized,
            400 | 413 => Fault::Refused,
            _ => Fault::Failed,
        }
    }

    /// Whether it names an error about credentials or clocks.
    fn is_not_authorized(&self) -> bool {
        let code = self.error_type.get(2..).and_then(<[u8]>::first_chunk);
        code.is_some_and(|code| NOT_AUTHORIZED.contains(&u64::from_le_bytes(*code)))
    }
}
