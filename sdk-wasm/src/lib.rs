//! Forebay's client as a WebAssembly module: [`forebay_core::client::Client`] with JavaScript values
//! on its outside. What is to be done about events is decided in the core; the doing (fetch, timers,
//! storage) is an object that JavaScript hands in, the engine in `npm/src/engine.ts`.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod input;
#[cfg(target_arch = "wasm32")]
mod memory;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

use forebay_core::client::{Client, HttpRequest, Input, Now, Output, State};
use forebay_core::event::{Event, Session};
use forebay_core::json::Writer;
use forebay_core::outbox::DropReason;
use forebay_core::schema::{Rules, Violation};
use forebay_core::time::Timestamp;
use js_sys::Date;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{Headers, Performance, Response};

#[wasm_bindgen]
extern "C" {
    /// Carries out what the client asks for.
    pub type Io;
    /// Sends a request; `answered` or `unanswered` is called with its number afterwards.
    #[wasm_bindgen(method)]
    fn fetch(
        this: &Io,
        request: u32,
        url: &str,
        method: &str,
        headers: Headers,
        body: &str,
        keepalive: bool,
    );
    /// Calls `tick` after so many milliseconds, and no longer at the time asked for before.
    #[wasm_bindgen(method)]
    fn wake(this: &Io, milliseconds: f64);
    /// Tells what became of an event. `detail` is the violations as JSON, or a reason, or empty.
    #[wasm_bindgen(method)]
    fn receipt(this: &Io, id: &str, state: &str, detail: &str);
    /// Keeps the identity id for the next visit.
    #[wasm_bindgen(method, js_name = saveIdentityId)]
    fn save_identity_id(this: &Io, identity_id: &str);
}

/// The client of one page.
///
/// JavaScript may call back in from anything it is called for: no borrow of the client is alive while
/// it is.
#[wasm_bindgen]
pub struct Sdk {
    client: RefCell<Client>,
    io: Io,
    clock: Performance,
    /// Whether outputs are being carried out further up the stack.
    draining: Cell<bool>,
}

#[wasm_bindgen]
impl Sdk {
    /// A client that has not sent anything yet.
    ///
    /// `settings` is one JSON object with the members of the core's `Config`; `schema` is a schema in
    /// its compact form, as `npx forebay codegen` writes it; `entropy` is random and spreads retries;
    /// `clock` is `window.performance`.
    ///
    /// # Errors
    /// Throws a string that says what is wrong with the schema or the settings.
    #[wasm_bindgen(constructor)]
    pub fn new(
        io: Io,
        clock: Performance,
        settings: &str,
        schema: Option<String>,
        entropy: u64,
    ) -> Result<Sdk, JsValue> {
        let schema = schema
            .map(|rules| Rules::read(rules.leak()))
            .transpose()
            .map_err(|_| {
                JsValue::from_str("it is not what this version of `npx forebay codegen` writes")
            })?;
        let config = input::read_config(settings, schema)
            .ok_or_else(|| JsValue::from_str("a setting is missing"))?;
        let sdk = Sdk {
            client: RefCell::new(Client::new(config, entropy)),
            io,
            clock,
            draining: Cell::new(false),
        };
        sdk.run(Input::Loaded(Vec::new()));
        Ok(sdk)
    }

    /// Records an event. `at` and `session_start` are milliseconds since the epoch.
    #[allow(
        clippy::too_many_arguments,
        reason = "strings and numbers cross the boundary cheapest"
    )]
    pub fn record(
        &self,
        id: String,
        at: f64,
        session_id: String,
        session_start: f64,
        name: String,
        attributes: &JsValue,
        metrics: &JsValue,
        immediate: bool,
    ) {
        let session = Session {
            id: Cow::Owned(session_id),
            start_timestamp: timestamp(session_start),
            stop_timestamp: None,
            duration: None,
        };
        let (event, violations) = self.read_event(name, at, Some(session), attributes, metrics);
        self.run(if violations.is_empty() {
            Input::Record {
                id,
                event,
                immediate,
            }
        } else {
            Input::Invalid { id, violations }
        });
    }

    /// Validates an event without recording it. Gives its violations as JSON.
    pub fn validate(&self, name: String, attributes: &JsValue, metrics: &JsValue) -> String {
        let (event, mut violations) = self.read_event(name, 0.0, None, attributes, metrics);
        if violations.is_empty() {
            violations = self.client.borrow().validate(&event);
        }
        violations_json(&violations)
    }

    /// Describes this browser's endpoint: `endpoint` is the body of an UpdateEndpoint request.
    #[wasm_bindgen(js_name = updateEndpoint)]
    pub fn update_endpoint(&self, endpoint: String) {
        self.run(Input::UpdateEndpoint(endpoint));
    }

    /// Sends what is waiting now.
    pub fn flush(&self) {
        self.run(Input::Flush);
    }

    /// The time asked for by `wake` has come.
    pub fn tick(&self) {
        self.run(Input::Tick);
    }

    /// The answer to a request, with its body.
    pub fn answered(&self, request: u32, response: &Response, body: String) {
        let headers = response.headers();
        let readable = ["date", "retry-after", "x-amzn-errortype"]
            .into_iter()
            .filter_map(|name| Some((String::from(name), headers.get(name).ok()??)))
            .collect();
        self.run(Input::Response {
            request,
            status: response.status(),
            headers: readable,
            body: body.into_bytes(),
        });
    }

    /// No answer came to a request.
    pub fn unanswered(&self, request: u32) {
        self.run(Input::NetworkError { request });
    }

    /// The browser says whether it has a network.
    pub fn network(&self, online: bool) {
        self.run(if online {
            Input::Online
        } else {
            Input::Offline
        });
    }

    /// The page is going away or hidden.
    pub fn hidden(&self) {
        self.run(Input::PageHidden);
    }

    /// The books, as JSON.
    pub fn stats(&self) -> String {
        let stats = self.client.borrow().stats();
        let mut writer = Writer::new();
        writer.begin_object();
        for (name, count) in [
            ("recorded", stats.recorded),
            ("invalid", stats.invalid),
            ("delivered", stats.delivered),
            ("rejected", stats.rejected),
            ("dropped", stats.dropped),
            ("queued", stats.queued),
        ] {
            writer.name(name).integer(count.cast_signed());
        }
        writer.end_object();
        writer.finish()
    }
}

