//! The worker: its own routes, pipeline and delivery, in isolates that come and go, on a platform whose network is
//! the stand-in of Kinesis.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use forebay_core::time::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::kinesis::Streams;
use super::random::Random as Chance;
use super::storage::elapsed;
use super::{DEAD_LETTERS, EVENTS, START, config};
use crate::config::Config;
use crate::http::message::{Answer, Head};
use crate::isolate::Isolate;
use crate::platform::*;
use crate::routes::Service;

/// The time, for the worker and all who send to it.
pub(super) fn now() -> Timestamp {
    Timestamp(START + elapsed())
}

struct Machine {
    streams: Streams,
    chance: RefCell<Chance>,
}

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        now()
    }

    async fn wait(&self, duration: Duration) {
        sleep(duration).await;
    }
}

impl Random for Machine {
    fn randomize(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        let mut chance = self.chance.borrow_mut();
        bytes.fill_with(|| chance.next() as u8);
        Ok(())
    }
}

impl Crypto for Machine {
    async fn sha256(&self, bytes: &[u8]) -> [u8; 32] {
        Sha256::digest(bytes).into()
    }

    /// Nobody logs in.
    async fn verifies(&self, _: &PublicKey, _: Algorithm, _: &[u8], _: &[u8]) -> bool {
        false
    }

    async fn signs(&self, _: &PrivateKey<'_>, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

impl Http for Machine {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Unreachable> {
        let answer = self.streams.answer(&request.headers, &request.body).await;
        match answer {
            Some((status, body)) => Ok(HttpResponse::new(status, body)),
            None => {
                sleep(request.time_out).await;
                Err(Unreachable)
            }
        }
    }
}

impl RateLimits for Machine {
    async fn is_within(&self, _: &str, _: &str) -> Option<bool> {
        None
    }
}

impl Queues for Machine {
    /// There is none in front.
    async fn enqueue(&self, _: &str, _: Vec<String>, _: Duration) -> Result<(), QueueError> {
        Err(QueueError::Failed)
    }
}

/// One isolate.
struct Worker {
    config: Config,
    isolate: Isolate,
    platform: Machine,
}

/// All isolates, and what they have answered.
pub(super) struct Edge {
    workers: RefCell<Vec<Rc<Worker>>>,
    streams: Streams,
    chance: RefCell<Chance>,
    /// How often an isolate dies while it answers, in percent.
    pub(super) dies: Cell<u64>,
    /// The events that were answered 202, and 400.
    pub(super) accepted: RefCell<BTreeSet<String>>,
    pub(super) refused: RefCell<BTreeSet<String>>,
    /// How many events were answered otherwise: to be sent again.
    pub(super) again: Cell<u64>,
}

impl Edge {
    pub(super) fn new(streams: Streams, seed: u64, dies: u64) -> Edge {
        let edge = Edge {
            workers: RefCell::default(),
            streams,
            chance: RefCell::new(Chance(seed)),
            dies: Cell::new(dies),
            accepted: RefCell::default(),
            refused: RefCell::default(),
            again: Cell::new(0),
        };
        for _ in 0..2 {
            let worker = edge.start();
            edge.workers.borrow_mut().push(worker);
        }
        edge
    }

    fn start(&self) -> Rc<Worker> {
        let mut chance = self.chance.borrow_mut();
        let window = [0, 3, 1_000][chance.between(0, 3) as usize];
        let config = config(window);
        let secret = [chance.next() as u8; 16];
        Rc::new(Worker {
            isolate: Isolate::new(Some(&config), Some(secret), now()),
            config,
            platform: Machine {
                streams: self.streams.clone(),
                chance: RefCell::new(Chance(chance.next())),
            },
        })
    }

    /// Another isolate takes the place of one.
    pub(super) fn replace_one(&self) {
        let worker = self.start();
        let place = self.chance.borrow_mut().between(0, 2) as usize;
        self.workers.borrow_mut()[place] = worker;
    }

    /// Answers a request. `None` where the isolate dies meanwhile: what it has sent to its sinks is there.
    pub(super) async fn answer(&self, mut head: Head, body: &[u8]) -> Option<Answer> {
        head.arrival = now();
        let (worker, life) = {
            let mut chance = self.chance.borrow_mut();
            let place = chance.between(0, 2) as usize;
            let dies = chance.percent(self.dies.get());
            let life = dies.then(|| Duration::from_millis(chance.between(0, 400)));
            (self.workers.borrow()[place].clone(), life)
        };
        let service = Service {
            head: &head,
            config: Ok(&worker.config),
            isolate: &worker.isolate,
            platform: &worker.platform,
        };
        let answering = service.answer(body);
        let answer = match life {
            None => answering.await.0,
            Some(life) => tokio::select! {
                biased;
                () = sleep(life) => {
                    self.replace_one();
                    return None;
                }
                (answer, _) = answering => answer,
            },
        };
        self.note(&answer);
        Some(answer)
    }

    /// What is answered must be true by now.
    fn note(&self, answer: &Answer) {
        for (id, status) in items(answer) {
            match status {
                202 => {
                    let is_there =
                        |stream: &mut super::kinesis::Stream| stream.events.contains_key(&id);
                    let is_there = self.streams.with(EVENTS, is_there);
                    assert!(is_there, "{id} was answered 202, and is not in the stream");
                    self.accepted.borrow_mut().insert(id);
                }
                400 => {
                    let is_kept = self
                        .streams
                        .with(DEAD_LETTERS, |stream| stream.mentions(&id));
                    assert!(
                        is_kept,
                        "{id} was answered 400, and there is no dead letter"
                    );
                    self.refused.borrow_mut().insert(id);
                }
                _ => self.again.set(self.again.get() + 1),
            }
        }
    }
}

/// The status of each event in an answer.
pub(super) fn items(answer: &Answer) -> Vec<(String, u16)> {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let results = body["Results"]
        .as_object()
        .into_iter()
        .flat_map(|it| it.values());
    let items = results.filter_map(|batch| batch["EventsItemResponse"].as_object());
    let items = items.flatten().map(|(id, item)| {
        let status = item["StatusCode"].as_u64().unwrap_or_default();
        (id.clone(), status as u16)
    });
    items.collect()
}
