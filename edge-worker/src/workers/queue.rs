//! The consumer of the queue: hands its messages to [`Sinks::consume`](crate::delivery::routing::Sinks), and
//! tells the platform what became of each.

use js_sys::{Array, Object, Promise, Reflect};
use worker::wasm_bindgen::{self, JsCast, JsValue, prelude::wasm_bindgen};
use worker::wasm_bindgen_futures::future_to_promise;
use worker::{Env, console_log};

use super::isolate::{configuration, isolate};
use super::platform::{Workers, now};
use super::{analytics, mark};
use crate::delivery::queue::consume::{Received, Verdict};
use crate::log::ConsumeLine;
use crate::metrics::points;

/// Messages are delivered in groups of so many bytes, so that a batch leaves memory for requests.
const GROUP_BYTES: usize = 2 * 1024 * 1024;
/// After how many seconds a message is retried, where there was no memory or no configuration for it.
const LATER_SECONDS: u32 = 15;

#[wasm_bindgen]
extern "C" {
    /// A batch of the platform's.
    type MessageBatch;
    #[wasm_bindgen(method, getter)]
    fn messages(this: &MessageBatch) -> Array;

    /// A message of it.
    type Message;
    #[wasm_bindgen(method, getter)]
    fn body(this: &Message) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn attempts(this: &Message) -> JsValue;
    #[wasm_bindgen(method, catch)]
    fn ack(this: &Message) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn retry(this: &Message, options: &Object) -> Result<(), JsValue>;
}

/// Delivers a batch. The promise never rejects: each message is acknowledged or retried.
#[wasm_bindgen(js_name = queue)]
pub fn queue(batch: JsValue, env: Env) -> Promise {
    future_to_promise(async move {
        mark::marked(mark::number(&env), consumed(batch.unchecked_ref(), &env)).await;
        Ok(JsValue::UNDEFINED)
    })
}

async fn consumed(batch: &MessageBatch, env: &Env) {
    let messages: Vec<Message> = batch
        .messages()
        .iter()
        .map(JsCast::unchecked_into)
        .collect();
    let mut rest = messages.as_slice();
    while !rest.is_empty() {
        let mut bodies = Vec::new();
        let mut bytes = 0;
        for message in rest {
            let body = message.body().as_string().unwrap_or_default();
            bytes += body.len();
            bodies.push(body);
            if bytes >= GROUP_BYTES {
                break;
            }
        }
        let (group, after) = rest.split_at(bodies.len());
        consume_group(group, &bodies, bytes, env).await;
        rest = after;
    }
}

async fn consume_group(messages: &[Message], bodies: &[String], bytes: usize, env: &Env) {
    let configuration = configuration(env);
    let isolate = isolate(configuration);
    let share = isolate.budget.take(now());
    let (Ok(config), Ok(share)) = (configuration, share) else {
        return messages
            .iter()
            .for_each(|message| retry(message, LATER_SECONDS));
    };
    if share.work_on(bytes, 0, 0).is_err() {
        return messages
            .iter()
            .for_each(|message| retry(message, LATER_SECONDS));
    }
    let started = now();
    let received: Vec<Received<'_>> = messages
        .iter()
        .zip(bodies)
        .map(|(message, body)| Received {
            body,
            attempts: attempts(message),
        })
        .collect();
    let platform = Workers { env: env.clone() };
    let consumed = config.sinks.consume(&received, &platform).await;
    for (message, verdict) in messages.iter().zip(&consumed.verdicts) {
        match verdict {
            // What fails here comes again, too: it is not acknowledged.
            Verdict::Acknowledge => {
                let _ = message.ack();
            }
            Verdict::Retry(delay) => {
                retry(
                    message,
                    u32::try_from(delay.as_secs()).unwrap_or(LATER_SECONDS),
                );
            }
        }
    }
    let line = ConsumeLine::of(&consumed, bytes, now().0 - started.0, &config.sinks);
    isolate.metrics.borrow_mut().count_consumed(&line);
    console_log!("{}", line.encode());
    analytics::write(env, config, || points::of_batch(&line, config));
}

fn attempts(message: &Message) -> u32 {
    // A whole number from 1 on.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let attempts = message.attempts().as_f64().unwrap_or(1.0) as u32;
    attempts
}

fn retry(message: &Message, seconds: u32) {
    let options = Object::new();
    let _ = Reflect::set(&options, &"delaySeconds".into(), &seconds.into());
    let _ = message.retry(&options);
}
