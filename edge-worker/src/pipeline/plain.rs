//! Plain JSON events on their way into the same pipeline as those of PutEvents: which event and which
//! endpoint each is of.

use std::borrow::Cow;
use std::collections::HashMap;

use forebay_core::json::{Value, Writer};
use forebay_core::wire::DecodeError;
use forebay_core::wire::plain::{Body, PlainEvent, Unreadable};

use super::Context;
use super::dead_letter::Sent;
use super::event_id::{EventIds, is_uuid};
use crate::platform::{NoRandomness, Random};
use crate::text::uuid;

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
        /// What was sent.
        sent: Sent<'a>,
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
                    .map_err(|error| (error, Sent::Plain(sent))),
                Err(Unreadable { error, line }) => Err((error.clone(), Sent::Text(line))),
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
                Err((error, sent)) => {
                    let id = sent.id().map(str::to_owned);
                    Prepared {
                        event_id: match id.as_deref() {
                            Some(id) => ids.named(id),
                            None => random_id(random)?,
                        },
                        id,
                        state: State::Malformed { error, sent },
                    }
                }
            };
            events.push(prepared);
        }
        Ok(PlainEvents { events, requests })
    }
}

/// The endpoint of events whose sender names none: the sender's own, always the same.
pub fn endpoint_of_sender(context: &Context<'_>) -> String {
    Ids::new(context).id_of("endpoint of sender", "")
}

/// Makes ids that follow from what they are of, so that what is sent again has the same ones.
struct Ids<'a> {
    ids: &'a EventIds,
    app_id: &'a str,
    sender: Cow<'a, str>,
}

impl<'a> Ids<'a> {
    fn new(context: &'a Context<'_>) -> Ids<'a> {
        Ids {
            ids: &context.config.event_ids,
            app_id: &context.app.app_id,
            sender: context.caller.sender.id(),
        }
    }

    fn id_of(&self, kind: &str, text: &str) -> String {
        let texts = ["plain", kind, self.app_id, &self.sender, text];
        self.ids.of_texts(&texts)
    }

    /// A UUID names its event everywhere. Any other id names it for this sender and application.
    fn named(&self, id: &str) -> String {
        match is_uuid(id) {
            true => id.to_owned(),
            false => self.id_of("event", id),
        }
    }

    /// The event's own id. Two events without an id that have the same time and content are the same event;
    /// an event without id and time is a new one each time.
    fn event(
        &self,
        event: &PlainEvent<'_>,
        sent: Option<&Value<'_>>,
        shared: &Value<'_>,
        random: &impl Random,
    ) -> Result<String, NoRandomness> {
        match event.id.as_deref() {
            Some(id) => Ok(self.named(id)),
            None if event.has_timestamp => {
                let mut content = Writer::new();
                content.begin_array().value(shared);
                content.value(sent.unwrap_or(&Value::Null)).end_array();
                Ok(self.id_of("content", &content.finish()))
            }
            None => random_id(random),
        }
    }

    /// The endpoint that the event names, or that of its user, or that of its sender.
    fn endpoint(&self, event: &PlainEvent<'_>) -> String {
        match (event.endpoint_id.as_deref(), event.user_id.as_deref()) {
            (Some(endpoint_id), _) => endpoint_id.to_owned(),
            (None, Some(user_id)) => self.id_of("endpoint of user", user_id),
            (None, None) => self.id_of("endpoint of sender", ""),
        }
    }
}

fn random_id(random: &impl Random) -> Result<String, NoRandomness> {
    let mut bytes = [0; 16];
    random.randomize(&mut bytes)?;
    Ok(uuid(bytes))
}
