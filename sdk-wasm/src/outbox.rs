//! The core's `outbox::Outbox` for JavaScript. Events, identities and requests have numbers. Times are milliseconds;
//! NaN stands for no time.

use forebay_core::outbox::{Action, Answer, Config, NewEvent, Now};

use crate::page::{Page, page, parted, put};

/// Most events of an identity in memory, if the others are on disk.
const RESIDENT_EVENTS: usize = 2_000;
/// Most bytes of events in a batch: a request may have 4 MB, and its envelope describes the endpoint.
const BATCH_BYTES: usize = 4_000_000 - 16_000;

/// What [`outbox_poll`] multiplies an action by.
pub const PER_ACTION: f64 = 4_294_967_296.0;

/// Places of [`outbox_books`]: how many events were recorded, loaded or handed over.
pub const BOOK_RECORDED: usize = 0;
/// How many wait, also on disk alone, or are in flight.
pub const BOOK_QUEUED: usize = 1;
/// How many ended as [`Action::Delivered`]; the next places count the next actions.
pub const BOOK_ENDED: usize = 2;

/// Sets the time for all calls until the next one of this: `wall` is `Date.now()`, `monotonic` is `performance.now()`.
#[unsafe(no_mangle)]
pub extern "C" fn outbox_now(wall: f64, monotonic: f64) {
    page().now = Now { wall, monotonic };
}

/// Empties the outbox. `entropy` is a random number; the other arguments are members of the core's
/// `outbox::Config`.
#[unsafe(no_mangle)]
#[allow(
    clippy::too_many_arguments,
    reason = "numbers cross the boundary cheapest"
)]
pub extern "C" fn outbox_start(
    entropy: f64,
    batch_events: usize,
    queue_events: usize,
    queue_bytes: usize,
    max_age: f64,
    interval: f64,
    drop_newest: bool,
    clock_offset: f64,
) {
    let config = Config {
        batch_events,
        batch_bytes: BATCH_BYTES,
        queue_events,
        queue_bytes,
        resident_events: RESIDENT_EVENTS,
        max_age_ms: max_age,
        interval_ms: interval,
        drop_newest,
        clock_offset,
    };
    page().outbox.start(config, entropy.to_bits() as u32);
}

/// `Outbox::record`
#[unsafe(no_mangle)]
pub extern "C" fn outbox_record(
    event: u32,
    bytes: usize,
    who: u32,
    at: f64,
    immediate: bool,
) -> bool {
    let page = page();
    let event = new_event(event, bytes, who, at);
    page.outbox.record(event, immediate, page.now)
}

/// `Outbox::load`
#[unsafe(no_mangle)]
pub extern "C" fn outbox_load(event: u32, bytes: usize, who: u32, at: f64) -> bool {
    page().outbox.load(new_event(event, bytes, who, at))
}

/// `Outbox::loaded`
#[unsafe(no_mangle)]
pub extern "C" fn outbox_loaded() {
    page().outbox.loaded();
}

/// `Outbox::evict`
#[unsafe(no_mangle)]
pub extern "C" fn outbox_evict(event: u32) -> bool {
    page().outbox.evict(event)
}

/// `Outbox::ended_elsewhere`; `end` is the number of an [`Action`].
#[unsafe(no_mangle)]
pub extern "C" fn outbox_ended_elsewhere(event: u32, end: usize) {
    let at = end.wrapping_sub(Action::Delivered as usize);
    if let Some(end) = Action::ENDS.get(at) {
        page().outbox.ended_elsewhere(event, *end);
    }
}

/// `Outbox::flush`
#[unsafe(no_mangle)]
pub extern "C" fn outbox_flush() {
    page().outbox.flush();
}

/// `Outbox::update_endpoint`
#[unsafe(no_mangle)]
pub extern "C" fn outbox_update_endpoint() {
    page().outbox.update_endpoint();
}

