//! The outbox rule by rule. How the rules work together is in `tests/simulation`.

use std::vec::Vec;

use super::*;

mod books;
mod caps;
mod clock;
mod going_away;
mod identities;
mod memory;
mod pace;
mod refusals;
mod retries;

const WALL: f64 = 1_795_000_000_000.0;
const DAY_MS: f64 = 86_400_000.0;
const HOUR_MS: f64 = 3_600_000.0;
/// What each event here has.
const EVENT_BYTES: usize = 100;
const GUEST: u32 = 0;

const CONFIG: Config = Config {
    batch_events: 10,
    batch_bytes: 10_000,
    queue_events: 1_000,
    queue_bytes: 1_000_000,
    resident_events: usize::MAX,
    max_age_ms: 30.0 * DAY_MS,
    interval_ms: 5_000.0,
    drop_newest: false,
    clock_offset: 0.0,
};

/// A batch that left: the number of its request, and its events.
type Sent = (u32, Vec<u32>);

/// What an answer says about each event.
fn statuses<const COUNT: usize>(of: [u16; COUNT]) -> [[u8; 2]; COUNT] {
    of.map(u16::to_le_bytes)
}

/// A page with an outbox in it, whose network is the test.
struct Page {
    outbox: Outbox,
    now: Now,
    actions: Vec<(Action, u32)>,
    /// When the outbox wants to be woken.
    wake_at: f64,
    /// Number of the next event.
    next: u32,
}

fn event(number: u32) -> NewEvent {
    NewEvent {
        event: number,
        bytes: EVENT_BYTES,
        who: GUEST,
        at: WALL,
    }
}

impl Page {
    /// A page that leads and has no credentials.
    fn new(config: Config) -> Page {
        Page::seeded(config, 1)
    }

    fn seeded(config: Config, seed: u32) -> Page {
        let mut page = Page {
            outbox: Outbox::EMPTY,
            now: Now {
                wall: WALL,
                monotonic: 1_000.0,
            },
            actions: Vec::new(),
            wake_at: f64::INFINITY,
            next: 0,
        };
        page.outbox.start(config, seed.wrapping_mul(0x9e37_79b9));
        page.outbox.set_leader(true);
        page
    }

    /// A page that leads and has a guest's credentials for an hour.
    fn ready(config: Config) -> Page {
        let mut page = Page::new(config);
        page.outbox.got_credentials(GUEST, HOUR_MS, page.now);
        page
    }

    /// A page that has had its first batch accepted just now, so that the pace holds.
    fn paced(config: Config) -> Page {
        let mut page = Page::ready(config);
        page.record(1);
        let (request, _) = page.batch();
        page.accept(request);
        page.actions.clear();
        page
    }

    /// What the shell does after every call.
    fn turn(&mut self) {
        self.wake_at = self.outbox.tick(self.now);
        while let Some(action) = self.outbox.poll() {
            self.actions.push(action);
        }
        let books = self.outbox.books();
        let ended: u32 = books.ended.iter().sum();
        assert_eq!(books.recorded, ended + books.queued);
        assert!(self.wake_at > self.now.monotonic);
    }

    /// Records so many events in one task.
    fn record(&mut self, count: u32) {
        for _ in 0..count {
            self.record_as(GUEST, false);
        }
        self.turn();
    }

    /// Records an event that does not wait for the pace.
    fn record_now(&mut self) {
        self.record_as(GUEST, true);
        self.turn();
    }

    fn record_as(&mut self, who: u32, immediate: bool) {
        let new = NewEvent {
            who,
            at: self.now.wall,
            ..event(self.next)
        };
        self.next += 1;
        self.outbox.record(new, immediate, self.now);
    }

    fn load(&mut self, events: impl IntoIterator<Item = NewEvent>) {
        for event in events {
            self.outbox.load(event);
        }
        self.outbox.loaded();
        self.turn();
    }

    fn pass(&mut self, milliseconds: impl Into<f64>) {
        let milliseconds = milliseconds.into();
        self.now.monotonic += milliseconds;
        self.now.wall += milliseconds;
        self.turn();
    }

    /// When the outbox wants to be woken, from now.
    fn wait(&self) -> Option<f64> {
        let wait = self.wake_at - self.now.monotonic;
        wait.is_finite().then_some(wait)
    }

    /// Lets time pass, as the outbox wants to be woken, until it sends something or asks for
    /// credentials.
    fn wait_for_action(&mut self) {
        while self.actions.is_empty() {
            let wait = self.wait().expect("time brings nothing about");
            self.pass(wait);
        }
    }

    fn wait_for_batch(&mut self) -> Sent {
        self.actions.clear();
        self.wait_for_action();
        self.batch()
    }

    /// The batches that left since the last look.
    fn batches(&mut self) -> Vec<Sent> {
        let mut batches = Vec::new();
        for (_, request) in self.actions.extract_if(.., |(action, _)| {
            matches!(action, Action::SendBatch | Action::SendLastBatch)
        }) {
            let events = self.outbox.batch(request);
            batches.push((request, events.map(|(event, _)| event).collect()));
        }
        batches
    }

    /// The one batch that left since the last look.
    fn batch(&mut self) -> Sent {
        let mut batches = self.batches();
        assert_eq!(batches.len(), 1, "{batches:?} {:?}", self.actions);
        batches.remove(0)
    }

    /// The numbers that came with an action since the last look.
    fn take(&mut self, wanted: Action) -> Vec<u32> {
        self.actions
            .extract_if(.., |(action, _)| *action == wanted)
            .map(|(_, number)| number)
            .collect()
    }

    fn accept(&mut self, request: u32) {
        self.answer_each(request, |_| 202);
    }

