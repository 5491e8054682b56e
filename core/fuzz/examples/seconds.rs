//! A second of each target.

use std::sync::atomic::{AtomicUsize, Ordering};

#[path = "../fuzz_targets/aws_answer.rs"]
mod aws_answer;
#[path = "../fuzz_targets/cognito_identity.rs"]
mod cognito_identity;
#[path = "../fuzz_targets/event_pattern.rs"]
mod event_pattern;
#[path = "../fuzz_targets/event_stream.rs"]
mod event_stream;
#[path = "../fuzz_targets/gzip.rs"]
mod gzip;
#[path = "../fuzz_targets/json.rs"]
mod json;
#[path = "../fuzz_targets/login.rs"]
mod login;
#[path = "../fuzz_targets/outbox.rs"]
mod outbox;
#[path = "../fuzz_targets/plain_events.rs"]
mod plain_events;
#[path = "../fuzz_targets/put_events_request.rs"]
mod put_events_request;
#[path = "../fuzz_targets/put_events_response.rs"]
mod put_events_response;
#[path = "../fuzz_targets/queue_message.rs"]
mod queue_message;
#[path = "../fuzz_targets/request_head.rs"]
mod request_head;
#[path = "../fuzz_targets/schema.rs"]
mod schema;
#[path = "../fuzz_targets/schema_rules.rs"]
mod schema_rules;
#[path = "../fuzz_targets/session_token.rs"]
mod session_token;
#[path = "../fuzz_targets/sigv4.rs"]
mod sigv4;
#[path = "../fuzz_targets/timestamps.rs"]
mod timestamps;
#[path = "../fuzz_targets/update_endpoint.rs"]
mod update_endpoint;

/// Each target by its name.
macro_rules! targets {
    ($($target:ident),+ $(,)?) => {
        [$((stringify!($target), $target::try_some as fn())),+]
    };
}

/// How many are tried at once.
const AT_ONCE: usize = 2;

/// Tries each target; a panic ends it, after the input that it comes from.
fn main() {
    let targets = targets!(
        aws_answer,
        cognito_identity,
        event_pattern,
        event_stream,
        gzip,
        json,
        login,
        outbox,
        plain_events,
        put_events_request,
        put_events_response,
        queue_message,
        request_head,
        schema,
        schema_rules,
        session_token,
        sigv4,
        timestamps,
        update_endpoint
    );
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((name, try_some)) = targets.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    try_some();
                    println!("test {name} ... ok");
                }
            });
        }
    });
    let count = targets.len();
    println!("test result: ok. {count} passed; 0 failed; 0 ignored");
}
