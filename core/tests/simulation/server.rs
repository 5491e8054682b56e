//! The endpoint: it looks at who signed and when, keeps a ledger, and fails on purpose.

use std::collections::BTreeMap;

use forebay_core::outbox::Answer;

use crate::random::Random;

/// How far the time of a signature may be off.
const SIGNATURE_TOLERANCE_MS: i64 = 300_000;
/// How often a stubborn event is turned away.
const STUBBORN: u32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Good,
    /// 503 for the first few times.
    Stubborn,
    /// 400 in its own item.
    Refused,
    /// 400 or 413 for any request that it is in.
    Poison,
}

/// How often things fail, in percent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// An error status for the whole request.
    pub status: u64,
    /// One event of a batch fails, or its answer is missing.
    pub item: u64,
    /// The events are taken, but nobody can read the answer.
    pub garbled: u64,
    /// All credentials are revoked.
    pub revocation: u64,
    /// A firewall or a proxy answers instead.
    pub foreign: u64,
    /// More events than this in a request a proxy does not let pass.
    pub proxy_events: Option<usize>,
    /// Every n-th description of the endpoint is refused, in batches too.
    pub bad_descriptions: Option<u32>,
    /// All that is answered, and whether by the endpoint.
    pub only: Option<(u16, bool)>,
    /// More events than this in a request are too many.
    pub max_events: Option<usize>,
    /// An identity that may send nothing.
    pub forbidden: Option<u32>,
}

/// Credentials, as the pool gave them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub who: u32,
    pub serial: u64,
    /// By the endpoint's clock.
    pub expires: i64,
}

/// What arrives at the endpoint.
pub(crate) struct Request {
    pub tab: u32,
    /// Of the tab's module.
    pub generation: u32,
    pub number: u32,
    pub key: Key,
    pub signed_at: i64,
    pub content: Content,
}

pub(crate) enum Content {
    /// Events with their times, and the description that is sent with them.
    Events(Vec<(u64, i64)>, Option<u32>),
    /// A description of the endpoint, by its serial number.
    Endpoint(u32),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub status: u16,
    pub error_type: &'static str,
    /// Whether it has the endpoint's form.
    pub is_own: bool,
    pub retry_after: Option<u64>,
    pub date: Option<i64>,
    pub events: Vec<[u8; 2]>,
    /// For the world to know: the events that were accepted.
    pub accepted: Vec<u64>,
}

impl Reply {
    pub(crate) fn answer(&self) -> Answer<'_> {
        Answer {
            status: self.status,
            error_type: self.error_type.as_bytes(),
            has_message_body: self.is_own,
            retry_after: self.retry_after.map_or(f64::NAN, |wait| wait as f64),
            date: self.date.map_or(f64::NAN, |date| date as f64),
            events: &self.events,
        }
    }
}

pub(crate) struct Server {
    pub faults: Faults,
    /// Whether browsers may read `Date`.
    pub shows_date: bool,
    /// How often each event was accepted, and the time it came with first.
    pub ledger: BTreeMap<u64, (u32, i64)>,
    /// The descriptions of the endpoint that arrived.
    pub described: Vec<u32>,
    pub unauthorised: u64,
    /// How many requests something on the way refused, and how many were refused for a description.
    pub foreign: u64,
    pub refused_descriptions: u64,
    turned_away: BTreeMap<u64, u32>,
    /// Credentials before this one are revoked.
    first_valid: u64,
    issued: u64,
}

impl Server {
    pub(crate) fn new(faults: Faults, shows_date: bool) -> Server {
        Server {
            faults,
            shows_date,
            ledger: BTreeMap::new(),
            described: Vec::new(),
            unauthorised: 0,
            foreign: 0,
            refused_descriptions: 0,
            turned_away: BTreeMap::new(),
            first_valid: 0,
            issued: 0,
        }
    }

    pub(crate) fn issue(&mut self, who: u32, expires: i64) -> Key {
        self.issued += 1;
        Key {
            who,
            serial: self.issued,
            expires,
        }
    }

