//! A stand-in of Kinesis by its API: it throttles records of a call, fails, loses answers, and its shards split and
//! merge while they are written and read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay_aws_call::{CallError, Request};
use forebay_lake::source::kinesis::{Response, Transport};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::START;
use super::random::Random;
use super::storage::{Gate, elapsed};

/// How many hash keys there are.
const HASH_KEYS: u64 = 256;
/// How long an iterator lives.
const ITERATOR_LIFE_MS: i64 = 300_000;

/// How often calls go wrong, in percent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    /// A call fails as a whole.
    pub(super) calls: u64,
    /// A record of a call is throttled.
    pub(super) throttled: u64,
    /// A record of a call fails, although half of these are in the stream.
    pub(super) failed: u64,
    /// The call is carried out, but its answer is lost.
    pub(super) lost_answers: u64,
    /// An iterator expires before its time.
    pub(super) expired: u64,
}

#[derive(Debug)]
struct Shard {
    /// From this hash key on, up to this one, which is not of it.
    keys: (u64, u64),
    parents: Vec<usize>,
    is_closed: bool,
    records: Vec<Record>,
}

#[derive(Debug)]
struct Record {
    number: String,
    data: Vec<u8>,
    arrival_ms: i64,
}

/// A stream.
#[derive(Debug)]
pub(super) struct Stream {
    shards: Vec<Shard>,
    /// How many records it has taken in.
    pub(super) records: usize,
    pub(super) faults: Faults,
    pub(super) random: Random,
    /// How often each event id was taken in.
    pub(super) events: BTreeMap<String, u64>,
    /// How many records were throttled.
    pub(super) throttled: u64,
}

impl Stream {
    pub(super) fn new(seed: u64, faults: Faults) -> Stream {
        let mut stream = Stream {
            shards: Vec::new(),
            records: 0,
            faults,
            random: Random(seed),
            events: BTreeMap::new(),
            throttled: 0,
        };
        stream.open((0, HASH_KEYS), Vec::new());
        stream
    }

    fn open(&mut self, keys: (u64, u64), parents: Vec<usize>) {
        self.shards.push(Shard {
            keys,
            parents,
            is_closed: false,
            records: Vec::new(),
        });
    }

    /// The shards that there are, each with its last record and whether it is closed.
    pub(super) fn ends(&self) -> Vec<(String, Option<String>, bool)> {
        let shards = self.shards.iter().enumerate();
        let ends = shards.map(|(index, shard)| {
            let last = shard.records.last();
            let last = last.map(|record| record.number.clone());
            (id(index), last, shard.is_closed)
        });
        ends.collect()
    }

    /// Splits a shard, or merges two neighbours.
    pub(super) fn reshard(&mut self) {
        let mut open: Vec<usize> = (0..self.shards.len())
            .filter(|index| !self.shards[*index].is_closed)
            .collect();
        open.sort_by_key(|index| self.shards[*index].keys);
        let chosen = self.random.between(0, open.len() as u64) as usize;
        let one = open[chosen];
        let (from, to) = self.shards[one].keys;
        let is_narrow = to - from < 2;
        if open.len() > 1 && (is_narrow || open.len() > 3 || self.random.percent(50)) {
            let left = chosen.min(open.len() - 2);
            let (left, right) = (open[left], open[left + 1]);
            let keys = (self.shards[left].keys.0, self.shards[right].keys.1);
            self.shards[left].is_closed = true;
            self.shards[right].is_closed = true;
            self.open(keys, vec![left, right]);
        } else {
            let middle = self.random.between(from + 1, to);
            self.shards[one].is_closed = true;
            self.open((from, middle), vec![one]);
            self.open((middle, to), vec![one]);
        }
    }

    /// Takes a record in.
    pub(super) fn take(&mut self, partition_key: &str, data: Vec<u8>) -> (String, String) {
        let hash_key = partition_key.bytes().fold(7_u64, |hash, byte| {
            (hash * 31 + u64::from(byte)) % HASH_KEYS
        });
        let record: Value = serde_json::from_slice(&data).unwrap_or_default();
        if let Some(event_id) = record["forebay"]["event_id"].as_str() {
            *self.events.entry(event_id.to_owned()).or_default() += 1;
        }
        self.records += 1;
        let number = format!("49590338271490256608559692538361{:024}", self.records);
        let mut shards = self.shards.iter_mut().enumerate();
        let (index, shard) = shards
            .find(|(_, shard)| !shard.is_closed && (shard.keys.0..shard.keys.1).contains(&hash_key))
            .unwrap();
        shard.records.push(Record {
            number: number.clone(),
            data,
            arrival_ms: START + elapsed(),
        });
        (id(index), number)
    }

    /// Whether a record is among its data: for dead letters.
    pub(super) fn mentions(&self, text: &str) -> bool {
        let mut records = self.shards.iter().flat_map(|shard| &shard.records);
        records.any(|record| String::from_utf8_lossy(&record.data).contains(text))
    }

    fn put_records(&mut self, body: &Value) -> Value {
        let entries = body["Records"].as_array().unwrap();
        let results = entries.iter().map(|entry| {
            let data = STANDARD.decode(entry["Data"].as_str().unwrap()).unwrap();
            let key = entry["PartitionKey"].as_str().unwrap();
            if self.random.percent(self.faults.throttled) {
                self.throttled += 1;
                let code = "ProvisionedThroughputExceededException";
                return json!({ "ErrorCode": code, "ErrorMessage": "slow down" });
            }
            let fails = self.random.percent(self.faults.failed);
            if !fails || self.random.percent(50) {
                let (shard, number) = self.take(key, data);
                if !fails {
                    return json!({ "SequenceNumber": number, "ShardId": shard });
                }
            }
            json!({ "ErrorCode": "InternalFailure", "ErrorMessage": "no" })
        });
        let results: Vec<Value> = results.collect();
        json!({ "FailedRecordCount": 0, "Records": results })
    }

