//! Plain JSON events on their way into the same pipeline as those of PutEvents: which event and which
//! endpoint each is of.

use std::collections::HashMap;

use forebay_core::json::{Value, Writer};
use forebay_core::wire::DecodeError;
use forebay_core::wire::plain::{Body, PlainEvent};
use sha2::{Digest, Sha256};

use super::Context;
use super::deduplication::is_uuid;
use crate::platform::{NoRandomness, Random};
use crate::text::{hyphenated, uuid};

/// The events of a body, each with its ids.
pub struct PlainEvents<'a> {
    /// In the order of the body.
    pub events: Vec<Prepared<'a>>,
    /// A PutEvents request for each event that is `Ready`, in their order.
    pub requests: Vec<String>,
}

/// One event of a body.
pub struct Prepared<'a> {
    /// `id`, as it was sent.
    pub id: Option<String>,
    /// The id that the event has in the stream and in the lake.
    pub event_id: String,
    /// What is to be done with it.
    pub state: State<'a>,
}

/// What is to be done with an event.
pub enum State<'a> {
    /// It is sent: the one of this index in [`PlainEvents::requests`].
    Ready(usize),
    /// It has the id of an earlier one in this body, by its index, and that one's answer.
    SameAs(usize),
    /// It is not what an event is.
    Malformed {
        /// Where and why.
        error: DecodeError,
        /// What was sent; `None` where that is not JSON.
        sent: Option<&'a Value<'a>>,
    },
}

impl<'a> PlainEvents<'a> {
    /// Gives each event of a body its ids.
    ///
    /// # Errors
    /// [`NoRandomness`]
    pub fn prepare(
        body: &'a Body<'a>,
        context: &Context<'_>,
        random: &impl Random,
    ) -> Result<PlainEvents<'a>, NoRandomness> {
        let ids = Ids::new(context);
        let mut events = Vec::with_capacity(body.events.len());
        let mut requests = Vec::new();
        let mut first_of = HashMap::new();
        for (index, sent) in body.events.iter().enumerate() {
            let read = match sent {
                Ok(sent) => PlainEvent::read(sent, &body.shared, context.head.arrival)
                    .map_err(|error| (error, Some(sent))),
                Err(error) => Err((error.clone(), None)),
            };
            let prepared = match read {
                Ok(event) => {
                    let event_id = ids.event(&event, sent.as_ref().ok(), &body.shared, random)?;
                    let first = *first_of.entry(event_id.clone()).or_insert(index);
                    let state = if first == index {
                        let endpoint_id = ids.endpoint(&event);
                        requests.push(event.to_put_events(&endpoint_id, &event_id));
                        State::Ready(requests.len() - 1)
                    } else {
                        State::SameAs(first)
                    };
                    Prepared {
                        id: event.id.map(Into::into),
                        event_id,
                        state,
                    }
                }
                Err((error, sent)) => Prepared {
                    id: sent
                        .and_then(|sent| sent.get("id")?.as_str())
                        .map(str::to_owned),
                    event_id: random_id(random)?,
                    state: State::Malformed { error, sent },
                },
            };
            events.push(prepared);
        }
        Ok(PlainEvents { events, requests })
    }
}

/// The endpoint of events whose sender names none: the sender's own, always the same.
pub fn endpoint_of_sender(context: &Context<'_>) -> String {
    Ids::new(context).id_of(&["endpoint of sender"])
}

/// Makes ids that follow from what they are of, so that what is sent again has the same ones.
struct Ids(Sha256);

impl Ids {
    fn new(context: &Context<'_>) -> Ids {
        let start = Sha256::new_with_prefix("forebay/1/plain\0");
        let ids = Ids(start).with(&context.app.app_id);
        ids.with(&context.caller.sender.id())
    }

    fn with(mut self, part: &str) -> Ids {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// A UUID of version 8 (RFC 9562) of these parts.
    fn id_of(&self, parts: &[&str]) -> String {
        let start = Ids(self.0.clone());
        let hash = parts
            .iter()
            .fold(start, |ids, part| ids.with(part))
            .0
            .finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        id[6] = id[6] & 0x0f | 0x80;
        id[8] = id[8] & 0x3f | 0x80;
        hyphenated(&id)
    }

    /// A UUID names its event everywhere. Any other id names it for this sender and application. An
    /// event without an id that says when it happened is known by all it says; one that says neither
    /// is a new one each time.
    fn event(
        &self,
        event: &PlainEvent<'_>,
        sent: Option<&Value<'_>>,
        shared: &Value<'_>,
        random: &impl Random,
    ) -> Result<String, NoRandomness> {
        match event.id.as_deref() {
            Some(id) if is_uuid(id.as_bytes()) => Ok(id.to_owned()),
            Some(id) => Ok(self.id_of(&["event", id])),
            None if event.has_timestamp => {
                let mut content = Writer::new();
                content.begin_array().value(shared);
                content.value(sent.unwrap_or(&Value::Null)).end_array();
                Ok(self.id_of(&["content", &content.finish()]))
            }
            None => random_id(random),
        }
    }

    /// The endpoint that the event names, or that of its user, or that of its sender.
    fn endpoint(&self, event: &PlainEvent<'_>) -> String {
        match (event.endpoint_id.as_deref(), event.user_id.as_deref()) {
            (Some(endpoint_id), _) => endpoint_id.to_owned(),
            (None, Some(user_id)) => self.id_of(&["endpoint of user", user_id]),
            (None, None) => self.id_of(&["endpoint of sender"]),
        }
    }
}

fn random_id(random: &impl Random) -> Result<String, NoRandomness> {
    let mut bytes = [0; 16];
    random.randomize(&mut bytes)?;
    Ok(uuid(bytes))
}
