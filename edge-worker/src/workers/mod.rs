//! Cloudflare Workers and workerd: the shell around the service.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::time::Duration;

use forebay_core::time::Timestamp;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Date, Object, Uint8Array};
use sha2::{Digest, Sha256};
use web_sys::{CryptoKey, SubtleCrypto, WorkerGlobalScope};
use worker::wasm_bindgen::JsCast;
use worker::wasm_bindgen_futures::JsFuture;
use worker::{
    AbortController, ByteStream, Env, Fetch, Headers, Method, Request, RequestInit,
    RequestRedirect, Response, ResponseBody, console_error, console_log,
};

use crate::config::{Bindings, Config, ConfigError};
use crate::http::message::Head;
use crate::identity::jwks::{Algorithm, PublicKey};
use crate::pipeline::deduplication::DeduplicationWindow;
use crate::pipeline::enrich::Cf;
use crate::platform::{BodyError, Call, NoRandomness, Platform, Reply, Unreachable};
use crate::routes::Service;
use crate::text::uuid;

type Configuration = Result<Config, Vec<ConfigError>>;

thread_local! {
    /// Read with the first request: the bindings of an isolate never change.
    static CONFIGURATION: Cell<Option<&'static Configuration>> = const { Cell::new(None) };
    /// What this isolate has accepted lately. Made with the first request: before it, the platform
    /// has no randomness to give.
    static WINDOW: Cell<Option<&'static RefCell<DeduplicationWindow>>> = const { Cell::new(None) };
}

/// Answers a request of the platform's.
///
/// # Errors
/// Those of the platform, where it does not take the answer.
pub async fn answer(request: Request, env: &Env) -> worker::Result<Response> {
    let head = head(&request);
    let platform = Workers {
        request: Cell::new(Some(request)),
    };
    let configuration = configuration(env);
    let service = Service {
        head: &head,
        config: configuration.as_ref().map_err(Vec::as_slice),
        window: window(configuration),
        platform: &platform,
    };
    let (answer, line) = service.answer().await;
    console_log!("{}", line.encode());
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

fn now() -> Timestamp {
    // Whole milliseconds since the epoch: a safe integer for some 200,000 years.
    #[allow(clippy::cast_possible_truncation)]
    Timestamp(Date::now() as i64)
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
    let _ = getrandom::fill(&mut random);
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

fn configuration(env: &Env) -> &'static Configuration {
    if let Some(configuration) = CONFIGURATION.get() {
        return configuration;
    }
    let text = |name: &str| env.var(name).ok().map(|value| value.to_string());
    let configuration = Config::read(Bindings {
        forebay: env.object_var("FOREBAY").ok(),
        schema: text("SCHEMA"),
        master_secrets: text("MASTER_SECRETS"),
        pii_salt: text("PII_SALT"),
        kinesis_access_key_id: text("KINESIS_ACCESS_KEY_ID"),
        kinesis_secret_access_key: text("KINESIS_SECRET_ACCESS_KEY"),
        kinesis_session_token: text("KINESIS_SESSION_TOKEN"),
    });
    for error in configuration.as_ref().err().into_iter().flatten() {
        console_error!("configuration: {error}");
    }
    // One for the isolate's life.
    let configuration = Box::leak(Box::new(configuration));
    CONFIGURATION.set(Some(configuration));
    configuration
}

fn window(configuration: &Configuration) -> &'static RefCell<DeduplicationWindow> {
    if let Some(window) = WINDOW.get() {
        return window;
    }
    let mut secret = [0; 32];
    // Keys that could be foreseen might be made to collide: without randomness nothing is remembered.
    let size = match (getrandom::fill(&mut secret), configuration) {
        (Ok(()), Ok(config)) => config.deduplication_window,
        _ => 0,
    };
    // One for the isolate's life.
    let window = Box::leak(Box::new(RefCell::new(DeduplicationWindow::new(
        size, secret,
    ))));
    WINDOW.set(Some(window));
    window
}

struct Workers {
    /// The request, until its body is read.
    request: Cell<Option<Request>>,
}

/// So much of a body that is too large is still read and thrown away: a client that is cut off
/// while it sends sees a broken connection where it should see the answer.
const MAX_DRAINED_BYTES: usize = 16 * 1024 * 1024;

impl Platform for Workers {
    fn now(&self) -> Timestamp {
        now()
    }

    fn randomize(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        getrandom::fill(bytes).map_err(|_| NoRandomness)
    }

    async fn sha256(&self, bytes: &[u8]) -> [u8; 32] {
        match native_sha256(bytes).await {
            Some(hash) => hash,
            None => Sha256::digest(bytes).into(),
        }
    }

    async fn read_body(&self, max_bytes: usize) -> Result<Vec<u8>, BodyError> {
        let mut request = self.request.take().ok_or(BodyError::BrokeOff)?;
        if request.inner().body().is_none() {
            return Ok(Vec::new());
        }
        let announced = request.headers().get("content-length").ok().flatten();
        let announced = announced.and_then(|length| length.parse::<usize>().ok());
        // HTTP lets no body be longer than announced, so that it can be taken in one piece.
        if announced.is_some_and(|length| length <= max_bytes) {
            let body = request.bytes().await.map_err(|_| BodyError::BrokeOff)?;
            return if body.len() <= max_bytes {
                Ok(body)
            } else {
                Err(BodyError::TooLarge)
            };
        }
        let stream = request.stream().map_err(|_| BodyError::BrokeOff)?;
        read_stream(stream, max_bytes).await
    }

