//! Any calls in any order: the books balance, and nothing is asked for in the past.
#![no_main]

use arbitrary::Arbitrary;
use forebay_core::outbox::{Action, Answer, Config, NewEvent, Now, Outbox};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Call {
    Record(u8, u32, i64, Option<i64>, bool),
    Load(u8, u32, i64, Option<i64>),
    Loaded,
    EndedElsewhere(u32, u8),
    Flush,
    UpdateEndpoint,
    SetCurrent(u8),
    SetLeader(bool),
    SetOnline(bool),
    GotCredentials(u8, u64),
    NoCredentials(u8, Option<u64>),
    Answered(u8, u16, String, Option<u64>, Option<i64>, Vec<u16>),
    Hidden(u16),
    Pass(u64),
    Jump(i64),
}

#[derive(Debug, Arbitrary)]
struct Calls {
    batch_events: u8,
    batch_bytes: u16,
    queue_events: u16,
    queue_bytes: u16,
    max_age_ms: i64,
    interval_ms: u64,
    drop_newest: bool,
    clock_offset: i64,
    entropy: u64,
    calls: Vec<Call>,
}

fuzz_target!(|input: Calls| {
    let config = Config {
        batch_events: input.batch_events.into(),
        batch_bytes: input.batch_bytes.into(),
        queue_events: input.queue_events.into(),
        queue_bytes: input.queue_bytes.into(),
        max_age_ms: input.max_age_ms,
        interval_ms: input.interval_ms,
        drop_newest: input.drop_newest,
        clock_offset: input.clock_offset,
    };
    let mut outbox = Outbox::new(config, input.entropy);
    let mut now = Now {
        wall: 0,
        monotonic: 0,
    };
    let mut requests = Vec::new();
    let mut events = 0;
    for call in input.calls {
        let mut new = |who: u8, bytes, at, offset| {
            events += 1;
            NewEvent {
                event: events,
                bytes,
                who: who.into(),
                at,
                offset,
            }
        };
        match call {
            Call::Record(who, bytes, at, offset, immediate) => {
                outbox.record(new(who, bytes, at, offset), immediate, now);
            }
            Call::Load(who, bytes, at, offset) => outbox.load(new(who, bytes, at, offset)),
            Call::Loaded => outbox.loaded(),
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
            Call::Answered(at, status, error_type, retry_after, date, events) => {
                let answer = Answer {
                    status,
                    error_type: error_type.as_bytes(),
                    retry_after,
                    date,
                    events: &events,
                };
                let request = requests.get(usize::from(at)).copied().unwrap_or(0);
                outbox.answered(request, answer, now);
            }
            Call::Hidden(envelope) => outbox.hidden(envelope.into(), now),
            Call::Pass(milliseconds) => {
                now.monotonic = now.monotonic.saturating_add(milliseconds % (1 << 40));
                now.wall = now.wall.saturating_add((milliseconds % (1 << 40)).cast_signed());
            }
            Call::Jump(to) => now.wall = to,
        }
        outbox.tick(now);
        while let Some((action, number)) = outbox.poll() {
            if matches!(action, Action::SendBatch | Action::SendLastBatch) {
                assert!(!outbox.batch(number).is_empty());
            }
            if !Action::ENDS.contains(&action) && action != Action::GetCredentials {
                requests.push(number);
            }
        }
        let books = outbox.books();
        let ended: u32 = books.ended.iter().sum();
        assert_eq!(books.recorded, books.queued + ended);
        let wake_at = outbox.wake_at(now.monotonic);
        assert!(wake_at.is_none_or(|at| at > now.monotonic));
    }
});