    fn answer_each(&mut self, request: u32, status: impl Fn(u32) -> u16) {
        let batch = self.outbox.batch(request);
        let events: Vec<_> = batch
            .map(|(event, _)| status(event).to_le_bytes())
            .collect();
        self.answer_with(
            request,
            Answer {
                status: 202,
                events: &events,
                ..Answer::NONE
            },
        );
    }

    fn answer(&mut self, request: u32, status: u16) {
        self.answer_with(
            request,
            Answer {
                status,
                has_message_body: true,
                ..Answer::NONE
            },
        );
    }

    /// Something on the way answers instead of the endpoint.
    fn answer_for(&mut self, request: u32, status: u16) {
        self.answer_with(
            request,
            Answer {
                status,
                ..Answer::NONE
            },
        );
    }

    fn answer_after(&mut self, request: u32, status: u16, retry_after: f64) {
        self.answer_with(
            request,
            Answer {
                status,
                retry_after,
                ..Answer::NONE
            },
        );
    }

    fn answer_with(&mut self, request: u32, answer: Answer<'_>) {
        self.outbox.answered(request, answer, self.now);
        self.turn();
    }

    fn flush(&mut self) {
        self.outbox.flush();
        self.turn();
    }

    fn online(&mut self, online: bool) {
        self.outbox.set_online(online);
        self.turn();
    }

    fn leader(&mut self, leader: bool) {
        self.outbox.set_leader(leader);
        self.turn();
    }

    fn ended(&self, end: Action) -> u32 {
        self.outbox.books().ended[end as usize - Action::Delivered as usize]
    }

    fn queued(&self) -> u32 {
        self.outbox.books().queued
    }
}

fn numbers(range: core::ops::Range<u32>) -> Vec<u32> {
    range.collect()
}

#[test]
fn what_starts_anew_has_nothing_of_before() {
    let mut page = Page::ready(CONFIG);
    page.record(30);
    page.load([event(100)]);
    page.outbox.update_endpoint();
    let (request, _) = page.batches().remove(0);
    page.answer_after(request, 503, 20_000.0);
    page.outbox.load(event(101));
    page.outbox.start(CONFIG, 1);
    page.outbox.loaded();
    page.outbox.set_leader(true);
    page.actions.clear();
    page.turn();
    assert_eq!((page.actions.len(), page.wait()), (0, None));
    assert_eq!(*page.outbox.books(), Books::NEW);
    page.record(1);
    assert_eq!(page.actions, [(Action::GetCredentials, GUEST)]);
    page.outbox.got_credentials(GUEST, HOUR_MS, page.now);
    page.turn();
    assert_eq!(page.batch().1, [30]);
}

/// Work that grows with the square of the queue would take hours here.
#[test]
fn hundred_thousand_events_pass_through() {
    const EVENTS: u32 = 100_000;
    let mut page = Page::ready(Config {
        batch_events: 100,
        queue_events: 2 * EVENTS as usize,
        queue_bytes: usize::MAX,
        ..CONFIG
    });
    page.leader(false);
    page.record(EVENTS);
    page.load((EVENTS..2 * EVENTS).map(event));
    page.leader(true);
    while page.queued() > 0 {
        for (request, _) in page.batches() {
            page.accept(request);
        }
        if page.actions.is_empty() {
            page.wait_for_action();
        }
        page.take(Action::Delivered);
    }
    assert_eq!(page.ended(Action::Delivered), 2 * EVENTS);
}

/// The same with a batch at the front that nobody answers, while the oldest events are dropped.
#[test]
fn hundred_thousand_events_are_dropped_behind_one_that_hangs() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    page.leader(false);
    page.record(100_000);
    page.take(Action::DroppedTooMany);
    assert_eq!(page.queued(), 1_000);
    assert_eq!(page.ended(Action::DroppedTooMany), 99_001);
}

/// Numbers that make no sense are survived, and the books balance (which `turn` looks at).
#[test]
fn nonsense_from_outside_is_survived() {
    let mut page = Page::new(Config {
        batch_events: 0,
        batch_bytes: 0,
        queue_events: 3,
        queue_bytes: 1_000,
        resident_events: 0,
        max_age_ms: f64::NEG_INFINITY,
        interval_ms: f64::INFINITY,
        drop_newest: false,
        clock_offset: f64::NEG_INFINITY,
    });
    page.outbox.set_current(u32::MAX);
    page.outbox.update_endpoint();
    for (at, who, bytes) in [
        (f64::INFINITY, u32::MAX, 0),
        (f64::NEG_INFINITY, 7, 1_000),
        (f64::NAN, 0, u32::MAX as usize),
    ] {
        let new = NewEvent {
            at,
            who,
            bytes,
            ..event(at as u32)
        };
        page.load([new, new]);
        page.outbox.record(new, true, page.now);
        page.outbox.got_credentials(who, f64::INFINITY, page.now);
        page.outbox.no_credentials(who, f64::INFINITY, page.now);
    }
    for round in 0..200_u32 {
        page.pass(40_000);
        let date = if round % 2 == 0 {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        };
        for (_, request) in core::mem::take(&mut page.actions) {
            page.answer_with(
                request,
                Answer {
                    status: [200, 202, 400, 0, 999, 403][round as usize % 6],
                    error_type: b"?",
                    has_message_body: true,
                    retry_after: f64::INFINITY,
                    date,
                    events: &statuses([202, 1]),
                },
            );
        }
    }
    page.now = Now {
        wall: f64::NEG_INFINITY,
        monotonic: f64::MAX,
    };
    page.turn();
    page.flush();
    page.outbox.hidden(usize::MAX, page.now);
}