    async fn post(&self, call: Call) -> Result<Reply, Unreachable> {
        let request = outgoing(&call).map_err(|_| Unreachable)?;
        exchange(request, call.time_out, async |mut response| {
            response.bytes().await.ok()
        })
        .await
    }

    async fn get(
        &self,
        url: &str,
        max_bytes: usize,
        time_out: Duration,
    ) -> Result<Reply, Unreachable> {
        let mut init = RequestInit::new();
        init.with_redirect(RequestRedirect::Manual);
        let request = Request::new_with_init(url, &init).map_err(|_| Unreachable)?;
        exchange(request, time_out, async |mut response| {
            read_stream(response.stream().ok()?, max_bytes).await.ok()
        })
        .await
    }

    async fn verifies(
        &self,
        key: &PublicKey,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let verified = verified(key, algorithm, message, signature).await;
        verified.unwrap_or(false)
    }

    async fn wait(&self, duration: Duration) {
        TimeoutFuture::new(millis(duration)).await;
    }
}

/// Sends a request and reads the answer's body by `read`, all within `time_out`.
async fn exchange(
    request: Request,
    time_out: Duration,
    read: impl AsyncFnOnce(Response) -> Option<Vec<u8>>,
) -> Result<Reply, Unreachable> {
    let time_out = TimeoutFuture::new(millis(time_out));
    let controller = AbortController::default();
    let signal = controller.signal();
    let exchange = async {
        let response = Fetch::Request(request).send_with_signal(&signal).await;
        let response = response.ok()?;
        let status = response.status_code();
        let body = read(response).await?;
        Some(Reply { status, body })
    };
    match select(pin!(exchange), time_out).await {
        Either::Left((reply, _)) => reply.ok_or(Unreachable),
        Either::Right(_) => {
            controller.abort();
            Err(Unreachable)
        }
    }
}

fn webcrypto() -> Option<SubtleCrypto> {
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    Some(scope.crypto().ok()?.subtle())
}

/// An algorithm as WebCrypto names it; for a key of either kind the other's members are read over.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct WebCryptoAlgorithm {
    name: &'static str,
    hash: &'static str,
    named_curve: &'static str,
}

impl From<Algorithm> for WebCryptoAlgorithm {
    fn from(algorithm: Algorithm) -> WebCryptoAlgorithm {
        const RSA: &str = "RSASSA-PKCS1-v1_5";
        let (name, hash) = match algorithm {
            Algorithm::RS256 => (RSA, "SHA-256"),
            Algorithm::RS384 => (RSA, "SHA-384"),
            Algorithm::RS512 => (RSA, "SHA-512"),
            Algorithm::ES256 => ("ECDSA", "SHA-256"),
        };
        WebCryptoAlgorithm {
            name,
            hash,
            named_curve: "P-256",
        }
    }
}

/// Whether a signature holds; `None` where the platform does not take the key.
async fn verified(
    key: &PublicKey,
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let subtle = webcrypto()?;
    let algorithm = WebCryptoAlgorithm::from(algorithm);
    let algorithm: Object = serde_wasm_bindgen::to_value(&algorithm).ok()?.into();
    let jwk: Object = serde_wasm_bindgen::to_value(key).ok()?.into();
    let usages = Array::of1(&"verify".into());
    let key = subtle.import_key_with_object("jwk", &jwk, &algorithm, false, &usages);
    let key: CryptoKey = JsFuture::from(key.ok()?).await.ok()?.into();
    let signature = Uint8Array::from(signature);
    let holds = subtle.verify_with_object_and_js_u8_array_and_js_u8_array(
        &algorithm,
        &key,
        &signature,
        &Uint8Array::from(message),
    );
    JsFuture::from(holds.ok()?).await.ok()?.as_bool()
}

/// SHA-256 by the platform's WebCrypto: several times as fast as WebAssembly.
async fn native_sha256(bytes: &[u8]) -> Option<[u8; 32]> {
    let subtle = webcrypto()?;
    let digest = subtle.digest_with_str_and_u8_array("SHA-256", bytes).ok()?;
    let hash = JsFuture::from(digest).await.ok()?;
    Uint8Array::new(&hash).to_vec().try_into().ok()
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// Reads a body whose length is unknown, or known to be too large.
async fn read_stream(mut stream: ByteStream, max_bytes: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    let mut length: usize = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| BodyError::BrokeOff)?;
        length = length.saturating_add(chunk.len());
        if length <= max_bytes {
            body.extend_from_slice(&chunk);
        } else {
            body = Vec::new();
        }
        if length > max_bytes.saturating_add(MAX_DRAINED_BYTES) {
            break;
        }
    }
    if length <= max_bytes {
        Ok(body)
    } else {
        Err(BodyError::TooLarge)
    }
}

fn outgoing(call: &Call) -> worker::Result<Request> {
    let headers = Headers::new();
    for (name, value) in &call.headers {
        headers.set(name, value)?;
    }
    let mut init = RequestInit::new();
    init.with_method(Method::Post)
        .with_headers(headers)
        // A redirect would take the signature, and what it signs, somewhere else.
        .with_redirect(RequestRedirect::Manual)
        .with_body(Some(Uint8Array::from(call.body.as_bytes()).into()));
    Request::new_with_init(&call.url, &init)
}