impl Sdk {
    fn read_event(
        &self,
        name: String,
        at: f64,
        session: Option<Session<'static>>,
        attributes: &JsValue,
        metrics: &JsValue,
    ) -> (Event<'static>, Vec<Violation>) {
        let mut event = Event {
            event_type: Cow::Owned(name),
            timestamp: timestamp(at),
            app_package_name: None,
            app_title: None,
            app_version_code: None,
            client_sdk_version: Some(Cow::Borrowed(env!("CARGO_PKG_VERSION"))),
            sdk_name: Some(Cow::Borrowed("forebay")),
            attributes: Vec::new(),
            metrics: Vec::new(),
            session,
        };
        let client = self.client.borrow();
        let violations = input::read_maps(&mut event, attributes, metrics, client.schema());
        (event, violations)
    }

    fn now(&self) -> Now {
        Now {
            wall: timestamp(Date::now()),
            monotonic: self.clock.now() as u64,
        }
    }

    /// Hands an input to the client and carries out what it asks for. An input that arrives while
    /// outputs are carried out adds its own to the end of them.
    fn run(&self, input: Input) {
        self.client.borrow_mut().handle(input, self.now());
        if self.draining.replace(true) {
            return;
        }
        while let Some(output) = self.poll() {
            self.carry_out(output);
        }
        self.draining.set(false);
    }

    fn poll(&self) -> Option<Output> {
        self.client.borrow_mut().poll()
    }

    fn carry_out(&self, output: Output) {
        match output {
            Output::Fetch(request) => self.fetch(request),
            Output::WakeAt(at) => {
                let wait = at.saturating_sub(self.now().monotonic);
                self.io.wake(wait as f64);
            }
            Output::Receipt { id, state } => self.receipt(&id, &state),
            Output::SaveIdentityId(id) => self.io.save_identity_id(&id),
            // One tab, no disk: the tab that has the events in memory sends them.
            Output::RequestLeadership => self.run(Input::Leader(true)),
            Output::Store(events) => {
                let ids = events.into_iter().map(|event| event.id).collect();
                self.run(Input::StoreFailed(ids));
            }
            Output::Delete(_) => {}
        }
    }

    fn fetch(&self, request: HttpRequest) {
        match headers(&request) {
            Ok(headers) => self.io.fetch(
                request.id,
                &request.url,
                request.method,
                headers,
                &request.body,
                request.keepalive,
            ),
            Err(_) => self.run(Input::NetworkError {
                request: request.id,
            }),
        }
    }

    fn receipt(&self, id: &str, state: &State) {
        let violations;
        let (state, detail) = match state {
            State::Recorded => ("recorded", ""),
            State::Stored => ("stored", ""),
            State::Sent => ("sent", ""),
            State::Delivered => ("delivered", ""),
            State::Invalid(list) => {
                violations = violations_json(list);
                ("invalid", &*violations)
            }
            State::Rejected(message) => ("rejected", &**message),
            State::Dropped(reason) => ("dropped", drop_reason(*reason)),
        };
        self.io.receipt(id, state, detail);
    }
}

fn headers(request: &HttpRequest) -> Result<Headers, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in &request.headers {
        headers.set(name, value)?;
    }
    Ok(headers)
}

fn drop_reason(reason: DropReason) -> &'static str {
    match reason {
        DropReason::TooMany => "too many events are waiting",
        DropReason::TooLarge => "too many bytes are waiting",
        DropReason::TooOld => "too old",
        DropReason::Disabled => "disabled",
    }
}

fn violations_json(violations: &[Violation]) -> String {
    let mut writer = Writer::new();
    writer.begin_array();
    for violation in violations {
        writer.begin_object();
        writer.name("path").string(&violation.path);
        writer.name("rule").string(violation.rule);
        writer.name("expected").string(&violation.expected);
        writer.name("actual").string(&violation.actual);
        writer.end_object();
    }
    writer.end_array();
    writer.finish()
}

/// JavaScript's clocks count milliseconds in doubles.
fn timestamp(milliseconds: f64) -> Timestamp {
    Timestamp(milliseconds as i64)
}
