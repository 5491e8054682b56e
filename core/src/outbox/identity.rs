//! The identities whose credentials sign requests, and how long the credentials last. The credentials themselves stay
//! with the shell.

use super::backoff::{Backoff, Random, later};

/// How many identities an outbox knows, by numbers from 0: a guest, and users who sign in one after the other.
pub const MAX_IDENTITIES: usize = 64;
/// A time that does not come.
pub(super) const NEVER: f64 = f64::INFINITY;
/// Credentials are renewed this long before they expire.
const REFRESH_MARGIN_MS: f64 = 5.0 * 60.0 * 1_000.0;
/// Credentials are taken to last at least this long, whatever a clock says. Otherwise a wrong clock would make them
/// expired on arrival, and the outbox would ask for new ones without end.
const SHORTEST_LIFETIME_MS: f64 = 30_000.0;

/// One identity: a guest, or a user who is signed in. Times are monotonic milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Identity {
    /// When to ask the shell for credentials; [`NEVER`] while it gets them.
    refresh_at: f64,
    expires_at: f64,
    /// Goes up when credentials are discarded.
    pub era: u32,
    /// Back-off after failures to get credentials, and after requests that were not authorised.
    pub backoff: Backoff,
    /// Answers in a row that called a request unauthorised.
    pub refusals: u32,
    /// How often credentials were discarded because of those answers.
    pub renewals: u32,
    /// How many events of this identity wait in memory.
    pub waiting: usize,
    /// Their bytes.
    pub bytes: usize,
    /// How many wait on disk alone.
    pub evicted: u32,
    /// Whether the events that wait may leave before the pace allows it.
    pub urgent: bool,
}

impl Identity {
    const NEW: Identity = Identity {
        refresh_at: 0.0,
        expires_at: 0.0,
        era: 0,
        backoff: Backoff::NONE,
        refusals: 0,
        renewals: 0,
        waiting: 0,
        bytes: 0,
        evicted: 0,
        urgent: false,
    };

    pub const ALL_NEW: [Identity; MAX_IDENTITIES] = [Identity::NEW; MAX_IDENTITIES];

    /// Whether requests can be signed.
    pub fn has_credentials(&self, now: f64) -> bool {
        now < self.expires_at
    }

    /// When to ask the shell for credentials; [`NEVER`] while it gets them.
    pub fn ask_at(&self) -> f64 {
        later(self.refresh_at, self.backoff.until)
    }

    /// The shell has been asked for credentials.
    pub fn asked(&mut self) {
        self.refresh_at = NEVER;
    }

    /// The shell has credentials, good for so many milliseconds.
    pub fn renewed(&mut self, lifetime: f64, now: f64) {
        let lifetime = later(lifetime, SHORTEST_LIFETIME_MS);
        self.expires_at = now + lifetime;
        self.refresh_at = later(self.expires_at - REFRESH_MARGIN_MS, now + lifetime * 0.75);
    }

    /// A request was authorised, which shows that the credentials are good.
    pub fn accepted(&mut self) {
        self.refusals = 0;
        self.renewals = 0;
        self.backoff.succeeded();
    }

    /// The shell could not get credentials.
    pub fn failed(&mut self, retry_after: f64, now: f64, random: &mut Random) {
        self.refresh_at = 0.0;
        self.backoff.failed(now, retry_after, random);
    }

    /// The endpoint does not take the credentials.
    pub fn discard(&mut self) {
        self.expires_at = 0.0;
        self.era += 1;
        if self.refresh_at < NEVER {
            self.refresh_at = 0.0;
        }
    }

    /// One more event waits. `urgent`: it, and all that wait now, may leave before the pace allows it.
    pub fn waits(&mut self, bytes: usize, urgent: bool) {
        self.urgent = urgent || self.urgent && self.waiting > 0;
        self.waiting += 1;
        self.bytes += bytes;
    }

    /// So many events with so many bytes have left or ended.
    pub fn waits_less(&mut self, count: usize, bytes: usize) {
        self.waiting -= count;
        self.bytes -= bytes;
    }
}
