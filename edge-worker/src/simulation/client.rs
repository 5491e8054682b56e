//! A client: the core's outbox, its disk, and a network that loses and repeats what it carries. What a page's
//! engine does around the outbox is the subject of the core's own simulation, and done here in few words.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use forebay_core::outbox::{Action, Answer, Config, NewEvent, Now, Outbox};
use forebay_core::time::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};

use super::edge::{Edge, items, now};
use super::random::Random;
use crate::identity::session_token::{Amr, IssuedCredentials, Session};
use crate::routes::tests::{EVENTS, keys, signed_with};

/// An event: what the world knows about it, and how it ended.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) is_valid: bool,
    at: i64,
    body: Value,
    pub(super) end: Option<Action>,
}

/// How often things go wrong on the network and the disk, in percent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) lost_requests: u64,
    pub(super) lost_answers: u64,
    pub(super) repeated: u64,
    /// What was deleted last comes back where a client crashes.
    pub(super) undeleted: u64,
}

/// What happens to a client.
pub(super) enum Happening {
    /// An event is recorded.
    Record(usize),
    /// The client is gone, and comes again with what is on its disk.
    Crash,
    /// The answer to a request of a life, or that there is none.
    Answer(u32, u32, Option<crate::http::message::Answer>),
}

/// What all clients share.
pub(super) struct Outside {
    pub(super) edge: Edge,
    pub(super) events: RefCell<Vec<Event>>,
    pub(super) faults: Cell<Faults>,
    pub(super) pool: crate::config::Config,
    /// Requests that were repeated by the network, and sent again by clients.
    pub(super) repeated: Cell<u64>,
    /// Requests that are under way. One that the network repeats may be so when its events have ended.
    pub(super) under_way: Cell<u64>,
    /// Told whenever an event or a request has ended.
    pub(super) ended: Notify,
}

impl Outside {
    /// A new event, which some client records.
    pub(super) fn new_event(&self, random: &mut Random) -> usize {
        let number = self.events.borrow().len();
        let is_valid = !random.percent(12);
        let id = format!("00000000-0000-4000-8000-{number:012x}");
        let (event_type, attributes, metrics) = if random.percent(50) {
            let address = if is_valid {
                "ada@example.com"
            } else {
                "nobody"
            };
            ("SignUpEvent", json!({ "email": address }), json!({}))
        } else {
            let minutes = if is_valid { json!(number) } else { json!(-1) };
            ("PiecePlayedEvent", json!({}), json!({ "minutes": minutes }))
        };
        // Some have waited on a disk for days.
        let days = random.pick(&[0, 1, 1]);
        let body = json!({
            "EventType": event_type,
            "Attributes": attributes,
            "Metrics": metrics,
        });
        self.events.borrow_mut().push(Event {
            id,
            is_valid,
            at: now().0 - days * 86_400_000,
            body,
            end: None,
        });
        number
    }

    pub(super) fn have_all_ended(&self) -> bool {
        self.events.borrow().iter().all(|event| event.end.is_some())
    }
}

pub(super) struct Client {
    outside: Rc<Outside>,
    id: String,
    random: Random,
    outbox: Outbox,
    disk: BTreeSet<u32>,
    /// The last event that was deleted from the disk.
    deleted: Option<u32>,
    key: Option<Rc<IssuedCredentials>>,
    /// Which of its lives it is in.
    life: u32,
    inbox: mpsc::UnboundedReceiver<Happening>,
    to_itself: mpsc::UnboundedSender<Happening>,
}

fn moment() -> Now {
    let wall = now().0 as f64;
    let monotonic = super::storage::elapsed() as f64;
    Now { wall, monotonic }
}

impl Client {
    /// A client, and how it is told what happens.
    pub(super) fn new(
        outside: Rc<Outside>,
        number: usize,
        seed: u64,
    ) -> (Client, mpsc::UnboundedSender<Happening>) {
        let (to_itself, inbox) = mpsc::unbounded_channel();
        let mut client = Client {
            outside,
            id: format!("client-{number}"),
            random: Random(seed),
            outbox: Outbox::EMPTY,
            disk: BTreeSet::new(),
            deleted: None,
            key: None,
            life: 0,
            inbox,
            to_itself: to_itself.clone(),
        };
        client.open();
        (client, to_itself)
    }

    /// Begins with what is on disk.
    fn open(&mut self) {
        self.life += 1;
        self.key = None;
        let config = Config {
            batch_events: self.random.pick(&[1, 5, 100]),
            batch_bytes: 500_000,
            queue_events: 10_000,
            queue_bytes: 5_000_000,
            resident_events: 2_000,
            max_age_ms: 30.0 * 86_400_000.0,
            interval_ms: self.random.pick(&[1_000.0, 5_000.0]),
            drop_newest: false,
            clock_offset: 0.0,
        };
        self.outbox.start(config, self.random.next() as u32);
        self.outbox.set_current(0);
        self.outbox.set_leader(true);
        for number in &self.disk {
            let new = self.entry(*number);
            assert!(self.outbox.load(new));
        }
        self.outbox.loaded();
    }

    fn entry(&self, number: u32) -> NewEvent {
        NewEvent {
            event: number,
            bytes: 300,
            who: 0,
            at: self.outside.events.borrow()[number as usize].at as f64,
        }
    }

    /// Lives as long as anybody can tell it something.
    pub(super) async fn live(mut self) {
        loop {
            let wake_at = self.outbox.tick(moment());
            self.drain();
            self.check_books();
            let wait = wake_at - moment().monotonic;
            let wait = Duration::from_millis(wait.ceil().clamp(1.0, 1e9) as u64);
            match timeout(wait, self.inbox.recv()).await {
                Ok(Some(happening)) => self.happens(happening),
                Ok(None) => return,
                Err(_) => {}
            }
        }
    }

