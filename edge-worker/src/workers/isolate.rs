//! What an isolate keeps from one request to the next.

use std::cell::{Cell, RefCell};

use js_sys::Reflect;
use worker::wasm_bindgen::JsValue;
use worker::{Env, console_error};

use super::platform::Workers;
use crate::config::{Bindings, Config, ConfigError};
use crate::pipeline::deduplication::DeduplicationWindow;
use crate::platform::Random;

/// The configuration, or what is wrong with it.
pub type Configuration = Result<Config, Vec<ConfigError>>;

thread_local! {
    /// Read with the first request: the bindings of an isolate never change.
    static CONFIGURATION: Cell<Option<&'static Configuration>> = const { Cell::new(None) };
    /// What this isolate has accepted lately. Made with the first request: before it, the platform
    /// has no randomness to give.
    static WINDOW: Cell<Option<&'static RefCell<DeduplicationWindow>>> = const { Cell::new(None) };
}

/// The configuration of this isolate.
pub fn configuration(env: &Env) -> &'static Configuration {
    if let Some(configuration) = CONFIGURATION.get() {
        return configuration;
    }
    let text = |name| binding(env, name).and_then(|value| value.as_string());
    let configuration = Config::read(Bindings {
        forebay: binding(env, "FOREBAY")
            .and_then(|value| serde_wasm_bindgen::from_value(value).ok()),
        schema: text("SCHEMA"),
        master_secrets: text("MASTER_SECRETS"),
        pii_salt: text("PII_SALT"),
        kinesis_access_key_id: text("KINESIS_ACCESS_KEY_ID"),
        kinesis_secret_access_key: text("KINESIS_SECRET_ACCESS_KEY"),
        kinesis_session_token: text("KINESIS_SESSION_TOKEN"),
        sink_keys: text("SINK_KEYS"),
    });
    for error in configuration.as_ref().err().into_iter().flatten() {
        console_error!("configuration: {error}");
    }
    // One for the isolate's life.
    let configuration = Box::leak(Box::new(configuration));
    CONFIGURATION.set(Some(configuration));
    configuration
}

/// What is bound to a name. workerd binds `null` where it is to take a value from an environment that
/// does not have it; the platform's crate takes what is bound to a name for an object, and panics.
fn binding(env: &Env, name: &str) -> Option<JsValue> {
    let value = Reflect::get(env, &name.into()).ok()?;
    (!value.is_null() && !value.is_undefined()).then_some(value)
}

/// The deduplication window of this isolate.
pub fn window(configuration: &Configuration) -> &'static RefCell<DeduplicationWindow> {
    if let Some(window) = WINDOW.get() {
        return window;
    }
    let mut secret = [0; 32];
    // Keys that could be foreseen might be made to collide: without randomness nothing is remembered.
    let size = match (Workers.randomize(&mut secret), configuration) {
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
