//! Cloudflare Workers and workerd: the shell around the service.

#![allow(
    clippy::disallowed_methods,
    reason = "the rest of the worker gets time, randomness and network from here"
)]

mod analytics;
mod body;
mod crypto;
mod isolate;
mod mark;
mod platform;
mod queue;

use js_sys::Date;
use worker::{Context, Env, Headers, Request, Response, ResponseBody, console_log};

use crate::config::Config;
use crate::http::cf::Cf;
use crate::http::message::Head;
use crate::log::SinkLine;
use crate::metrics::points;
use crate::routes::Service;
use crate::text::uuid;
use body::IncomingBody;
use isolate::{configuration, isolate};
use platform::{Workers, now, randomize};

/// Answers a request of the platform's.
///
/// # Errors
/// Those of the platform, where it does not take the answer.
pub async fn answer(request: Request, env: &Env, context: &Context) -> worker::Result<Response> {
    mark::marked(mark::number(env), answered(request, env, context)).await
}

async fn answered(request: Request, env: &Env, context: &Context) -> worker::Result<Response> {
    let head = head(&request);
    let configuration = configuration(env);
    let isolate = isolate(configuration);
    if head.path.ends_with("/metrics") {
        isolate.metrics.borrow_mut().traps = mark::traps(env);
    }
    let platform = Workers { env: env.clone() };
    let service = Service {
        head: &head,
        config: configuration.as_ref().map_err(Vec::as_slice),
        isolate,
        platform: &platform,
    };
    let (answer, line) = service.answer(IncomingBody::new(request)).await;
    console_log!("{}", line.encode());
    if let Ok(config) = configuration {
        analytics::write(env, config, || points::of_request(&line, config));
        if config.sinks.has_later() {
            context.wait_until(deliver_later(config, platform));
        }
    }
    let headers = Headers::new();
    for (name, value) in answer.headers_for(&head.request_id, http_date()) {
        headers.set(name, &value)?;
    }
    // Some statuses, 204 among them, may have no body, not even one of no bytes.
    let body = if answer.body.is_empty() {
        ResponseBody::Empty
    } else {
        ResponseBody::Body(answer.body.into_bytes())
    };
    Ok(Response::from_body(body)?
        .with_status(answer.status)
        .with_headers(headers))
}

/// Delivers to the sinks that are not required, once the answer is on its way.
async fn deliver_later(config: &'static Config, platform: Workers) {
    for delivery in config.sinks.deliver_later(&platform).await {
        console_log!("{}", SinkLine::of(&delivery).encode());
    }
    analytics::write(&platform.env, config, || points::of_sinks(config));
}

/// `Sat, 21 Nov 2026 01:02:03 GMT`
fn http_date() -> String {
    Date::new_0().to_utc_string().into()
}

fn head(request: &Request) -> Head {
    let arrival = now();
    let url = request.inner().url();
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut random = [0; 16];
    // Without randomness, request ids are alike: a pity for whoever reads the log, and no more.
    let _ = randomize(&mut random);
    Head {
        method: request.inner().method(),
        path: request.path(),
        query: query.to_owned(),
        headers: request.headers().entries().collect(),
        arrival,
        request_id: uuid(random),
        cf: cf(request),
    }
}

/// `request.cf`, which only the platform sets; empty where it does not.
fn cf(request: &Request) -> Cf {
    let request: &js_sys::Object = request.inner();
    js_sys::Reflect::get(request, &"cf".into())
        .ok()
        .and_then(|cf| serde_wasm_bindgen::from_value(cf).ok())
        .unwrap_or_default()
}