    fn check_books(&self) {
        let books = self.outbox.books();
        let ended: u32 = books.ended.iter().sum();
        assert_eq!(books.recorded, ended + books.queued);
        assert_eq!(books.queued as usize, self.disk.len());
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Record(event) => {
                let number = u32::try_from(event).unwrap();
                // On disk before all else: what is lost before it is there is for the core's own simulation.
                self.disk.insert(number);
                let is_urgent = self.random.percent(20);
                let new = self.entry(number);
                assert!(self.outbox.record(new, is_urgent, moment()));
            }
            Happening::Crash => {
                let undeleted = self.outside.faults.get().undeleted;
                if let Some(number) = self.deleted.take()
                    && self.random.percent(undeleted)
                {
                    // It is sent again, although its end is known.
                    self.disk.insert(number);
                    self.outside.events.borrow_mut()[number as usize].end = None;
                }
                self.open();
            }
            Happening::Answer(life, request, answer) if life == self.life => {
                self.answered(request, answer);
            }
            Happening::Answer(..) => {}
        }
    }

    fn drain(&mut self) {
        while let Some((action, number)) = self.outbox.poll() {
            match action {
                Action::SendBatch | Action::SendLastBatch => self.send(number),
                Action::GetCredentials => {
                    let lifetime = self.random.pick(&[30_000, 3_600_000]);
                    let session = Session {
                        identity_id: format!(
                            "eu-north-1:6fb4c4f2-0000-4000-8000-{:0>12}",
                            &self.id[7..]
                        ),
                        amr: Amr::Unauthenticated,
                        expiration: Timestamp(now().0 + lifetime),
                    };
                    self.key = Some(Rc::new(self.outside.pool.master_secrets.issue(&session)));
                    self.outbox
                        .got_credentials(number, lifetime as f64, moment());
                    // What that brings about comes with the next tick.
                    let _ = self.outbox.tick(moment());
                }
                Action::Delivered | Action::Rejected => self.ended(number, action),
                other => panic!("{other:?} of {number} is not expected of {}", self.id),
            }
        }
    }

    fn ended(&mut self, number: u32, end: Action) {
        self.disk.remove(&number);
        self.deleted = Some(number);
        let event = &mut self.outside.events.borrow_mut()[number as usize];
        let expected = match event.is_valid {
            true => Action::Delivered,
            false => Action::Rejected,
        };
        assert_eq!(end, expected, "{event:?}");
        event.end = Some(end);
        self.outside.ended.notify_one();
    }

    fn send(&mut self, request: u32) {
        let mut events = Map::new();
        for (number, offset) in self.outbox.batch(request) {
            let event = &self.outside.events.borrow()[number as usize];
            let mut body = event.body.clone();
            body["Timestamp"] = Timestamp(event.at + offset as i64).to_iso8601().into();
            events.insert(event.id.clone(), body);
        }
        let body =
            json!({ "BatchItem": { self.id.as_str(): { "Endpoint": {}, "Events": events } } });
        let body = body.to_string().into_bytes();
        let key = self.key.clone().unwrap();
        let head = signed_with(&keys(&key), "POST", EVENTS, &body, now());
        let faults = self.outside.faults.get();
        let is_lost = self.random.percent(faults.lost_requests);
        let is_unheard = self.random.percent(faults.lost_answers);
        let times = 1 + usize::from(self.random.percent(faults.repeated));
        for time in 0..times {
            let (outside, to_client) = (self.outside.clone(), self.to_itself.clone());
            let (head, body, life) = (head.clone(), body.clone(), self.life);
            let latencies = [(); 2].map(|()| Duration::from_millis(self.random.between(1, 400)));
            outside.repeated.set(outside.repeated.get() + time as u64);
            outside.under_way.set(outside.under_way.get() + 1);
            tokio::task::spawn_local(async move {
                sleep(latencies[0]).await;
                let answer = match is_lost {
                    true => None,
                    false => outside.edge.answer(head, &body).await,
                };
                outside.under_way.set(outside.under_way.get() - 1);
                outside.ended.notify_one();
                sleep(latencies[1]).await;
                let heard = answer.filter(|_| !is_unheard);
                // The client has gone where nobody hears this.
                let _ = to_client.send(Happening::Answer(life, request, heard));
            });
        }
    }

    fn answered(&mut self, request: u32, answer: Option<crate::http::message::Answer>) {
        let Some(answer) = answer else {
            return self.outbox.answered(request, Answer::NONE, moment());
        };
        let said: BTreeMap<String, u16> = items(&answer).into_iter().collect();
        let events = self.outside.events.borrow();
        let of = |(number, _): (u32, f64)| {
            let status = said.get(&events[number as usize].id);
            status.copied().unwrap_or_default().to_le_bytes()
        };
        let statuses: Vec<[u8; 2]> = self.outbox.batch(request).map(of).collect();
        drop(events);
        if answer.status == 202 && !statuses.is_empty() {
            assert_eq!(said.len(), statuses.len(), "an event without an answer");
        }
        let header = |name| answer.headers.iter().find(|(found, _)| *found == name);
        let error_type = header("x-amzn-errortype").map_or("", |(_, value)| value);
        let seconds = header("retry-after").and_then(|(_, value)| value.parse::<f64>().ok());
        let answer = Answer {
            status: answer.status,
            error_type: error_type.as_bytes(),
            has_message_body: !error_type.is_empty(),
            retry_after: seconds.map_or(f64::NAN, |seconds| seconds * 1_000.0),
            date: now().0 as f64,
            events: &statuses,
        };
        self.outbox.answered(request, answer, moment());
    }
}
