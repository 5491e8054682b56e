//! Whose credentials requests are signed with, and how long they last. The credentials themselves
//! stay with the shell.

use super::backoff::{Backoff, Random};

/// How long before they expire credentials are renewed.
const REFRESH_MARGIN_MS: u64 = 5 * 60 * 1_000;
/// Credentials are taken to last at least this long, whatever a clock says: were they taken for
/// expired on arrival, they would be asked for without end.
const SHORTEST_LIFETIME_MS: u64 = 30_000;

/// One identity: a guest, or someone signed in. Times are monotonic milliseconds.
pub(super) struct Identity {
    refresh_at: u64,
    expires_at: u64,
    /// Whether the shell was asked for credentials and has not answered.
    asked: bool,
    /// Failures to get credentials, and to get requests accepted as authorised.
    pub backoff: Backoff,
    /// Answers in a row that called a request unauthorised.
    pub refusals: u32,
    /// Events of this identity that wait.
    pub waiting: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Whether what waits does not wait for the pace.
    pub urgent: bool,
}

impl Identity {
    pub const NEW: Identity = Identity {
        refresh_at: 0,
        expires_at: 0,
        asked: false,
        backoff: Backoff::NONE,
        refusals: 0,
        waiting: 0,
        bytes: 0,
        urgent: false,
    };

    /// Whether requests can be signed.
    pub fn has_credentials(&self, now: u64) -> bool {
        now < self.expires_at
    }

    /// Whether the shell is to be asked for credentials now. Takes it that it is.
    pub fn ask(&mut self, now: u64) -> bool {
        let ask = !self.asked && now >= self.refresh_at && now >= self.backoff.until();
        self.asked |= ask;
        ask
    }

    /// When [`Identity::ask`] says so next, if time alone brings it about.
    pub fn ask_at(&self) -> Option<u64> {
        (!self.asked).then(|| self.refresh_at.max(self.backoff.until()))
    }

    /// The shell has credentials, good for so many milliseconds.
    pub fn renewed(&mut self, lifetime: u64, now: u64) {
        self.asked = false;
        self.expires_at = now.saturating_add(lifetime.max(SHORTEST_LIFETIME_MS));
        self.refresh_at = self.expires_at - REFRESH_MARGIN_MS.min((self.expires_at - now) / 4);
    }

    /// A request was authorised. Only now it is known that the credentials are good.
    pub fn accepted(&mut self) {
        self.refusals = 0;
        self.backoff.succeeded();
    }

    /// The shell could not get credentials.
    pub fn failed(&mut self, retry_after: Option<u64>, now: u64, random: &mut Random) {
        self.asked = false;
        self.backoff.failed(now, retry_after, random);
    }

    /// The endpoint does not take the credentials.
    pub fn discard(&mut self) {
        self.refresh_at = 0;
        self.expires_at = 0;
    }

    /// So many events with so many bytes have left or ended.
    pub fn waits_less(&mut self, count: usize, bytes: usize) {
        self.waiting -= count;
        self.bytes -= bytes;
        self.urgent &= self.waiting > 0;
    }
}
