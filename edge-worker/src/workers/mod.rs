//! Cloudflare Workers and workerd: the shell around the service.

#![allow(
    clippy::disallowed_methods,
    reason = "the rest of the worker gets time, randomness and network from here"
)]

mod analytics;
mod body;
mod crypto;
mod host;
mod isolate;
mod mark;
mod platform;
mod queue;

use web_sys::{Request, Response};
use worker::{Context, Env, console_log};

use crate::config::Config;
use crate::http::message::Head;
use crate::log::SinkLine;
use crate::metrics::points;
use crate::routes::Service;
use body::IncomingBody;
use isolate::{configuration, isolate};
use platform::{Workers, now};

/// Answers a request of the platform's.
///
/// # Errors
/// Those of the platform, where it does not take the answer.
pub async fn answer(request: Request, env: &Env, context: &Context) -> worker::Result<Response> {
    mark::marked(mark::number(env), answered(request, env, context)).await
}

async fn answered(request: Request, env: &Env, context: &Context) -> worker::Result<Response> {
    let head = head(&request);
    let body = IncomingBody::new(request, head.header("content-length"));
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
    let (answer, line) = service.answer(body).await;
    console_log!("{}", line.encode());
    if let Ok(config) = configuration {
        analytics::write(env, config, || points::of_request(&line, config));
        if config.sinks.has_later() {
            context.wait_until(deliver_later(config, platform));
        }
    }
    let headers = answer.headers_for(&head.request_id, host::http_date());
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
    Ok(host::answer_of(
        answer.status,
        &host::lines(headers),
        answer.body.as_bytes(),
    )?)
}

/// Delivers to the sinks that are not required, once the answer is on its way.
async fn deliver_later(config: &'static Config, platform: Workers) {
    for delivery in config.sinks.deliver_later(&platform).await {
        console_log!("{}", SinkLine::of(&delivery).encode());
    }
    analytics::write(&platform.env, config, || points::of_sinks(config));
}

fn head(request: &Request) -> Head {
    let arrival = now();
    let text = host::head_of(request);
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (request_id, cf, method, url) = (next(), next(), next(), next());
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut headers = Vec::new();
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        headers.push((name.to_owned(), value.to_owned()));
    }
    Head {
        method: method.to_owned(),
        path: path_of(url).to_owned(),
        query: query.to_owned(),
        headers,
        arrival,
        request_id: request_id.to_owned(),
        // Only the platform sets it, and not every platform does.
        cf: serde_json::from_str(cf).unwrap_or_default(),
    }
}

/// The path of a URL as the platform writes it: from the first slash behind the host.
fn path_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after_scheme.find('/').and_then(|at| after_scheme.get(at..));
    let path = path.unwrap_or("/");
    path.split(['?', '#']).next().unwrap_or(path)
}