    fn list_shards(&self) -> Value {
        let describe = |(index, shard): (usize, &Shard)| {
            let mut described = json!({ "ShardId": id(index) });
            let names = ["ParentShardId", "AdjacentParentShardId"];
            for (name, parent) in names.iter().zip(&shard.parents) {
                described[name] = id(*parent).into();
            }
            described
        };
        let shards: Vec<Value> = self.shards.iter().enumerate().map(describe).collect();
        json!({ "Shards": shards })
    }

    fn iterator(&self, body: &Value) -> Value {
        let shard = body["ShardId"].as_str().unwrap();
        let index: usize = shard["shardId-".len()..].parse().unwrap();
        let number = body["StartingSequenceNumber"].as_str().unwrap_or_default();
        let records = &self.shards[index].records;
        let place = match body["ShardIteratorType"].as_str().unwrap() {
            "TRIM_HORIZON" => 0,
            "AT_SEQUENCE_NUMBER" => records.partition_point(|it| *it.number < *number),
            "AFTER_SEQUENCE_NUMBER" => records.partition_point(|it| *it.number <= *number),
            other => panic!("{other} is not asked for"),
        };
        json!({ "ShardIterator": format!("{index} {place} {}", elapsed()) })
    }

    fn get_records(&mut self, body: &Value) -> Result<Value, &'static str> {
        let iterator = body["ShardIterator"].as_str().unwrap();
        let parts: Vec<i64> = iterator.split(' ').map(|it| it.parse().unwrap()).collect();
        let [index, place, made] = parts[..] else {
            panic!("{iterator}");
        };
        let is_expired = elapsed() - made > ITERATOR_LIFE_MS;
        if is_expired || self.random.percent(self.faults.expired) {
            return Err("ExpiredIteratorException");
        }
        let (index, place) = (index as usize, place as usize);
        // Also none, although more follow.
        let most = self.random.between(0, 12) as usize;
        let shard = &self.shards[index];
        let end = shard.records.len().min(place + most);
        let records = shard.records[place..end].iter().map(|record| {
            json!({
                "SequenceNumber": record.number,
                "ApproximateArrivalTimestamp": record.arrival_ms as f64 / 1_000.0,
                "Data": STANDARD.encode(&record.data),
                "PartitionKey": "-",
            })
        });
        let records: Vec<Value> = records.collect();
        let is_tip = end == shard.records.len();
        let behind = if is_tip { 0 } else { 1_000 };
        let mut answer = json!({ "Records": records, "MillisBehindLatest": behind });
        if !(is_tip && shard.is_closed) {
            answer["NextShardIterator"] = format!("{index} {end} {}", elapsed()).into();
        }
        Ok(answer)
    }

    /// Carries a call out. `None` where nobody hears of it.
    fn answer(&mut self, operation: &str, body: &Value) -> Option<(u16, String)> {
        if self.random.percent(self.faults.calls) {
            let code = r#"{"__type":"InternalFailure"}"#;
            return self.random.percent(70).then(|| (500, code.to_owned()));
        }
        let answer = match operation {
            "PutRecords" => self.put_records(body),
            "ListShards" => self.list_shards(),
            "GetShardIterator" => self.iterator(body),
            "GetRecords" => match self.get_records(body) {
                Ok(answer) => answer,
                Err(code) => return Some((400, json!({ "__type": code }).to_string())),
            },
            "DescribeStreamSummary" => json!({ "StreamDescriptionSummary": {
                "StreamStatus": "ACTIVE", "StreamCreationTimestamp": super::CREATED,
            } }),
            other => panic!("{other} is not called"),
        };
        let is_lost = self.random.percent(self.faults.lost_answers);
        (!is_lost).then(|| (200, answer.to_string()))
    }
}

fn id(shard: usize) -> String {
    format!("shardId-{shard:012}")
}

/// All streams, by their names.
#[derive(Debug, Clone)]
pub(super) struct Streams(pub(super) Arc<Mutex<BTreeMap<&'static str, Stream>>>);

impl Streams {
    pub(super) fn with<T>(&self, name: &str, call: impl FnOnce(&mut Stream) -> T) -> T {
        call(self.0.lock().unwrap().get_mut(name).unwrap())
    }

    /// Answers a call after some time; `None` where no answer comes.
    pub(super) async fn answer(
        &self,
        headers: &[(String, String)],
        body: &str,
    ) -> Option<(u16, String)> {
        let target = headers.iter().find(|(name, _)| name == "x-amz-target");
        let (_, operation) = target.unwrap().1.split_once('.').unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        // GetRecords names no stream; only one is read.
        let name = body["StreamName"].as_str().unwrap_or(super::EVENTS);
        let latency = |stream: &mut Stream| Duration::from_millis(stream.random.between(1, 60));
        sleep(self.with(name, latency)).await;
        let answer = self.with(name, |stream| stream.answer(operation, &body));
        sleep(self.with(name, latency)).await;
        answer
    }
}

/// The streams as one process of the lake calls them.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) streams: Streams,
    pub(super) gate: Gate,
}

impl Transport for Reading {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, CallError>> {
        Box::pin(async move {
            self.gate.pass().await;
            let answer = self.streams.answer(&request.headers, &request.body).await;
            self.gate.pass().await;
            let (status, body) =
                answer.ok_or_else(|| CallError::Unreachable("no answer".to_owned()))?;
            Ok(Response {
                status,
                error_type: None,
                retry_after: None,
                body: body.into_bytes(),
            })
        })
    }
}