    pub(crate) fn handle(
        &mut self,
        request: &Request,
        fate: impl Fn(u64) -> Fate,
        now: i64,
        random: &mut Random,
    ) -> Reply {
        let is_too_large = match &request.content {
            Content::Events(events, _) => {
                (self.faults.proxy_events).is_some_and(|most| events.len() > most)
            }
            Content::Endpoint(_) => false,
        };
        let mut reply = if is_too_large || random.percent(self.faults.foreign) {
            self.foreign += 1;
            let any = random.pick(&[200, 302, 400, 400, 403, 404, 413, 413]);
            status_only(if is_too_large { 413 } else { any })
        } else if random.percent(self.faults.status) {
            fault(random)
        } else if let Some((status, is_own)) = self.faults.only {
            Reply {
                is_own,
                ..status_only(status)
            }
        } else {
            self.authorised(request, fate, now, random)
        };
        if self.shows_date {
            reply.date = Some(now / 1_000 * 1_000);
        }
        reply
    }

    fn authorised(
        &mut self,
        request: &Request,
        fate: impl Fn(u64) -> Fate,
        now: i64,
        random: &mut Random,
    ) -> Reply {
        if random.percent(self.faults.revocation) {
            self.first_valid = self.issued + 1;
        }
        let key = &request.key;
        let is_valid = key.serial >= self.first_valid && now < key.expires;
        let is_forbidden = self.faults.forbidden == Some(key.who);
        if !is_valid || is_forbidden || (request.signed_at - now).abs() > SIGNATURE_TOLERANCE_MS {
            self.unauthorised += 1;
            return if random.percent(50) {
                own(403)
            } else {
                Reply {
                    error_type: "ExpiredTokenException",
                    ..status_only(400)
                }
            };
        }
        match &request.content {
            Content::Endpoint(serial) => {
                // Refused, it is known too, and does not come again.
                self.described.push(*serial);
                own(if self.refuses(*serial) { 400 } else { 202 })
            }
            Content::Events(_, Some(serial)) if self.refuses(*serial) => {
                self.refused_descriptions += 1;
                own(random.pick(&[400, 413]))
            }
            Content::Events(events, _) => self.put(events, fate, random),
        }
    }

    fn refuses(&self, description: u32) -> bool {
        let every = self.faults.bad_descriptions;
        every.is_some_and(|every| description.is_multiple_of(every))
    }

    fn put(
        &mut self,
        events: &[(u64, i64)],
        fate: impl Fn(u64) -> Fate,
        random: &mut Random,
    ) -> Reply {
        let too_many = self.faults.max_events.is_some_and(|max| events.len() > max);
        if too_many || events.iter().any(|(event, _)| fate(*event) == Fate::Poison) {
            return own(random.pick(&[400, 413]));
        }
        let mut reply = own(202);
        for (event, time) in events {
            let status: u16 = match fate(*event) {
                Fate::Refused => 400,
                Fate::Stubborn if self.turn_away(*event) => 503,
                _ if random.percent(self.faults.item) => {
                    if random.percent(50) {
                        self.accept(*event, *time);
                        reply.accepted.push(*event);
                        0
                    } else {
                        random.pick(&[0, 429, 500, 503])
                    }
                }
                _ => {
                    self.accept(*event, *time);
                    reply.accepted.push(*event);
                    202
                }
            };
            reply.events.push(status.to_le_bytes());
        }
        if random.percent(self.faults.garbled) {
            reply
                .events
                .truncate(random.between(0, 1 + events.len() as u64) as usize);
        }
        reply
    }

    fn turn_away(&mut self, event: u64) -> bool {
        let times = self.turned_away.entry(event).or_default();
        *times += 1;
        *times <= STUBBORN
    }

    fn accept(&mut self, event: u64, time: i64) {
        self.ledger.entry(event).or_insert((0, time)).0 += 1;
    }
}

/// An answer in the endpoint's form.
fn own(status: u16) -> Reply {
    Reply {
        is_own: true,
        ..status_only(status)
    }
}

fn status_only(status: u16) -> Reply {
    Reply {
        status,
        ..Reply::default()
    }
}

fn fault(random: &mut Random) -> Reply {
    let mut reply = status_only(random.pick(&[404, 408, 429, 429, 500, 502, 503, 503, 504]));
    if matches!(reply.status, 429 | 503) && random.percent(70) {
        reply.retry_after = Some(random.between(0, 20_000));
    }
    reply
}
