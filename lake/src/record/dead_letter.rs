//! Dead letters of the edge, whose form docs/edge-worker.md says.

use forebay_core::event::Endpoint;
use forebay_core::json::{Limits, Value, Writer};
use forebay_core::schema::DEAD_LETTER;
use forebay_core::time::Timestamp;
use forebay_core::wire::event_stream::{Application, Client, Device, Record};

/// A letter holds an event or an endpoint as it was sent.
const LIMITS: Limits = Limits {
    depth: 64,
    values: 64 * 1024,
};

/// A dead letter: what it says for the columns that every table has, and its id. `None` for anything else.
pub fn read(data: &[u8]) -> Option<(Record<'static>, String)> {
    let letter = Value::parse_repetitive(data, LIMITS).ok()?;
    let text = |name: &str| Some(letter.get(name)?.as_str()?.to_owned());
    let Value::Number(_) = letter.get("dead_letter_version")? else {
        return None;
    };
    let Value::Number(arrival) = letter.get("arrival_timestamp")? else {
        return None;
    };
    let arrival = Timestamp(arrival.to_i64()?);
    let record = Record {
        event_type: DEAD_LETTER.into(),
        event_timestamp: arrival,
        arrival_timestamp: arrival,
        application: Application {
            app_id: text("app_id")?.into(),
            ..Application::default()
        },
        client: Client {
            client_id: text("client_id")?.into(),
            cognito_id: None,
        },
        device: Device::default(),
        session: None,
        attributes: Vec::new(),
        metrics: Vec::new(),
        endpoint: Endpoint::default(),
        aws_account_id: None,
        forebay: None,
    };
    Some((record, text("dead_letter_id")?))
}

/// A member of a letter: a text as it is, anything else but null as JSON; what was sent always as JSON.
pub fn member(data: &[u8]) -> impl Fn(&str) -> Option<String> {
    let letter = Value::parse_repetitive(data, LIMITS).unwrap_or(Value::Null);
    move |name| match letter.get(name)? {
        Value::Null => None,
        Value::String(text) if !["event", "endpoint"].contains(&name) => {
            Some(text.clone().into_owned())
        }
        value => {
            let mut json = Writer::new();
            json.value(value);
            Some(json.finish())
        }
    }
}
