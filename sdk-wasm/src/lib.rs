//! Forebay's outbox, validator and signer as a WebAssembly module: one outbox, that of the page that
//! loads it. Numbers and short texts cross the boundary; what becomes of them is decided in the core.
//! The doing (fetch, timers, storage) and the texts of events are JavaScript's: the engine in
//! `npm/src/engine.ts`. Times are milliseconds; NaN stands for what is not there.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod memory;
mod page;
mod validator;

use alloc::string::String;
use alloc::vec::Vec;

use forebay_core::outbox::{Action, Answer, Config, NewEvent, Now, Outbox};
use forebay_core::sigv4;
use wasm_bindgen::prelude::wasm_bindgen;

use page::outbox;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    fn wall_clock() -> f64;
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn monotonic_clock() -> f64;
}

/// [`sigv4::payload_hash`]
#[wasm_bindgen(js_name = payloadHash)]
pub fn payload_hash(body: &[u8]) -> String {
    sigv4::payload_hash(body)
}

/// [`sigv4::sign_canonical`]
#[wasm_bindgen(js_name = signCanonical)]
pub fn sign_canonical(canonical: &str, amz_date: &str, scope: &str, secret: &str) -> String {
    sigv4::sign_canonical(canonical, amz_date, scope, secret)
}

/// Empties the outbox. `entropy` is random; the other arguments are the members of the core's
/// `outbox::Config`.
#[wasm_bindgen]
#[allow(
    clippy::too_many_arguments,
    reason = "numbers cross the boundary cheapest"
)]
pub fn start(
    entropy: f64,
    batch_events: u32,
    batch_bytes: u32,
    queue_events: u32,
    queue_bytes: u32,
    max_age: f64,
    interval: u32,
    drop_newest: bool,
    clock_offset: f64,
) {
    let config = Config {
        batch_events: batch_events as usize,
        batch_bytes: batch_bytes as usize,
        queue_events: queue_events as usize,
        queue_bytes: queue_bytes as usize,
        max_age_ms: max_age as i64,
        interval_ms: interval.into(),
        drop_newest,
        clock_offset: clock_offset as i64,
    };
    *outbox() = Outbox::new(config, entropy.to_bits());
}

/// [`Outbox::record`]
#[wasm_bindgen]
pub fn record(event: u32, bytes: u32, who: u32, at: f64, immediate: bool) {
    outbox().record(new_event(event, bytes, who, at, f64::NAN), immediate);
}

/// [`Outbox::load`]
#[wasm_bindgen]
pub fn load(event: u32, bytes: u32, who: u32, at: f64, offset: f64) {
    outbox().load(new_event(event, bytes, who, at, offset));
}

/// [`Outbox::loaded`]
#[wasm_bindgen]
pub fn loaded() {
    outbox().loaded();
}

/// [`Outbox::ended_elsewhere`]; `end` is the number of an [`Action`].
#[wasm_bindgen(js_name = endedElsewhere)]
pub fn ended_elsewhere(event: u32, end: u32) {
    let end = Action::ENDS.iter().find(|action| **action as u32 == end);
    if let Some(end) = end {
        outbox().ended_elsewhere(event, *end);
    }
}

/// [`Outbox::flush`]
#[wasm_bindgen]
pub fn flush() {
    outbox().flush();
}

/// [`Outbox::update_endpoint`]
#[wasm_bindgen(js_name = updateEndpoint)]
pub fn update_endpoint() {
    outbox().update_endpoint();
}

/// [`Outbox::set_current`]
#[wasm_bindgen(js_name = setCurrent)]
pub fn set_current(who: u32) {
    outbox().set_current(who);
}

/// [`Outbox::set_leader`]
#[wasm_bindgen(js_name = setLeader)]
pub fn set_leader(leader: bool) {
    outbox().set_leader(leader);
}

/// [`Outbox::set_online`]
#[wasm_bindgen(js_name = setOnline)]
pub fn set_online(online: bool) {
    outbox().set_online(online);
}

/// [`Outbox::got_credentials`]
#[wasm_bindgen(js_name = gotCredentials)]
pub fn got_credentials(who: u32, lifetime: f64) {
    outbox().got_credentials(who, lifetime as u64, now());
}

/// [`Outbox::no_credentials`]
#[wasm_bindgen(js_name = noCredentials)]
pub fn no_credentials(who: u32, retry_after: f64) {
    outbox().no_credentials(who, milliseconds(retry_after), now());
}

/// [`Outbox::answered`], with the members of the core's `outbox::Answer`.
#[wasm_bindgen]
pub fn answered(
    request: u32,
    status: u16,
    error_type: &str,
    retry_after: f64,
    date: f64,
    events: &[u16],
) {
    let answer = Answer {
        status,
        error_type,
        retry_after: milliseconds(retry_after),
        date: given(date),
        events,
    };
    outbox().answered(request, answer, now());
}

/// [`Outbox::tick`]
#[wasm_bindgen]
pub fn tick() {
    outbox().tick(now());
}

/// [`Outbox::hidden`]
#[wasm_bindgen]
pub fn hidden(envelope: u32) {
    outbox().hidden(envelope as usize, now());
}

/// [`Outbox::poll`]: the number of an [`Action`] times 2^32, plus the number that belongs to it; 0 for
/// nothing.
#[wasm_bindgen]
pub fn poll() -> f64 {
    outbox().poll().map_or(0.0, |(action, number)| {
        f64::from(action as u8) * 4_294_967_296.0 + f64::from(number)
    })
}

/// How long to wait before the next [`tick`]; NaN where only something new needs one.
#[wasm_bindgen]
pub fn wait() -> f64 {
    let now = now().monotonic;
    let at = outbox().wake_at(now);
    at.map_or(f64::NAN, |at| (at - now) as f64)
}

/// [`Outbox::batch`]: an event, what to add to its time, the next event, and so on.
#[wasm_bindgen]
pub fn batch(request: u32) -> Vec<f64> {
    let mut batch = Vec::new();
    for (event, offset) in outbox().batch(request) {
        batch.push(f64::from(*event));
        batch.push(*offset as f64);
    }
    batch
}

/// [`Outbox::who`]
#[wasm_bindgen]
pub fn who(request: u32) -> u32 {
    outbox().who(request)
}

/// [`Outbox::clock_offset`]
#[wasm_bindgen(js_name = clockOffset)]
pub fn clock_offset() -> f64 {
    outbox().clock_offset() as f64
}

/// [`Outbox::books`]: recorded, queued, and those that ended in the order of [`Action::ENDS`].
#[wasm_bindgen]
pub fn books() -> Vec<f64> {
    let books = outbox().books();
    let mut numbers = Vec::new();
    for number in [books.recorded, books.queued].iter().chain(&books.ended) {
        numbers.push(f64::from(*number));
    }
    numbers
}

fn now() -> Now {
    Now {
        wall: wall_clock() as i64,
        monotonic: monotonic_clock() as u64,
    }
}

fn new_event(event: u32, bytes: u32, who: u32, at: f64, offset: f64) -> NewEvent {
    NewEvent {
        event,
        bytes,
        who,
        at: at as i64,
        offset: given(offset),
    }
}

fn given(number: f64) -> Option<i64> {
    (!number.is_nan()).then_some(number as i64)
}

fn milliseconds(number: f64) -> Option<u64> {
    (!number.is_nan()).then_some(number as u64)
}
