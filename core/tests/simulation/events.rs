//! What the world knows about events, and what all runs came to.

use forebay_core::outbox::DropReason;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Good,
    /// 500 for the first five times.
    Stubborn,
    /// 400 in its own item.
    Refused,
    /// 400 for any request that it is in.
    Poison,
    /// Not valid to begin with.
    Invalid,
}

impl Fate {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Fate::Good => "good",
            Fate::Stubborn => "stubborn",
            Fate::Refused => "refused",
            Fate::Poison => "poison",
            Fate::Invalid => "invalid",
        }
    }
}

/// What the world knows about one event.
pub(crate) struct Known {
    pub fate: Fate,
    pub number: u64,
    /// When it was recorded, by the endpoint's clock.
    pub recorded_at: i64,
    /// Whether storage ever had it.
    pub stored: bool,
    pub rejected: bool,
    pub dropped: Option<DropReason>,
    /// Its page crashed before storage had it.
    pub lost: bool,
}

impl Known {
    pub(crate) fn new(fate: Fate, number: u64, recorded_at: i64) -> Known {
        Known {
            fate,
            number,
            recorded_at,
            stored: false,
            rejected: false,
            dropped: None,
            lost: false,
        }
    }
}

/// What a run came to, for the sum of all runs.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub recorded: u64,
    pub delivered: u64,
    pub rejected: u64,
    pub dropped: u64,
    pub invalid: u64,
    pub lost_in_crash: u64,
    pub requests: u64,
    pub most_requests_a_minute: u64,
    pub repeated: u64,
    pub unauthorised: u64,
    pub crashes: u64,
}

impl Summary {
    pub(crate) fn add(&mut self, other: &Summary) {
        self.recorded += other.recorded;
        self.delivered += other.delivered;
        self.rejected += other.rejected;
        self.dropped += other.dropped;
        self.invalid += other.invalid;
        self.lost_in_crash += other.lost_in_crash;
        self.requests += other.requests;
        self.most_requests_a_minute = self
            .most_requests_a_minute
            .max(other.most_requests_a_minute);
        self.repeated += other.repeated;
        self.unauthorised += other.unauthorised;
        self.crashes += other.crashes;
    }
}
