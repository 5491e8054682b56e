//! Any calls in any order: the books balance, and nothing is asked for in the past.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use forebay_core::outbox::{Action, Answer, Config, MAX_IDENTITIES, NewEvent, Now, Outbox};

#[derive(Debug, Arbitrary)]
enum Call {
    Record(u8, u32, f64, bool),
    Load(u8, u32, f64),
    Loaded,
    Evict(u32),
    EndedElsewhere(u32, u8),
    Flush,
    UpdateEndpoint,
    SetCurrent(u8),
    SetLeader(bool),
    SetOnline(bool),
    GotCredentials(u8, f64),
    NoCredentials(u8, f64),
    Answered(u8, u16, String, bool, f64, f64, Vec<u16>),
    Hidden(u16),
    /// The module is thrown away, and another takes over.
    Start(u32),
    Pass(u32),
    Jump(i64),
}

#[derive(Debug, Arbitrary)]
struct Calls {
    batch_events: u8,
    batch_bytes: u16,
    queue_events: u16,
    queue_bytes: u16,
    resident_events: u8,
    max_age_ms: f64,
    interval_ms: u32,
    drop_newest: bool,
    clock_offset: f64,
    entropy: u32,
    calls: Vec<Call>,
}

forebay_core_fuzz::target!(|input: Calls| {
    let config = Config {
        batch_events: input.batch_events.into(),
        batch_bytes: input.batch_bytes.into(),
        queue_events: input.queue_events.into(),
        queue_bytes: input.queue_bytes.into(),
        resident_events: input.resident_events.into(),
        max_age_ms: input.max_age_ms,
        interval_ms: input.interval_ms.into(),
        drop_newest: input.drop_newest,
        clock_offset: input.clock_offset,
    };
    let mut outbox = Outbox::EMPTY;
    outbox.start(config, input.entropy);
    let mut now = Now {
        wall: 0.0,
        monotonic: 0.0,
    };
    let mut requests = Vec::new();
    let mut events = 0;
    for call in input.calls {
        let mut new = |who: u8, bytes: u32, at| {
            events += 1;
            NewEvent {
                event: events,
                bytes: bytes as usize,
                who: who.into(),
                at,
            }
        };
        match call {
            Call::Record(who, bytes, at, immediate) => {
                let is_taken = outbox.record(new(who, bytes, at), immediate, now);
                assert_eq!(is_taken, usize::from(who) < MAX_IDENTITIES);
            }
            Call::Load(who, bytes, at) => {
                let is_taken = outbox.load(new(who, bytes, at));
                assert!(!is_taken || usize::from(who) < MAX_IDENTITIES);
            }
            Call::Loaded => outbox.loaded(),
            Call::Evict(event) => {
                outbox.evict(event);
            }
            Call::EndedElsewhere(event, end) => {
                let end = Action::ENDS[usize::from(end) % Action::ENDS.len()];
                outbox.ended_elsewhere(event, end);
            }
            Call::Flush => outbox.flush(),
            Call::UpdateEndpoint => outbox.update_endpoint(),
            Call::SetCurrent(who) => outbox.set_current(who.into()),
            Call::SetLeader(leader) => outbox.set_leader(leader),
            Call::SetOnline(online) => outbox.set_online(online),
            Call::GotCredentials(who, lifetime) => {
                outbox.got_credentials(who.into(), lifetime, now);
            }
            Call::NoCredentials(who, retry_after) => {
                outbox.no_credentials(who.into(), retry_after, now);
            }
            Call::Answered(at, status, error_type, has_message_body, retry_after, date, events) => {
                let events: Vec<_> = events.into_iter().map(u16::to_le_bytes).collect();
                let answer = Answer {
                    status,
                    error_type: error_type.as_bytes(),
                    has_message_body,
                    retry_after,
                    date,
                    events: &events,
                };
                let request = requests.get(usize::from(at)).copied().unwrap_or(0);
                outbox.answered(request, answer, now);
            }
            Call::Hidden(envelope) => outbox.hidden(envelope.into(), now),
            Call::Start(entropy) => outbox.start(config, entropy),
            Call::Pass(milliseconds) => {
                now.monotonic += f64::from(milliseconds);
                now.wall += f64::from(milliseconds);
            }
            Call::Jump(to) => now.wall = to as f64,
        }
        let wake_at = outbox.tick(now);
        assert!(wake_at > now.monotonic);
        while let Some((action, number)) = outbox.poll() {
            if matches!(action, Action::SendBatch | Action::SendLastBatch) {
                assert!(outbox.batch(number).next().is_some());
            }
            let is_request = matches!(
                action,
                Action::SendBatch | Action::SendLastBatch | Action::SendEndpoint
            );
            if is_request {
                requests.push(number);
            }
        }
        let books = outbox.books();
        let ended: u32 = books.ended.iter().sum();
        assert_eq!(books.recorded, books.queued + ended);
    }
});