/// `Outbox::set_current`
#[unsafe(no_mangle)]
pub extern "C" fn outbox_set_current(who: u32) {
    page().outbox.set_current(who);
}

/// `Outbox::set_leader`
#[unsafe(no_mangle)]
pub extern "C" fn outbox_set_leader(leader: bool) {
    page().outbox.set_leader(leader);
}

/// `Outbox::set_online`
#[unsafe(no_mangle)]
pub extern "C" fn outbox_set_online(online: bool) {
    page().outbox.set_online(online);
}

/// `Outbox::got_credentials`
#[unsafe(no_mangle)]
pub extern "C" fn outbox_got_credentials(who: u32, lifetime: f64) {
    let page = page();
    page.outbox.got_credentials(who, lifetime, page.now);
}

/// `Outbox::no_credentials`
#[unsafe(no_mangle)]
pub extern "C" fn outbox_no_credentials(who: u32, retry_after: f64) {
    let page = page();
    page.outbox.no_credentials(who, retry_after, page.now);
}

/// `Outbox::answered`, with the members of the core's `outbox::Answer`. The buffer has the statuses of so many
/// `events`, and then `error_type`.
#[unsafe(no_mangle)]
pub extern "C" fn outbox_answered(
    request: u32,
    status: u16,
    has_message_body: bool,
    events: usize,
    retry_after: f64,
    date: f64,
) {
    let page = page();
    let (statuses, error_type) = parted(&page.buffer, 2 * events);
    let answer = Answer {
        status,
        error_type,
        has_message_body,
        retry_after,
        date,
        events: statuses.as_chunks().0,
    };
    page.outbox.answered(request, answer, page.now);
}

/// `Outbox::tick`
#[unsafe(no_mangle)]
pub extern "C" fn outbox_tick() -> f64 {
    let page = page();
    page.outbox.tick(page.now)
}

/// `Outbox::hidden`
#[unsafe(no_mangle)]
pub extern "C" fn outbox_hidden(envelope: usize) {
    let page = page();
    page.outbox.hidden(envelope, page.now);
}

/// `Outbox::poll`: an action times [`PER_ACTION`], plus the number that belongs to it; 0 if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn outbox_poll() -> f64 {
    page().outbox.poll().map_or(0.0, |(action, number)| {
        f64::from(action as u8) * PER_ACTION + f64::from(number)
    })
}

/// Puts what a request takes into the buffer, as 64-bit floating-point numbers: the number of its identity, 1 if it
/// describes the endpoint and else 0, and `Outbox::clock_offset`; where it is a batch, then each event's number and
/// what is to be added to its times. Gives their length in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn outbox_request(request: u32) -> usize {
    let Page { outbox, buffer, .. } = page();
    buffer.clear();
    let mut give = |number: f64| put(buffer, &number.to_le_bytes());
    give(f64::from(outbox.who(request)));
    give(f64::from(u8::from(outbox.describes(request))));
    give(outbox.clock_offset());
    for (event, offset) in outbox.batch(request) {
        give(f64::from(event));
        give(offset);
    }
    buffer.len()
}

/// `Outbox::clock_offset`
#[unsafe(no_mangle)]
pub extern "C" fn outbox_clock_offset() -> f64 {
    page().outbox.clock_offset()
}

/// One number of `Outbox::books`: [`BOOK_RECORDED`], [`BOOK_QUEUED`], or one from [`BOOK_ENDED`] on.
#[unsafe(no_mangle)]
pub extern "C" fn outbox_books(at: usize) -> u32 {
    let books = page().outbox.books();
    match at {
        BOOK_RECORDED => books.recorded,
        BOOK_QUEUED => books.queued,
        _ => books
            .ended
            .get(at - BOOK_ENDED)
            .copied()
            .unwrap_or_default(),
    }
}

fn new_event(event: u32, bytes: usize, who: u32, at: f64) -> NewEvent {
    NewEvent {
        event,
        bytes,
        who,
        at,
    }
}
