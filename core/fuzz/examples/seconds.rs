//! A second of each target.

#[path = "../fuzz_targets/aws_answer.rs"]
mod aws_answer;
#[path = "../fuzz_targets/cognito_identity.rs"]
mod cognito_identity;
#[path = "../fuzz_targets/event_pattern.rs"]
mod event_pattern;
#[path = "../fuzz_targets/event_stream.rs"]
mod event_stream;
#[path = "../fuzz_targets/json.rs"]
mod json;
#[path = "../fuzz_targets/outbox.rs"]
mod outbox;
#[path = "../fuzz_targets/plain_events.rs"]
mod plain_events;
#[path = "../fuzz_targets/put_events_request.rs"]
mod put_events_request;
#[path = "../fuzz_targets/put_events_response.rs"]
mod put_events_response;
#[path = "../fuzz_targets/schema.rs"]
mod schema;
#[path = "../fuzz_targets/schema_rules.rs"]
mod schema_rules;
#[path = "../fuzz_targets/sigv4.rs"]
mod sigv4;
#[path = "../fuzz_targets/timestamps.rs"]
mod timestamps;
#[path = "../fuzz_targets/update_endpoint.rs"]
mod update_endpoint;

/// Tries each target; a panic ends it, after the input that it comes from.
macro_rules! try_each {
    ($($target:ident),+) => {{
        let mut count = 0;
        $(
            $target::try_some();
            println!("test {} ... ok", stringify!($target));
            count += 1;
        )+
        println!("test result: ok. {count} passed; 0 failed; 0 ignored");
    }};
}

fn main() {
    try_each!(
        aws_answer,
        cognito_identity,
        event_pattern,
        event_stream,
        json,
        outbox,
        plain_events,
        put_events_request,
        put_events_response,
        schema,
        schema_rules,
        sigv4,
        timestamps,
        update_endpoint
    );
}
